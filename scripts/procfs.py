"""What Linux tells about processes: who there is, how much memory, time and how many descriptors they have.

All processes that a benchmark starts, however indirectly, inherit a mark in their environment. It is read from
/proc, so no process needs to cooperate: a daemon that forks, changes its session and its name is still found.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A process, by its number."""

    pid: int

    @property
    def folder(self) -> Path:
        """Where the system describes it."""
        return _PROC / str(self.pid)

    @property
    def command(self) -> str:
        """Its command line, or what it says instead."""
        return (self.folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()

    @property
    def proportional_memory(self) -> int:
        """Bytes of memory; of a page shared by n processes, one n-th (PSS)."""
        for line in (self.folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise ProcessLookupError(self.pid)

    @property
    def resident_memory(self) -> int:
        """Bytes of memory that it has, shared or not (RSS)."""
        return int((self.folder / "statm").read_text().split()[1]) * _PAGE

    @property
    def cpu_seconds(self) -> float:
        """Processor time it has used, its own and the system's for it."""
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def descriptors(self) -> int:
        """How many descriptors it has open."""
        return len(list((self.folder / "fd").iterdir()))

    @property
    def is_zombie(self) -> bool:
        """Whether it has ended and was not waited for."""
        return (self.folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def marked(mark: str) -> list[Process]:
    """Return the living processes that have *mark* (``NAME=value``) in the environment they were started with.

    Where there is no /proc, none are found.
    """
    return sorted(_marked(mark.encode()), key=lambda process: process.pid)


def _marked(mark: bytes) -> Iterator[Process]:
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdecimal():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield Process(int(entry.name))
            except OSError:
                pass  # it has ended, or is another user's


def cpu_seconds(processes: Iterable[Process]) -> float:
    """Return the processor time that these processes have used, as far as they still live."""
    total = 0.0
    for process in processes:
        with suppress(OSError):  # it has ended meanwhile
            total += process.cpu_seconds
    return total


def wait_until_idle(mark: str, quiet: float = 0.25, deadline: float = 60.0) -> None:
    """Wait until the marked processes have used no processor time for *quiet* seconds.

    What a daemon does in the background after an edit would otherwise be measured in a run that has nothing to do
    with it.

    Raises:
        TimeoutError: they are still busy at the *deadline*.
    """
    end = time.monotonic() + deadline
    before = -1.0
    while (now := cpu_seconds(marked(mark))) != before:
        if time.monotonic() > end:
            raise TimeoutError(f"the daemon is still busy after {deadline:.0f} s")
        before = now
        pause(quiet)


def pause(seconds: float) -> None:
    """Let time pass. Only for what is about time itself; whatever can be waited for is waited for."""
    Event().wait(seconds)
