"""What Linux tells about processes: who there is, how much memory, time and how many descriptors they have.

The processes of a benchmark are those whose working folder, or a file that they have open, is in its scratch folder.
So no process needs to cooperate: a daemon that forks, leaves its session and changes its name is still found. (A mark
in the environment would not do: changing a process's name overwrites what /proc shows of its environment.)
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
    def watches(self) -> int:
        """How many files and folders it has asked the system to report changes of."""
        return sum(info.read_text().count("inotify wd:") for info in (self.folder / "fdinfo").iterdir())


def inside(folder: Path) -> list[Process]:
    """Return the living processes that have their working folder or an open file in *folder*.

    Where there is no /proc, none are found.
    """
    entries = [entry for entry in _PROC.iterdir() if entry.name.isdecimal()] if _PROC.is_dir() else []
    found = [
        Process(int(entry.name)) for entry in entries if any(link.is_relative_to(folder) for link in _links(entry))
    ]
    return sorted((process for process in found if process.pid != os.getpid()), key=lambda process: process.pid)


def _links(process: Path) -> Iterator[Path]:
    """Give the working folder and the open files of a process, as far as we may see them and it lives."""
    with suppress(OSError):
        yield (process / "cwd").readlink()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                yield descriptor.readlink()


def cpu_seconds(processes: Iterable[Process]) -> float:
    """Return the processor time that these processes have used, as far as they still live."""
    total = 0.0
    for process in processes:
        with suppress(OSError):  # it has ended meanwhile
            total += process.cpu_seconds
    return total


def wait_until_idle(folder: Path, quiet: float = 0.25, deadline: float = 60.0) -> None:
    """Wait until the processes inside *folder* have used no processor time for *quiet* seconds.

    What a daemon does in the background after an edit would otherwise be measured in a run that has nothing to do
    with it.

    Raises:
        TimeoutError: they are still busy at the *deadline*.
    """
    end = time.monotonic() + deadline
    before = -1.0
    while (now := cpu_seconds(inside(folder))) != before:
        if time.monotonic() > end:
            raise TimeoutError(f"the daemon is still busy after {deadline:.0f} s")
        before = now
        pause(quiet)


def wait_until_gone(processes: Iterable[Process], deadline: float = 5.0) -> list[Process]:
    """Wait until these processes have ended, and return those that have not at the *deadline*."""
    end = time.monotonic() + deadline
    while (living := [process for process in processes if process.folder.exists()]) and time.monotonic() < end:
        pause(0.05)
    return living


def pause(seconds: float) -> None:
    """Let time pass. Only for what is about time itself; whatever can be waited for is waited for."""
    Event().wait(seconds)
