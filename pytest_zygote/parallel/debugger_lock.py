"""A debugger in a worker: it has the terminal for itself.

The worker asks the run process for the terminal and waits until it has it. Meanwhile the run
process writes nothing and hears no Ctrl-C, and the other workers end the tests that they run,
hear none either, and wait. Whoever quits the debugger ends the run: nobody gets the terminal any more.

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
    """The turn of this worker at the terminal: taken when a debugger is entered, given back when it is left."""

    def __init__(self, line: WorkerChannel, output: WorkerOutput) -> None:
        """Not have it."""
        self._line = line
        self._output = output
        self._depth = 0

    def _take(self) -> None:
        if not self._depth:
            if not self._line.adopt_terminal():
                pytest.exit(QUIT)
            self._output.pause(on=True)
        self._depth += 1

    def _give(self) -> None:
        self._depth = max(self._depth - 1, 0)
        if not self._depth:
            self.end()

    def end(self) -> None:
        """Give it back, if the debugger was not left in a way that it tells of."""
        self._depth = 0
        if self._line.interrupts.is_debugging:
            self._output.pause(on=False)
            self._line.give_terminal()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item) -> Generator[None, object, object]:
        """With ``--pdb`` a debugger follows, and before it the traceback."""
        if not node.config.getoption("usepdb", default=False):
            return (yield)
        self._take()
        try:
            return (yield)
        finally:
            self._give()

    @pytest.hookimpl
    def pytest_enter_pdb(self) -> None:
        """Take the terminal."""
        self._take()

    @pytest.hookimpl
    def pytest_leave_pdb(self) -> None:
        """Give the terminal back."""
        self._give()
