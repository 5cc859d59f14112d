"""Runs a test in a fork of its own, so that what it needs is known exactly.

Nothing but imports and collection has happened in the process that forks: no test, no fixture. The
reports come back through a pipe, in pytest's own form for other processes. A fork that dies is a
failed test with the signal in its report, as it would be the end of the run otherwise.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest
from _pytest.runner import runtestprotocol
from _pytest.warnings import catch_warnings_for_item

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = 40
"""So many tests are worth a fork each, however short they are (some 10 ms each)."""

LONG_S = 0.05
"""Tests that take this long on average pay little for a fork each."""


def can_isolate(items: list[pytest.Item]) -> bool:
    """Tell whether tests do the same in forks: no fixture of a wider scope than a function's, but pytest's own."""
    return hasattr(os, "fork") and all(not _wide_fixtures(item) for item in items)


def _wide_fixtures(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)
    definitions = getattr(info, "name2fixturedefs", {})
    for found in definitions.values():
        for definition in found:
            if definition.scope != "function" and not definition.func.__module__.startswith("_pytest."):
                return True
    # Classes of unittest, and setup functions of modules and classes, are fixtures that pytest makes.
    return any(name.startswith(("_xunit_setup_module", "_xunit_setup_class", "_unittest_set")) for name in definitions)


class Isolation:
    """Hooks of a run in which each test has a fork of its own."""

    def __init__(self, record: Callable[[pytest.Item], object], store: Callable[[pytest.Item, object], None]) -> None:
        """Call `record` in the fork, after the test, and `store` here with what it returned."""
        self._record = record
        self._store = store

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Run one test; its reports are shown and counted here."""
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports, warned, recorded = self._run(item)
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        for message in warned:
            hook.pytest_warning_recorded.call_historic(kwargs=message)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self._store(item, recorded)
        return True

    def _run(self, item: pytest.Item) -> tuple[list[pytest.TestReport], list[dict[str, object]], object]:
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._be_the_test(item, writing)
        os.close(writing)
        try:
            with os.fdopen(reading, "rb") as pipe:
                packed = pipe.read()
        except BaseException:  # Ctrl-C, or a time limit: the test ends with the run
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        _, status = os.waitpid(pid, 0)
        if not packed:
            return [_crash(item, os.waitstatus_to_exitcode(status))], [], None
        received, warned, recorded = pickle.loads(packed)  # noqa: S301 - from our own fork
        load = item.config.hook.pytest_report_from_serializable
        return [load(config=item.config, data=data) for data in received], warned, recorded

    def _be_the_test(self, item: pytest.Item, writing: int) -> NoReturn:
        status = 1
        try:
            listener = _Listener()
            item.config.pluginmanager.register(listener)
            with catch_warnings_for_item(item.config, item.ihook, when="runtest", item=item):
                reports = runtestprotocol(item, log=False, nextitem=None)
            dump = item.config.hook.pytest_report_to_serializable
            sent = [dump(config=item.config, report=report) for report in reports]
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(pickle.dumps((sent, listener.picklable(), self._record(item))))
            sys.stdout.flush()
            sys.stderr.flush()
            status = 0
        finally:
            os._exit(status)  # noqa: TID251 - what the run does at its end is not for this process to do


class _Listener:
    """Collects the warnings of a test, which the run must show."""

    def __init__(self) -> None:
        self._warned: list[dict[str, object]] = []

    def pytest_warning_recorded(
        self, warning_message: object, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        """Take a warning."""
        self._warned.append({"warning_message": warning_message, "when": when, "nodeid": nodeid, "location": location})

    def picklable(self) -> list[dict[str, object]]:
        """Return those that can be sent."""
        found = []
        for message in self._warned:
            with contextlib.suppress(Exception):  # a class that is defined in a test, say
                pickle.dumps(message)
                found.append(message)
        return found


def _crash(item: pytest.Item, status: int) -> pytest.TestReport:
    end = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
    return pytest.TestReport(
        item.nodeid,
        item.location,
        {},
        "failed",
        f"the process of this test ended with {end}",
        "call",
    )
