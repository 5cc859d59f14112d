"""Who reads, by the frames above; and what is read, where arguments do not say it plainly."""

from __future__ import annotations

import os
import sysconfig
import urllib.parse
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.callers import package_of
from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

OURS = RUNNER | {"coverage", "pytest_cov", "xdist", "execnet", "hypothesis"}
"""Packages whose own reading says nothing about a test."""

_MAPPING = frozenset({"os", "collections.abc"})
"""Modules of the methods that `os.environ` has."""

_IMPORTS = ("<frozen importlib", "<frozen zipimport")
_STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))


def asks(frame: FrameType, name: str) -> bool:
    """Return whether a method of mappings with this name called."""
    outer = frame.f_back
    return outer is not None and outer.f_code.co_name == name and outer.f_globals.get("__name__") in _MAPPING


def place_in(frame: FrameType | None) -> tuple[CodeType, int] | None:
    """Return the instruction that called: ``dict(os.environ)`` is one that iterates, and then asks for each key."""
    outer = None if frame is None else frame.f_back
    return None if outer is None else (outer.f_code, outer.f_lasti)


def is_patched(frame: FrameType | None) -> bool:
    """Return whether ``mock.patch.dict`` copies the environment, only to restore it."""
    while frame is not None and frame.f_globals.get("__name__") in _MAPPING:
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "unittest.mock"


def key_of(frame: FrameType) -> str:
    """Return the key that a method of `os.environ` was called with; '' for what is none."""
    key = frame.f_locals.get("key")
    return os.fsdecode(key) if isinstance(key, (str, bytes)) else ""


def is_git(args: tuple[object, ...]) -> bool:
    """Return whether the arguments of an audit event start git."""
    return any("git" in str(arg) for arg in args[:2])


def database_files(name: object) -> tuple[str, ...]:
    """Return the files that ``sqlite3.connect`` opens for this name, which may be a URI."""
    if not isinstance(name, (str, bytes, os.PathLike)):
        return ()
    path = os.fsdecode(name)
    if path.startswith("file:"):
        path = urllib.parse.unquote(urllib.parse.urlsplit(path).path)
    return () if path in ("", ":memory:") else (path, f"{path}-wal")


def is_import(frame: FrameType) -> bool:
    """Return whether a frame of the import system imports, and does not read data for somebody else."""
    outer = frame.f_back
    return frame.f_code.co_name != "get_data" or (outer is not None and outer.f_code.co_name == "get_code")


def is_ours(frame: FrameType | None) -> bool:
    """Return whether pytest is the nearest caller outside of the standard library."""
    while frame is not None and is_standard(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and package_of(frame) in OURS


def is_standard(filename: str) -> bool:
    """Return whether a file is one of the standard library."""
    return filename.startswith(("<frozen ", *_STANDARD)) and "/site-packages/" not in filename


class Readers:
    """Finds the file of the project that reads something."""

    def __init__(self, is_own: Callable[[str], bool], relative: Callable[[str], str]) -> None:
        """Know the project.

        Args:
            is_own: returns whether a file is the project's.
            relative: returns a path as seen from the root.
        """
        self._is_own = is_own
        self._relative = relative

    def is_foreign_import(self, frame: FrameType | None) -> bool:
        """Return whether an installed package is being imported: the processes it starts look at the system."""
        while frame is not None and not self._is_own(frame.f_code.co_filename):
            if frame.f_code.co_name == "<module>" and not frame.f_code.co_filename.startswith("<"):
                return True
            frame = frame.f_back
        return False

    def reader(self, frame: FrameType | None, path: str) -> str | None:
        """Return the nearest file of the project on the stack, '' if there is none; None if the read does not count.

        Args:
            frame: that reads.
            path: of a file whose content is read; '' for other questions.
        """
        while frame is not None:
            filename = frame.f_code.co_filename
            if filename.startswith(_IMPORTS) and is_import(frame):
                return None if path.endswith(".py") or not path else self._nearest(frame)
            if frame.f_globals.get("__name__") == "linecache":
                return None if is_ours(frame) else ""  # all tests share what it keeps
            if not is_standard(filename):
                return None if package_of(frame) in OURS else self._nearest(frame)
            frame = frame.f_back
        return ""  # a thread in which only the standard library runs

    def _nearest(self, frame: FrameType | None) -> str:
        """Return the nearest file of the project's on the stack, '' if there is none."""
        while frame is not None:
            if self._is_own(frame.f_code.co_filename):
                return self._relative(frame.f_code.co_filename)
            frame = frame.f_back
        return ""
