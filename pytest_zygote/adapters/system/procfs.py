"""What Linux tells in ``/proc`` about processes: their files, threads, children, memory and rights.

Other systems have no such folder. There most functions return what says nothing (0, '', an empty list); those that
their caller cannot do without raise `OSError`. Nothing here imports more than `os` and `time`: a client uses it too.
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

UNREADABLE = "?"
"""In place of what this process may not look at."""

_PAGE = os.sysconf("SC_PAGESIZE")
_ENTRY = 8
_CHUNK = 64 * 1024
_ARGUMENT_FIELDS = slice(45, 47)
"""Where arg_start and arg_end stand in /proc/PID/stat, behind the name (proc_pid_stat(5))."""
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

    libffi's own file is left out: from 3.4 on it stays open once `ctypes` is imported, and forks may share its map.

    Raises:
        OSError: the system does not tell.
    """
    found = {}
    for descriptor in open_descriptors():
        try:
            link = os.readlink(f"{SELF_FD}/{descriptor}")
        except OSError:  # the folder's own
            continue
        if not os.path.basename(link).startswith("libffi"):
            found[descriptor] = link
    return found


def open_files_if_known() -> dict[int, str]:
    """Return what `open_files` does; nothing where the system does not tell."""
    try:
        return open_files()
    except OSError:
        return {}


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
    """Return when this process started or was forked, as `time.time_ns` has it; 0 where the system does not tell."""
    fields = _stat("self")
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
    return _stat(pid)[:1] == [b"T"]


def goes_on(pid: int) -> bool:
    """Return whether a process is there and not stopped; False where the system does not tell."""
    return _stat(pid)[:1] not in ([], [b"T"], [b"t"], [b"Z"])


def arguments() -> tuple[int, int]:
    """Return where the arguments of this process begin and end in its memory.

    Raises:
        ValueError: the system does not tell.
    """
    start, end = map(int, _stat("self")[_ARGUMENT_FIELDS])
    return start, end


def _stat(pid: int | str) -> list[bytes]:
    # The name of the program stands before the state, in brackets, and may have brackets and blanks itself.
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def write_memory(address: int, data: bytes) -> None:
    """Write to the memory of this process.

    Raises:
        OSError: it cannot be written there, or the system has no such file.
    """
    memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        os.pwrite(memory, data, address)
    finally:
        os.close(memory)


def namespaces(pid: int) -> dict[str, str]:
    """Return name → identity of the namespaces of a process.

    Raises:
        OSError: there is no such process here; it may live in another pid namespace.
    """
    folder = f"/proc/{pid}/ns"
    return {name: _link(f"{folder}/{name}") for name in os.listdir(folder)}


def root_folder(pid: int) -> str:
    """Return what tells the root folder of a process from others."""
    try:
        status = os.stat(f"/proc/{pid}/root")
    except OSError:
        return UNREADABLE
    return f"{status.st_dev}:{status.st_ino}"


def status_of(pid: int) -> dict[str, str]:
    """Return the lines of a process's status by their names (proc_pid_status(5)); {} where the system does not tell."""
    lines = _read(f"/proc/{pid}/status").decode("ascii", "replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def personality(pid: int) -> str:
    """Return the personality of a process (personality(2))."""
    return text(f"/proc/{pid}/personality")


def control_groups(pid: int) -> str:
    """Return the control groups of a process, a hierarchy a line (cgroups(7))."""
    return text(f"/proc/{pid}/cgroup")


def oom_score(pid: int) -> int | None:
    """Return how readily the kernel ends a process when memory is short; None where the system does not tell."""
    score = _read(f"/proc/{pid}/oom_score_adj")
    return int(score) if score else None


def set_oom_score(score: int) -> None:
    """Have the kernel end this process so readily when memory is short.

    Raises:
        OSError: this process may not.
    """
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(score))


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


def own_pages() -> Iterator[tuple[int, int]]:
    """Yield address and length, in bytes, of memory that this process has written to and shares with no other.

    Raises:
        OSError: the system does not tell, at the first step.
    """
    import re

    with open("/proc/self/maps", "rb") as maps, open("/proc/self/pagemap", "rb", buffering=0) as entries:
        for line in maps:
            span, mode = line.split(maxsplit=2)[:2]
            if mode != b"rw-p":
                continue
            begin, end = (int(address, 16) for address in span.split(b"-"))
            found = os.pread(entries.fileno(), (end - begin) // _PAGE * _ENTRY, begin // _PAGE * _ENTRY)
            for run in re.finditer(_OWN_PAGES, found[_ENTRY - 1 :: _ENTRY]):
                yield begin + run.start() * _PAGE, len(run.group()) * _PAGE


def text(path: str) -> str:
    """Return what stands in a file of the kernel's, `UNREADABLE` if it cannot be read."""
    found = _read(path, b"?")
    return found.decode("ascii", "replace").strip()


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return UNREADABLE


def _read(path: str, default: bytes = b"") -> bytes:
    """Return what stands in a file; the default if the process is gone, or the system has no such file.

    A file object takes twice the time for these short files, and a run that is asked for waits for some of them.
    """
    parts = []
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return default
    try:
        while part := os.read(descriptor, _CHUNK):
            parts.append(part)
    except OSError:
        return default
    finally:
        os.close(descriptor)
    return b"".join(parts)
