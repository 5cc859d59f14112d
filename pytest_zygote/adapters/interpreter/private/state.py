"""State of the standard library that has no public name: warnings, the generator of `random`, flags."""

from __future__ import annotations

import random
import threading
import warnings
from typing import TYPE_CHECKING

from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Callable

    Show = Callable[[warnings.WarningMessage], None]

generator: object = random._inst
"""The object whose methods the functions of `random` are."""


def show_warnings_by(function: Show) -> None:
    """Have this called with each warning, until the `warnings.catch_warnings` around it ends."""
    warnings._showwarnmsg_impl = function  # type: ignore[attr-defined]


def interpreter_flags() -> list[str]:
    """Return the command-line flags with which this interpreter was started."""
    import subprocess

    return list(subprocess._args_from_interpreter_flags())  # type: ignore[attr-defined]


def renew_native_id() -> None:
    """Have the main thread know what the kernel calls it: `threading` keeps the number that it had before the fork."""
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]


def _is_showing_known() -> bool:
    seen: list[object] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        show_warnings_by(seen.append)
        warnings.warn_explicit("probe", UserWarning, "probe", 1)
    return len(seen) == 1


INTERNALS = (
    Internal(
        "warnings._showwarnmsg_impl",
        ("show_warnings_by",),
        Feature.LAYERS,
        "warnings of modules are recorded while a layer is built, and given again in each run",
        _is_showing_known,
    ),
    Internal(
        "random._inst",
        ("generator",),
        Feature.SESSIONS,
        "a session whose collection draws random numbers is found",
        lambda: "seed" in dir(generator) and vars(random)["random"].__self__ is generator,
    ),
    Internal(
        "threading.Thread._set_native_id",
        ("renew_native_id",),
        Feature.LAYERS,
        "`threading.main_thread().native_id` is that of the run's thread",
        lambda: callable(threading.Thread._set_native_id),  # type: ignore[attr-defined]
    ),
    Internal(
        "subprocess._args_from_interpreter_flags",
        ("interpreter_flags",),
        Feature.NOTHING,
        "`pz verify` starts plain pytest with the flags of this interpreter; without it, that command fails",
        lambda: isinstance(interpreter_flags(), list),
    ),
)
