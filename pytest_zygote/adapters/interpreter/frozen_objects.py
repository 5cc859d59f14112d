"""Has the functions of `gc` see what a layer has frozen, as soon as code of the user's calls one of them.

A layer is frozen, since a collection in a run would touch, and so copy, every page of it. A test that looks for leaks,
or has a class collected, must find there what a run of its own would have made. What pytest collects when a session
ends was frozen for good reason.
"""

from __future__ import annotations

import functools
import gc
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.runner_code import OBSERVERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Function: TypeAlias = Callable[..., object]  # type: ignore[explicit-any]  # of any signature

_NAMES = ("collect", "freeze", "unfreeze", "get_freeze_count", "get_objects", "get_referrers")


def show_when_asked() -> None:
    """Stand in the place of the functions; to be called before any module can have taken one by name."""
    for name in _NAMES:
        setattr(gc, name, showing(getattr(gc, name)))


def showing(function: _Function) -> _Function:
    """Return a function of `gc` that sees frozen objects too when code of the user's calls it."""
    unfreeze = gc.unfreeze

    @functools.wraps(function)
    def called(*args: object, **named: object) -> object:
        if str(frame_above(1).f_globals.get("__name__", "")).partition(".")[0] not in OBSERVERS:
            unfreeze()
        found: object = function(*args, **named)
        if isinstance(found, list):  # not what holds them only to ask
            found[:] = [thing for thing in found if thing is not args and thing is not named]
        return found

    return called
