"""What the functions of `gc` see of a frozen layer."""

from __future__ import annotations

import gc
import types
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.frozen_objects import showing

if TYPE_CHECKING:
    from collections.abc import Iterator


class Thing:
    """Is looked for."""


@pytest.fixture(autouse=True)
def frozen() -> Iterator[Thing]:
    """Freeze all there is."""
    thing = Thing()
    gc.freeze()
    yield thing
    gc.unfreeze()


def called_by(name: str, function: object, *args: object) -> object:
    """Call something from a module of that name."""
    module = types.ModuleType(name)
    exec("def call(function, *args):\n    return function(*args)", vars(module))  # noqa: S102 - our own code
    return vars(module)["call"](function, *args)


def test_code_of_the_user_sees_what_is_frozen(frozen: Thing) -> None:
    """As in a run that has made it; the call itself refers to nothing."""
    assert not any(thing is frozen for thing in gc.get_objects())
    assert called_by("test_leaks", showing(gc.get_freeze_count)) == 0
    assert any(thing is frozen for thing in gc.get_objects())
    assert not any(type(thing) is dict and "named" in thing for thing in gc.get_referrers(frozen))


def test_pytest_does_not(frozen: Thing) -> None:
    """It collects when a session ends: that would copy all pages of the layer."""
    called_by("_pytest.unraisableexception", showing(gc.collect))
    assert not any(thing is frozen for thing in gc.get_objects())


def test_what_holds_an_object_only_to_ask_is_no_referrer() -> None:
    """The list of arguments is nobody's."""
    held: list[object] = [[]]
    names = {"__name__": "test_leaks", "function": showing(gc.get_referrers), "held": held}
    exec("found = function(held[0])", names)  # noqa: S102 - our own code
    assert names["found"] == [held]
