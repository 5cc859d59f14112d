"""The processes that a daemon may start, signal and look at; its tests have another table."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, procfs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger("pytest_zygote")

BOOTSTRAP = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); from pytest_zygote.zygote.main_loop import main; main()"
)
"""Not ``-m``: that would put the project's folder first, and its ``platform.py`` before Python's own."""

ROOM = " " * 4096
"""An unused argument: `ps` shows as much of a run's command line as there is room for in the arguments that its
zygote was started with."""


class ProcessTable:
    """The processes of this system, as far as a daemon needs them."""

    def __init__(self) -> None:
        """Start without children."""
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start_zygote(self, connection: int, environ: Mapping[str, str], folder: str) -> int:
        """Start a base zygote that talks over this descriptor; return its pid, or 0 if none can be started."""
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", BOOTSTRAP, str(connection), ROOM],
                env=environ,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                pass_fds=[connection],
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            log.error("no base zygote: %s", error)  # noqa: TRY400 - a trace would show our code, not the cause
            return 0
        self._children[process.pid] = process
        return process.pid

    def forget_zygote(self, pid: int, returncode: int) -> bool:
        """Note the end of a child; return whether it was a base zygote that `start_zygote` started."""
        process = self._children.pop(pid, None)
        if process is not None:
            process.returncode = returncode  # else Popen warns when it is deleted
        return process is not None

    def reap(self) -> Iterator[tuple[int, int]]:
        """Give pid and wait status of each child that has ended, stopped, or been continued."""
        return processes.collect()

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process; nothing happens if it is gone."""
        processes.signal_process(pid, number)

    def signal_group(self, pgid: int, number: int) -> None:
        """Send a signal to a process group; nothing happens if it is gone."""
        processes.signal_group(pgid, number)

    def exists(self, pid: int) -> bool:
        """Return whether there is such a process, running or waiting to be reaped."""
        return processes.exists(pid)

    def is_stopped(self, pid: int) -> bool:
        """Return whether a process is stopped; False where the system does not say."""
        return procfs.is_stopped(pid)

    def children(self, pid: int) -> list[int]:
        """Return the children of a process; none where the system does not say."""
        return procfs.children(pid)

    def private_kib(self, pid: int) -> int:
        """Return the memory that a process shares with no other, in KiB; 0 where the system does not say."""
        return procfs.private_kib(pid)

    def pss_kib(self, pid: int) -> int:
        """Return the proportional set size of a process in KiB; 0 where the system does not say."""
        return procfs.pss_kib(pid)
