"""The processes that a daemon may start, signal and look at; its tests have another table."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, procfs

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("pytest_zygote")

BOOTSTRAP = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0)\n"
    "from pytest_zygote.adapters.system.stdio import opening_out_of_the_way\n"
    "with opening_out_of_the_way(): import ctypes\n"
    "from pytest_zygote.zygote.main_loop import main; main()"
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

    reap = staticmethod(processes.collect)
    signal = staticmethod(processes.signal_process)
    signal_group = staticmethod(processes.signal_group)
    signal_run = staticmethod(processes.signal_run)
    group_of = staticmethod(processes.group_of)
    exists = staticmethod(processes.exists)
    is_stopped = staticmethod(procfs.is_stopped)
    children = staticmethod(procfs.children)
    private_kib = staticmethod(procfs.private_kib)
    pss_kib = staticmethod(procfs.pss_kib)
