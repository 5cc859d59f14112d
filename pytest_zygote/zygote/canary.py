"""A fork that proves a layer before anyone relies on it."""

from __future__ import annotations

import os
import signal

from pytest_zygote.adapters.system import processes, sockets

DEADLINE_S = 20
"""A fork that cannot end within this time inherited a lock that nobody will ever release."""


def prove_fork() -> None:
    """Fork once under a deadline.

    Raises:
        RuntimeError: the fork hangs or dies, or this process has threads.
        OSError: there can be no process.
    """
    pid = processes.fork(lambda: 0)
    pidfd = os.pidfd_open(pid)
    try:
        if not sockets.is_readable(pidfd, DEADLINE_S):
            processes.signal_process(pid, signal.SIGKILL)
        status = processes.decode_wait(os.waitpid(pid, 0)[1])
    finally:
        os.close(pidfd)
    if status != 0:
        message = f"a fork of this layer does not work (it ended with {status})"
        raise RuntimeError(message)
