"""Watches a folder with watchdog: says that something changed, and on request which files.

Only the daemon and watch mode may import this: an observer is three threads, and a process that forks has one.
Watchdog reports on its own thread; a byte in a pipe takes it to the daemon's loop.

Where events cannot be had, `FileWatcher.must_poll` says so, and the daemon looks at its files now and then.
Watchdog could poll too, but it would look at every file below the folder; the daemon knows the few that
matter.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fnmatch
import logging
import os
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from pytest_zygote.adapters.system import procfs
from pytest_zygote.core.layers.file_systems import silent_type

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchdog.observers.api import BaseObserver

log = logging.getLogger("pytest_zygote")

IGNORED_FOLDERS = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj", ".idea", ".vscode"),
        *("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox"),
        *(".venv", "venv", "node_modules", ".ipynb_checkpoints", ".coverage", "htmlcov"),
    )
)
"""Folders in which nothing is imported that a run would not look at itself."""

IGNORED_FILES = (
    *("*.pyc", "*.pyo", "*.pyc.*", "*.log", "*.tmp", ".coverage*"),
    *("*~", ".*.sw?", ".*.swpx", "4913", "#*#", ".#*"),
)
"""Compiled files, editors' temporary files, and what runs write all the time."""

CHANGES = frozenset({"created", "modified", "deleted", "moved"})
"""Kinds of events that matter: the others say that somebody reads, or has written all that was to be written."""

CLOSED = "closed"
"""Kind of the event that ends the writing of a file."""

LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances",
}
"""What to raise when the system refuses to watch."""

NEW_FOLDERS = frozenset({"created", "moved"})
"""Kinds of events of folders that need a watch of their own."""

IN_DELETE_SELF = 0x400  # linux/inotify.h


class FileWatcher:
    """Watches one folder and all in it.

    Attributes:
        state: one line for the status.
        must_poll: whether changes may be missed.
    """

    def __init__(self, root: str, ignored: tuple[str, ...] = ()) -> None:
        """Watch nothing yet.

        Args:
            root: the folder.
            ignored: further globs, of paths below the root or of file names.
        """
        self._root = root
        self._ignored = (*IGNORED_FILES, *ignored)
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._paths: deque[str] = deque(maxlen=1000)
        self._open: set[str] = set()
        self._observer: BaseObserver | None = None
        self.state = "starting to watch"
        self.must_poll = False

    def fileno(self) -> int:
        """Return the descriptor that can be read when something has changed."""
        return self._read

    def read(self) -> bool:
        """Return whether something has changed since the last time."""
        try:
            return bool(os.read(self._read, 512))
        except BlockingIOError:
            return False

    def drain(self) -> list[str]:
        """Return the paths of the files that have changed since the last time (of very many, the last)."""
        return [self._paths.popleft() for _ in range(len(self._paths))]

    @property
    def is_settled(self) -> bool:
        """Whether all files that were written have been closed."""
        return not self._open

    def start(self) -> None:
        """Begin to watch, on a thread: a tree of 30,000 folders takes seconds."""
        threading.Thread(target=self._start, name="watch", daemon=True).start()

    def _start(self) -> None:
        kind = silent_type(procfs.mountinfo(), os.path.realpath(self._root))
        if kind:
            self._give_up(f"file system of type {kind}, where others may change files without a word")
            return
        before = watch_counts()
        self._observer = Observer()
        try:
            self._observer.schedule(_Handler(self), self._root, recursive=True)
            self._observer.start()
        except OSError as error:
            self._refuse(error)
            _close_left(before)
            return
        self.state = f"watching {self._root}"
        log.info(self.state)
        self._leave_room()

    def _leave_room(self) -> None:
        """Give all watches back if the last one is taken, by us or others."""
        if not self.must_poll and not has_room():
            self._refuse(OSError(errno.ENOSPC, "inotify watch limit reached"))

    def _refuse(self, error: OSError) -> None:
        setting = LIMITS.get(error.errno or 0)
        hint = f"; raise it: sysctl {setting}" if setting else ""
        self._give_up(f"{error.strerror or error}{hint}")

    def _give_up(self, reason: str) -> None:
        self.stop()
        self.state = f"no file events: {reason}"
        self.must_poll = True
        log.warning(self.state)
        os.write(self._write, b"!")

    def stop(self) -> None:
        """End watching; the process ends soon after, so nobody waits for the threads."""
        if self._observer is not None:
            self._observer.stop()

    def see(self, event: FileSystemEvent) -> None:
        """Wake the daemon if an event matters; called on watchdog's thread."""
        if event.event_type == CLOSED:
            self._see_closed(os.fsdecode(event.src_path))
            return
        if event.is_directory and event.event_type in NEW_FOLDERS:
            self._leave_room()
        if event.event_type not in CHANGES or (event.is_directory and event.event_type == "modified"):
            return  # a folder is modified by whatever happens to the files in it, which has events of its own
        matter = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if self.matters(path)]
        self._paths.extend(matter)
        if event.event_type == "modified":
            self._open.update(matter)
        else:
            self._open.difference_update(matter)
        if matter:
            self._wake()

    def _see_closed(self, path: str) -> None:
        if path in self._open:
            self._open.discard(path)
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: the daemon has not yet read the last one
            os.write(self._write, b"!")

    def matters(self, path: bytes | str) -> bool:
        """Return whether changes of a file or folder are reported."""
        below = os.path.relpath(os.fsdecode(path), self._root) if path else ""
        *folders, name = below.split(os.sep)
        if not name or not IGNORED_FOLDERS.isdisjoint((*folders, name)):
            return False
        return not any(fnmatch.fnmatch(name, glob) or fnmatch.fnmatch(below, glob) for glob in self._ignored)


def watch_counts() -> dict[int, int]:
    """Return the inotify instances of this process: descriptor → how many folders it watches."""
    counts = {}
    with contextlib.suppress(OSError):  # another system
        for descriptor in (number for number, kind in procfs.open_files().items() if kind == "anon_inode:inotify"):
            info = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
            counts[descriptor] = info.count("inotify wd:")
    return counts


def _close_left(before: Collection[int]) -> None:
    """Close what watchdog has left open when it failed (before version 7 all the watches that it had got)."""
    for descriptor, watches in watch_counts().items():
        if watches and descriptor not in before:
            os.close(descriptor)


def has_room() -> bool:
    """Return whether the user could watch one folder more.

    Watchdog does not say which folders it could not watch, and editors need watches too.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        instance = libc.inotify_init1(os.O_CLOEXEC)
    except AttributeError:  # pragma: no cover - not Linux
        return True
    if instance < 0:  # no instance is left, which says nothing about watches
        return True
    try:
        return libc.inotify_add_watch(instance, b"/", IN_DELETE_SELF) >= 0 or ctypes.get_errno() != errno.ENOSPC
    finally:
        os.close(instance)


class _Handler(FileSystemEventHandler):
    """Passes all events on."""

    def __init__(self, watcher: FileWatcher) -> None:
        self._watcher = watcher

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take an event."""
        self._watcher.see(event)
