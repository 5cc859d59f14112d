"""What imports may leave in a process that its forks must not have, or not without it: threads, files, processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import stat
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, procfs

if TYPE_CHECKING:
    from collections.abc import Callable


class LeakCheck:
    """Tells what is new since it was asked last."""

    def __init__(self) -> None:
        """Take what there is now as given."""
        self._shared = _shared_descriptors()
        self._descriptors = _open_descriptors()
        self._tasks = procfs.thread_links()
        self._children = _used_by_children()

    def opened(self) -> str:
        """Return what was opened that runs must not share; '' for nothing.

        A connection of SQLite is a file that is open for writing, and so is the file of a log: a run that finds it
        removed must make it anew.
        """
        count = _open_descriptors()
        if count == self._descriptors:
            return ""  # looking at each would cost more than importing the module
        self._descriptors = count
        sockets, writable = _shared_descriptors()
        if sockets > self._shared[0]:
            return "opens a socket"
        return "leaves a file open for writing" if writable > self._shared[1] else ""

    def has_waited(self) -> bool:
        """Return whether a process was started and waited for, by whatever means: the kernel adds up what it used."""
        before, self._children = self._children, _used_by_children()
        return before != self._children

    def threads(self, is_own: Callable[[], bool]) -> str:
        """Return the threads that have started; '' for none.

        Args:
            is_own: returns whether it was code of the project that started them.
        """
        others = processes.strangers()
        native, self._tasks = procfs.thread_links() - self._tasks, procfs.thread_links()
        if others:
            return ", ".join(thread.name for thread in others)
        # Libraries start such threads when they are imported, and know of forks (OpenBLAS). Code of the project
        # that does so has used one, and after that not all of them (OpenMP, polars) survive a fork.
        return "of a library that it uses" if native > 0 and is_own() else ""


def end_children() -> bool:
    """End the processes that imports have started and not waited for; return whether there were any."""
    found = processes.has_children()
    for pid in procfs.children(os.getpid()) if found else ():
        processes.signal_process(pid, signal.SIGTERM)
    return found


def _used_by_children() -> tuple[int, float]:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_minflt, usage.ru_utime + usage.ru_stime


def _open_descriptors() -> int:
    try:
        return len(procfs.open_descriptors())
    except OSError:
        return 0


def _shared_descriptors() -> tuple[int, int]:
    """Count the open sockets, and the regular files that are open for writing."""
    sockets = writable = 0
    with contextlib.suppress(OSError):
        for descriptor in procfs.open_descriptors():
            with contextlib.suppress(OSError):
                mode = os.fstat(descriptor).st_mode
                sockets += stat.S_ISSOCK(mode)
                access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
                writable += stat.S_ISREG(mode) and access != os.O_RDONLY
    return sockets, writable
