"""A debugger in a worker: it has the terminal for itself.

The worker asks the run process for the terminal and waits until it has it. Meanwhile the run process writes nothing and
ignores Ctrl-C; the other workers end the tests that they run, ignore it too, and wait. Quitting the debugger ends the
run: no worker gets the terminal any more.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_zygote.parallel.terminal import WorkerOutput
    from pytest_zygote.parallel.worker_channel import WorkerChannel


QUIT = "Quitting debugger"
"""What pytest says when a user does."""


class DebuggerLock:
    """Holds the terminal for this worker from when a debugger is entered until it is left."""

    def __init__(self, channel: WorkerChannel, output: WorkerOutput) -> None:
        """Do not hold it yet."""
        self._channel = channel
        self._output = output
        self._depth = 0

    def _acquire(self) -> None:
        if not self._depth:
            if not self._channel.acquire_terminal():
                pytest.exit(QUIT)
            self._output.pause(on=True)
        self._depth += 1

    def _release(self) -> None:
        self._depth = max(self._depth - 1, 0)
        if not self._depth:
            self.end()

    def end(self) -> None:
        """Release it, also if the debugger was left in a way that calls no hook."""
        self._depth = 0
        if self._channel.interrupts.is_debugging:
            self._output.pause(on=False)
            self._channel.release_terminal()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item) -> Generator[None, object, object]:
        """With ``--pdb`` a debugger follows, and before it the traceback."""
        if not node.config.getoption("usepdb", default=False):
            return (yield)
        self._acquire()
        try:
            return (yield)
        finally:
            self._release()

    @pytest.hookimpl
    def pytest_enter_pdb(self) -> None:
        """Acquire the terminal."""
        self._acquire()

    @pytest.hookimpl
    def pytest_leave_pdb(self) -> None:
        """Release the terminal."""
        self._release()
