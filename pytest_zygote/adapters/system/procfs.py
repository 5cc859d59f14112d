"""What Linux tells in ``/proc`` about processes: their files, threads, children and memory.

What the kernel treats a process by (namespaces, limits, groups) is read by `kernel_context` and `rlimits`.

Other systems have no such folder. There most functions return what says nothing (0, '', an empty list); those that
their caller cannot do without raise `OSError`. Nothing here imports more than `os`: a client uses it too.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SELF_FD = "/proc/self/fd"
DEV_FD = "/dev/fd"
"""The same, on other systems too."""

_STARTED = 19
"""Place of the start in ``/proc/self/stat``, after the name of the program: proc_pid_stat(5)."""

_ENTRY = 8
_OWN_PAGES = rb"\x81+"
"""The uppermost bytes of pages that are present (bit 63) and mapped by nobody else (bit 56): proc_pid_pagemap(5)."""


def open_descriptors(folder: str = SELF_FD) -> list[int]:
    """Return the descriptors of this process, the one of the folder itself included, which is closed by then.

    Raises:
        OSError: the system does not tell.
    """
    return [int(name) for name in os.listdir(folder)]


def open_files() -> dict[int, str]:
    """Return the descriptors of this process, each with the path or kind of what is open.

    Raises:
        OSError: the system does not tell.
    """
    found = {}
    for descriptor in open_descriptors():
        try:
            found[descriptor] = os.readlink(f"{SELF_FD}/{descriptor}")
        except OSError:  # the folder's own
            continue
    return found


def close_others(but: int) -> None:
    """Close all descriptors of this process but one.

    Those that there are: to close each number up to the limit (a thousand million in containers) can take minutes.
    """
    try:
        opened = open_descriptors()
    except OSError:  # nothing is mounted there
        os.closerange(0, but)
        os.closerange(but + 1, os.sysconf("SC_OPEN_MAX"))
        return
    for descriptor in opened:
        if descriptor != but:
            os.closerange(descriptor, descriptor + 1)  # unlike close, it does not mind one that is closed


def count_threads() -> int:
    """Return how many threads this process has, those of native code too.

    Raises:
        OSError: the system does not tell.
    """
    return len(os.listdir("/proc/self/task"))


def thread_links() -> int:
    """Return a number that grows by one with each thread, at the cost of one system call; 0 where there is none."""
    try:
        return os.stat("/proc/self/task").st_nlink
    except OSError:
        return 0


def started_ns() -> int:
    """Return when this process started, in the form of `time.time_ns`; 0 where the system does not tell.

    A fork started when it was forked.
    """
    fields = _read("/proc/self/stat").rpartition(b")")[2].split()
    if len(fields) <= _STARTED:
        return 0
    age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - int(fields[_STARTED]) * 10**9 // os.sysconf("SC_CLK_TCK")
    return time.time_ns() - age_ns


def children(pid: int) -> list[int]:
    """Return the children of a process; none where the system does not tell."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped (Ctrl-Z); False where it is gone or the system does not tell."""
    # The name of the program stands before the state, in brackets, and may have brackets and blanks itself.
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] == [b"T"]


def goes_on(pid: int) -> bool:
    """Return whether a process is there and not stopped; False where the system does not tell."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] not in ([], [b"T"], [b"t"], [b"Z"])


def private_kib(pid: int) -> int:
    """Return what memory a process shares with no other, in KiB; 0 where the system does not tell."""
    return _memory_kib(pid, b"Private_")


def pss_kib(pid: int) -> int:
    """Return the proportional set size of a process in KiB: of a page shared by n processes, one n-th; 0 as above."""
    return _memory_kib(pid, b"Pss:")


def _memory_kib(pid: int, prefix: bytes) -> int:
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(prefix))


def count_shared_maps() -> int:
    """Return how many areas of memory a fork would share for writing; 0 where the system does not tell."""
    maps = _read("/proc/self/maps")
    return maps.count(b" rw-s ") + maps.count(b" -w-s ") + maps.count(b" rwxs ")


def loaded_libraries() -> set[str]:
    """Return the paths of what is mapped into this process; none where the system does not tell."""
    return {os.fsdecode(line.partition(b"/")[2]) for line in _read("/proc/self/maps").splitlines() if b"/" in line}


def thread_names() -> list[str]:
    """Return the names of all threads, the first one's first; none where the system does not tell."""
    try:
        threads = sorted(map(int, os.listdir("/proc/self/task")))
    except OSError:
        return []
    return [os.fsdecode(_read(f"/proc/self/task/{thread}/comm").strip()) for thread in threads]


def mountinfo() -> str:
    """Return the table of what is mounted (proc_pid_mountinfo(5)); '' where the system does not tell."""
    return os.fsdecode(_read("/proc/self/mountinfo"))


def own_pages(page: int) -> Iterator[tuple[int, int]]:
    """Yield address and length, in bytes, of memory that this process has written to and shares with no other.

    Args:
        page: the size of a page.

    Raises:
        OSError: the system does not tell.
    """
    import re

    with open("/proc/self/maps", "rb") as maps, open("/proc/self/pagemap", "rb", buffering=0) as entries:
        for line in maps:
            span, mode = line.split(maxsplit=2)[:2]
            if mode != b"rw-p":
                continue
            begin, end = (int(address, 16) for address in span.split(b"-"))
            found = os.pread(entries.fileno(), (end - begin) // page * _ENTRY, begin // page * _ENTRY)
            for run in re.finditer(_OWN_PAGES, found[_ENTRY - 1 :: _ENTRY]):
                yield begin + run.start() * page, len(run.group()) * page


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # the process is gone, or the system has no such file
        return b""
