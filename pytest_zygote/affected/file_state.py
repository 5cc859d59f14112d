"""Files at this moment: when they changed, what they hold, what their text compiles to."""

from __future__ import annotations

import os
import stat
import sys

from pytest_zygote.affected.system_questions import presence, status
from pytest_zygote.core.affected.fingerprints import MODULE, checksum, compiled_text

TICK_NS = 20_000_000
"""Time stamps of files are that coarse, at most: a tick of the kernel's clock."""

__all__ = ["presence", "status"]

PYTHON = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"
"""What compiles equally."""

LARGE = 4_000_000
"""Bytes of a data file whose time stamp and size stand for its content."""

_LARGEST = 2**63 - 1
"""Of the numbers that the store can hold."""


def stamp(path: str) -> tuple[int, ...]:
    """Return a stamp that differs once the file changes: (mtime, ctime, size, inode); () if it is not there.

    No program can set the ctime: it gives away a file that was moved over another.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ()
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino & _LARGEST)


def changed_ns(path: str) -> int:
    """Return when a file, or its inode, last changed; 0 if it is not there."""
    return max(stamp(path)[:2], default=0)


def may_be_outdated(compiled: tuple[int, ...], text: tuple[int, ...]) -> bool:
    """Return whether, by their stamps, a compiled file may be that of an older text.

    Python compares sizes and *seconds* of a time that programs can set: it would run the old code after
    two saves in one second, or after a copy that keeps the time.
    """
    return bool(compiled and text) and compiled[0] // 10**9 <= max(text[:2]) // 10**9


def content(path: str, identity: tuple[int, ...]) -> bytes:
    """Return the checksum of a file's bytes; of anything else only that it exists: a pipe must not be read."""
    if identity and identity[2] > LARGE:
        return checksum(repr(identity).encode())
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return checksum(b"no plain file")
        with open(path, "rb") as file:
            return checksum(file.read())
    except OSError:
        return checksum(b"unreadable")


def compiled_units(path: str) -> dict[str, bytes]:
    """Return the units of a file's text."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return {MODULE: content(path, stamp(path))}
    return compiled_text(text, path)
