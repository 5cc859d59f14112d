"""What modules change outside of themselves, and how it is undone and done again."""

from __future__ import annotations

import decimal
import gc
import json
import random
import signal
import sys

import pytest

from pytest_zygote.adapters.interpreter import process_state
from pytest_zygote.adapters.interpreter.attribute_writes import MISSING
from pytest_zygote.adapters.interpreter.process_state import ProcessState, become, is_same
from pytest_zygote.core.layers.import_effects import Became


class Hostile:
    """Must never be asked whether it equals anything."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]  # see above


@pytest.fixture
def state() -> ProcessState:
    """Give what is unchanged when the test begins."""
    random.random()  # noqa: S311 - so that the next does not make a new block of numbers
    return ProcessState()


def test_nothing_has_changed(state: ProcessState) -> None:
    """Drawing a random number, whose seed nobody knows, is no change."""
    random.random()  # noqa: S311 - nothing is kept secret
    assert list(state.changes("app")) == []
    state.restore()


def test_a_patched_function_is_undone_and_done_again(state: ProcessState, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new attribute is taken away again."""
    plain, other = json.dumps, Hostile()
    monkeypatch.setattr(json, "dumps", other)
    monkeypatch.setattr(json, "extra", other, raising=False)

    changes = list(state.changes("app"))
    state.restore()

    assert {change.what for change in changes} == {"attribute of json.dumps", "attribute of json.extra"}
    assert json.dumps is plain
    assert not hasattr(json, "extra")
    for change in changes:
        become(*change)
    assert vars(json)["extra"] is vars(json)["dumps"] is other


def test_the_standard_library_may_write_into_itself(state: ProcessState, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a module of it is executed, this is nobody's change, and stays."""
    monkeypatch.setattr(json, "dumps", other := Hostile())
    assert list(state.changes("json.tool")) == []

    state.restore()

    assert vars(json)["dumps"] is other


def test_changes_of_the_process_are_undone_and_done_again(state: ProcessState) -> None:
    """Each by the name of its kind."""
    precision, handler = decimal.getcontext().prec, signal.getsignal(signal.SIGWINCH)
    decimal.getcontext().prec = 6
    gc.disable()
    signal.signal(signal.SIGWINCH, print)
    finder = Hostile()
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]  # nobody asks it

    changes = list(state.changes("app"))
    state.restore()

    winch = f"the handler of signal {signal.SIGWINCH:d}"
    assert [change.what for change in changes] == ["gc", "import hooks", winch, "decimal context"]
    assert (decimal.getcontext().prec, gc.isenabled(), signal.getsignal(signal.SIGWINCH)) == (precision, True, handler)
    assert id(finder) not in map(id, sys.meta_path)
    for change in changes:
        become(*change)
    assert (decimal.getcontext().prec, gc.isenabled(), signal.getsignal(signal.SIGWINCH)) == (6, False, print)
    assert id(sys.meta_path.pop(0)) == id(finder)
    signal.signal(signal.SIGWINCH, handler)
    gc.enable()
    decimal.getcontext().prec = precision


@pytest.mark.parametrize(
    ("what", "value", "reason"),
    [
        ("sys.argv", (), "changes sys.argv"),
        ("attribute of os.fork", ("os", "fork", None), "changes os.fork"),
        ("attribute of sys.stdout", ("sys", "stdout", None), "changes sys.stdout"),
        ("attribute of sys.displayhook", ("sys", "displayhook", None), ""),
        ("attribute of threading.excepthook", ("threading", "excepthook", None), ""),
        ("attribute of json.dumps", ("json", "dumps", MISSING), ""),
        ("gc", (True, (1, 2, 3), 0), ""),
        ("the handler of signal 2", None, ""),
    ],
)
def test_only_what_another_process_can_do_again_is_eligible(what: str, value: object, reason: str) -> None:
    """Arguments, limits and streams are a process's own; what forks and serves must not be patched."""
    assert process_state.ineligible(Became(what, value)) == reason


def test_objects_of_others_are_compared_by_identity() -> None:
    """Also those in tuples; plain values by equality, if they are of one type."""
    one = Hostile()
    assert is_same((1, one), (1, one))
    assert not is_same((1, one), (1, Hostile()))
    assert not is_same(1, True)  # noqa: FBT003 - a value
