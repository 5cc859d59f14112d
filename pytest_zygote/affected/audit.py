"""Hooks of ``--affected=audit``: all tests run, and failures are named that selection would have left out.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

NOT_COLLECTED = "nothing had changed, so no test would have been collected"


class Audit:
    """Compares the failures of a run with what selection would have run."""

    def __init__(self) -> None:
        """Know of no failure yet."""
        self._why: Callable[[str], str] = lambda _: NOT_COLLECTED
        self._selected: Collection[str] = ()
        self._total = 0
        self._failures: dict[str, str] = {}
        self._is_collected = True

    def expect_no_collection(self) -> None:
        """Note that nothing has changed: not even errors of the collection would have been seen."""
        self._is_collected = False

    def expect(self, selected: Collection[str], total: int, why: Callable[[str], str]) -> None:
        """Note what selection would have run.

        Args:
            selected: names of the tests.
            total: how many tests there are.
            why: returns for any other test why it would have been left out.
        """
        self._total = total
        if self._is_collected:
            self._selected, self._why = selected, why

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note an error that would not have been seen."""
        if report.failed and not self._is_collected:
            self._failures[report.nodeid] = NOT_COLLECTED

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure that would not have been seen."""
        if report.failed and report.nodeid not in self._selected:
            self._failures[report.nodeid] = self._why(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fail if there was one. In a worker the exit code is none of the run's."""
        if self._failures and not hasattr(session.config, "workerinput"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the answer."""
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> list[str]:
        """Return what the user should know."""
        failures = counted(len(self._failures), "failure") if self._failures else "no failure"
        ran = f"{len(self._selected)} of {counted(self._total, 'test')} would have run"
        shown = [f"  {nodeid}: {why}" for nodeid, why in self._failures.items()]
        return [f"affected: audit: {failures} would have been left out, {ran}", *shown]
