"""What imports may leave in a process that its forks must not have: threads, open files, processes, streams."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.adapters.system import processes, procfs

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

_STATELESS = frozenset({os.devnull, "/dev/urandom", "/dev/random", "/dev/zero"})
_EPOLL = "anon_inode:[eventpoll]"
"""Libraries make one when they are imported, and make it anew in each process."""


class _Resources(NamedTuple):
    """What forks share: open files, references to the standard streams, maps."""

    files: dict[int, str]
    holders: tuple[int, ...]
    maps: int

    def holds_more(self, before: _Resources) -> bool:
        """Return whether something refers to a standard stream that did not before."""
        return any(count > known for count, known in zip(self.holders, before.holders, strict=True))


class _Suspicion(NamedTuple):
    """What was new when a module's code had run; it may be gone by the end of the import."""

    modules: tuple[str, ...]
    files: dict[int, str]
    is_held: bool
    is_mapped: bool


class LeakCheck:
    """Tells what is new since it was asked last."""

    def __init__(self) -> None:
        """Take what there is now as given."""
        self._tasks = procfs.thread_links()
        self._threads: dict[int, threading.Thread] = {}
        self._children = _used_by_children()
        self._hints = _hints()
        self._settled = self._last = _resources()
        self._suspicions: list[_Suspicion] = []

    def look(self, modules: Sequence[str]) -> None:
        """Note what is new.

        Args:
            modules: those that are being executed; the last one's code has run since the last call.
        """
        hints = _hints()
        if hints == self._hints:
            return  # looking at each file would cost more than importing the module
        self._hints = hints
        before, now = self._last, _resources()
        files = {number: name for number, name in now.files.items() if before.files.get(number) != name}
        is_held = now.holds_more(before)
        if files or is_held or now.maps > before.maps:
            self._suspicions.append(_Suspicion(tuple(modules), files, is_held, now.maps > before.maps))
        self._last = now

    def settle(self, is_own: Callable[[str], bool]) -> dict[str, str]:
        """Return the modules that have left something, each with the reason; expect that from now on.

        Args:
            is_own: returns whether a module is the project's.
        """
        before, now = self._settled, _resources() if self._suspicions else self._last
        found: dict[str, str] = {}
        for suspicion in self._suspicions:
            last = suspicion.modules[-1]
            what = _left(suspicion, before, now, is_own=is_own(last))
            if what:
                found.update(dict.fromkeys(suspicion.modules, f"{last} {what} when it is imported"))
        self._suspicions.clear()
        self._settled = self._last = now
        return found

    def has_waited(self) -> bool:
        """Return whether a process was started and waited for, by whatever means: the kernel adds up what it used."""
        before, self._children = self._children, _used_by_children()
        return before != self._children

    def threads(self, is_own: Callable[[], bool]) -> str:
        """Return the threads that have started since this was asked last; '' for none.

        Args:
            is_own: returns whether it was code of the project that started them.
        """
        known, self._threads = self._threads, {id(thread): thread for thread in processes.strangers()}
        others = [thread for key, thread in self._threads.items() if key not in known]
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


def _left(suspicion: _Suspicion, before: _Resources, now: _Resources, *, is_own: bool) -> str:
    """Return what of a suspicion is still there at the end of the import; '' for nothing."""
    open_still = [(number, name) for number, name in suspicion.files.items() if now.files.get(number) == name]
    opened = next(filter(None, (_left_open(number, name, is_own=is_own) for number, name in open_still)), "")
    if opened:
        return opened
    if suspicion.is_held and is_own and now.holds_more(before):
        return "keeps a standard stream"
    return "leaves memory that forks share" if suspicion.is_mapped and now.maps > before.maps else ""


def _left_open(descriptor: int, name: str, *, is_own: bool) -> str:
    """Return what leaving this file open is; '' if runs may share it.

    A connection of SQLite is a file that is open for writing, and so is the file of a log: a run that finds it
    removed must make it anew. All runs share one position in a file that is read.
    """
    if name in _STATELESS or (name == _EPOLL and not is_own):
        return ""
    if name.startswith("socket:"):
        return "opens a socket"
    if not name.startswith("/"):
        return f"leaves a {name.partition(':')[0]} open"
    is_read = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    return "leaves a file open" if is_read else "leaves a file open for writing"


def _resources() -> _Resources:
    return _Resources(procfs.open_files_if_known(), _holders(), procfs.count_shared_maps())


def _holders() -> tuple[int, ...]:
    """Return how many references there are to each standard stream, and to what it writes to."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return tuple(
        sys.getrefcount(remaining) for stream in streams if stream is not None for remaining in (stream, stream.buffer)
    )


def _hints() -> tuple[int, ...]:
    """Return numbers, at little cost: each new resource changes one of them."""
    try:
        files = len(procfs.open_descriptors())
    except OSError:
        files = 0
    mmap = sys.modules.get("mmap")
    # Each map in Python holds a reference to its class.
    return (files, sys.getrefcount(vars(mmap).get("mmap")) if mmap is not None else 0, *_holders())
