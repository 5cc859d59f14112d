"""Who asks for a file or for a key of the environment, and whether it matters."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.core.runner_code import OBSERVERS

if TYPE_CHECKING:
    from types import FrameType

LOOKING = frozenset(
    {
        *("exists", "isfile", "isdir", "is_file", "is_dir", "resolve"),
        *("lexists", "islink", "is_symlink", "realpath", "_joinrealpath"),
    }
)
"""Functions of the standard library that take no more from ``os.stat`` than what is there, if anything."""


def only_looks_for(frame: FrameType) -> bool:
    """Return whether a call of ``os.stat`` came from one of `LOOKING` (`pathlib` has a ``stat`` of its own between)."""
    caller: FrameType | None = frame
    while caller is not None and caller.f_code.co_name in ("stat", "lstat"):
        caller = caller.f_back
    return caller is not None and caller.f_code.co_name in LOOKING and package_of(caller) in sys.stdlib_module_names


def package_of(frame: FrameType) -> str:
    """Return the top package of the module that a frame runs code of."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def is_own_caller(frame: FrameType | None) -> bool:
    """Return whether nobody asks who acts on the answer: pytest and this package ask again in each run."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        top = name.partition(".")[0]
        if name.startswith("importlib.metadata"):
            return True  # lists all of sys.path; the packages there have a fingerprint of their own
        if top not in sys.stdlib_module_names:
            return top in OBSERVERS
        frame = frame.f_back
    return False
