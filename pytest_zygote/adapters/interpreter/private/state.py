"""State of the standard library that has no public name: warnings, the generator of `random`, flags."""

from __future__ import annotations

import random
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
        "subprocess._args_from_interpreter_flags",
        ("interpreter_flags",),
        Feature.NOTHING,
        "`pz verify` starts plain pytest with the flags of this interpreter; without it, that command fails",
        lambda: isinstance(interpreter_flags(), list),
    ),
)
