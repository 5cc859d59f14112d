"""A debugger in a worker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.parallel.debugger_lock import DebuggerLock
from tests.parallel.fakes import Item, make_config

if TYPE_CHECKING:
    from pytest_zygote.parallel.terminal import WorkerOutput
    from pytest_zygote.parallel.worker_channel import WorkerChannel


class Terminal:
    """Channel and output of a worker.

    Attributes:
        log: what was asked of them.
    """

    def __init__(self, *, is_granted: bool = True) -> None:
        """Grant the terminal, or not."""
        self.log: list[str] = []
        self.interrupts = SimpleNamespace(is_debugging=False)
        self._is_granted = is_granted
        self.lock = DebuggerLock(cast("WorkerChannel", self), cast("WorkerOutput", self))

    def acquire_terminal(self) -> bool:
        """Wait for it."""
        self.log.append("acquire")
        self.interrupts.is_debugging = self._is_granted
        return self._is_granted

    def release_terminal(self) -> None:
        """Give it back."""
        self.log.append("release")
        self.interrupts.is_debugging = False

    def pause(self, *, on: bool) -> None:
        """Write without prefixes, or with them again."""
        self.log.append("pause" if on else "continue")


def test_the_terminal_is_held_while_a_debugger_runs() -> None:
    """Also while one is entered from another."""
    terminal = Terminal()
    terminal.lock.pytest_enter_pdb()
    terminal.lock.pytest_enter_pdb()
    terminal.lock.pytest_leave_pdb()
    assert terminal.log == ["acquire", "pause"]
    terminal.lock.pytest_leave_pdb()
    assert terminal.log == ["acquire", "pause", "continue", "release"]


def test_a_debugger_that_was_left_unseen_gives_the_terminal_back_with_its_test() -> None:
    """Once; and the next one can have it."""
    terminal = Terminal()
    terminal.lock.pytest_enter_pdb()
    terminal.lock.end()
    terminal.lock.end()
    assert terminal.log == ["acquire", "pause", "continue", "release"]
    terminal.lock.pytest_enter_pdb()
    assert terminal.log[-2:] == ["acquire", "pause"]


def test_without_the_terminal_the_worker_ends() -> None:
    """The user has quit a debugger elsewhere."""
    with pytest.raises(pytest.exit.Exception, match="Quitting debugger"):
        Terminal(is_granted=False).lock.pytest_enter_pdb()


@pytest.mark.parametrize(("uses_pdb", "log"), [(True, ["acquire", "pause"]), (False, [])])
def test_with_pdb_the_traceback_is_the_debuggers_too(log: list[str], *, uses_pdb: bool) -> None:
    """It stands before the prompt."""
    terminal = Terminal()
    item = Item("a.py::x", make_config(usepdb=uses_pdb))
    interaction = terminal.lock.pytest_exception_interact(cast("pytest.Item", item))
    next(interaction)
    assert terminal.log == log
    with pytest.raises(StopIteration, match="result"):
        interaction.send("result")
    assert len(terminal.log) == 2 * len(log)
