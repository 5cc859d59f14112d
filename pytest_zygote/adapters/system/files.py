"""Identities of files: what a layer remembers of a file, and what the barrier compares."""

from __future__ import annotations

import contextlib
import glob
import os
import stat
import sys
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LINK = 2
"""Length of a link identity: a presence has one part, an identity three or more."""

BASIC = 4
"""Length of what is told of files and folders alike."""

TEXT = 3
"""Length of the part of an identity that says whether a file was written; the rest also changes with its mode."""

WITH_HIDDEN = "/."
"""The end of a path of a folder whose hidden entries count, too."""

READS = 5
"""How often to read a file that is being written to: a save takes microseconds."""


def identity(path: str) -> tuple[int, ...]:
    """Return (mtime in ns, size, inode, change) of a file or folder, following links; () if it is not there.

    The inode tells a file that was replaced by one with the same time stamp (``cp -p``, ``git stash``), the last part
    one that was written to, or got another mode, with its time stamp put back. A folder has a checksum of its entries
    in addition: its mtime changes with every cache that is written to it. Hidden entries count if the folder's path
    ends with `WITH_HIDDEN`.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ()
    basic = _basic(status)
    return (*basic, _entries_checksum(path)) if stat.S_ISDIR(status.st_mode) else basic


def read_unchanged(path: str) -> tuple[bytes, tuple[int, ...]] | None:
    """Return the bytes of a file, and the identity that it had before and after they were read; None if it has none."""
    before = identity(path)
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return None
    return (text, before) if before == identity(path) else None


def read_steady(path: str) -> tuple[bytes, tuple[int, ...]] | None:
    """Return the same as `read_unchanged`, which is tried again while the file is being written to."""
    for _ in range(READS):
        found = read_unchanged(path)
        if found is not None or not os.path.exists(path):
            return found
    return None


def presence(path: str) -> tuple[int, ...]:
    """Return the (kind,) of what is at a path, whatever it holds; () if nothing is there."""
    try:
        return (stat.S_IFMT(os.stat(path).st_mode),)
    except (OSError, ValueError):
        return ()


def link_identity(path: str) -> tuple[int, int]:
    """Return (kind and permissions, checksum of where it leads) of what is at a path; (0, 0) for nothing.

    A link is described itself, and not what it leads to.
    """
    try:
        mode = os.lstat(path).st_mode
        target = os.readlink(path) if stat.S_ISLNK(mode) else ""
    except (OSError, ValueError):
        return (0, 0)
    return (mode, zlib.crc32(target.encode("utf-8", "surrogateescape")))


def _entries_checksum(folder: str) -> int:
    has_hidden = folder.endswith(WITH_HIDDEN)
    try:
        listed = os.listdir(folder)
        entries = sorted(entry for entry in listed if (has_hidden or entry[0] != ".") and entry != "__pycache__")
    except OSError:
        return 0
    return zlib.crc32("\0".join(entries).encode("utf-8", "surrogatepass"))


def changed(recorded: dict[str, tuple[int, ...]]) -> list[str]:
    """Return the paths whose identity, link identity or presence is no longer the recorded one."""
    look = os.stat
    suspects = []
    for path, known in recorded.items():
        if len(known) == LINK:
            suspects.append(path)
            continue
        try:
            status = look(path)
        except (OSError, ValueError):
            if known:
                suspects.append(path)
        else:
            if known[:BASIC] != _basic(status):
                suspects.append(path)
    return [path for path in suspects if _is_different(path, recorded[path])]


def _is_different(path: str, known: tuple[int, ...]) -> bool:
    if len(known) == 1:
        return presence(path) != known
    if len(known) == LINK:
        return link_identity(path) != known
    return not known[BASIC:] or identity(path)[BASIC:] != known[BASIC:]


def _basic(status: os.stat_result) -> tuple[int, ...]:
    # Package managers link files of packages into other environments, which changes the ctime and nothing else.
    change = status.st_ctime_ns if status.st_nlink == 1 else status.st_mode
    return (status.st_mtime_ns, status.st_size, status.st_ino, change)


def importable_names(folder: str) -> frozenset[str]:
    """Return the names that an import could find in a folder: modules, extensions, folders."""
    return frozenset(entry.partition(".")[0] for entry in importable_entries(folder))


def importable_entries(folder: str) -> frozenset[str]:
    """Return the files and folders in a folder that an import could find."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return frozenset()
    return frozenset(entry for entry in entries if entry[0] != "." and entry != "__pycache__" and _may_import(entry))


def _may_import(entry: str) -> bool:
    return "." not in entry or entry.endswith((".py", ".so", ".pyc"))


def drop_bytecode(sources: Iterable[str]) -> None:
    """Remove the compiled files of sources that changed.

    A ``.pyc`` is found fresh by the source's size and its mtime in *seconds*: an edit in the
    second of the last import that keeps the size would run the old code.
    """
    for source in sources:
        folder, name = os.path.split(source)
        stem = os.path.join(folder, "__pycache__", glob.escape(name.removesuffix(".py")))
        for compiled in glob.glob(f"{stem}.{sys.implementation.cache_tag}*.pyc"):
            with contextlib.suppress(OSError):
                os.unlink(compiled)


def replace(path: str, text: str) -> None:
    """Write a file as a whole, or not at all.

    Raises:
        OSError: it cannot be written.
    """
    passing = f"{path}.{os.getpid()}"
    try:
        with open(passing, "x", encoding="utf-8") as file:
            file.write(text)
        os.replace(passing, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(passing)
