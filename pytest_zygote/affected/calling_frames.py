"""Who reads, by the frames above; and what is read, where arguments do not say it plainly."""

from __future__ import annotations

import os
import sysconfig
import urllib.parse
from typing import TYPE_CHECKING

from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from types import CodeType, FrameType

OURS = RUNNER | {"coverage", "pytest_cov", "xdist", "execnet", "hypothesis"}
"""Packages whose own reading says nothing about a test."""

_MAPPING = frozenset({"os", "collections.abc"})
"""Modules of the methods that `os.environ` has."""

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


def package_of(frame: FrameType) -> str:
    """Return the top package of the module that a frame runs code of."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def is_standard(filename: str) -> bool:
    """Return whether a file is one of the standard library."""
    return filename.startswith(("<frozen ", *_STANDARD)) and "/site-packages/" not in filename
