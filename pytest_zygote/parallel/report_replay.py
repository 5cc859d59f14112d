"""What workers tell, told again to this session's hooks.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest
from _pytest.unittest import TestCaseFunction

from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel.report_delta import Restorer
from pytest_zygote.parallel.result_order import ResultOrder
from pytest_zygote.parallel.terminal import SlowTests

if TYPE_CHECKING:
    from pluggy import HookRelay

    from pytest_zygote.fixtures.transfer import Event
    from pytest_zygote.parallel.plan import ParallelPlan
    from pytest_zygote.parallel.worker_handle import WorkerHandle

MOST_DEATHS = 2
"""A test that killed so many workers is not tried again, whoever asks for it."""


class WorkerError(Exception):
    """An internal error of pytest or a plugin, in a worker; the text is its traceback."""


class Again:
    """What plugins get as the scheduler when a worker has died: they may ask for another try."""

    def __init__(self, config: pytest.Config) -> None:
        """Nothing is asked for yet."""
        self.config = config
        self.is_asked = False

    def mark_test_pending(self, item: str) -> None:
        """Ask for another try."""
        del item
        self.is_asked = True


class Running(NamedTuple):
    """What is the same for all that is told of one test.

    Attributes:
        hook: the hooks that concern it.
        marks: what pytest-xdist adds to its reports.
    """

    hook: HookRelay
    marks: dict[str, object]


class ReportReplay:
    """Calls the hooks of the run process.

    Attributes:
        slow: says which tests take long.
    """

    def __init__(self, session: pytest.Session, plan: ParallelPlan) -> None:
        """Speak to the plugins of this session."""
        self._session = session
        self._config = session.config
        self._plan = plan
        self._running: dict[int, Running] = {}
        self._restorers: dict[int, Restorer] = {}
        self._deaths: dict[int, int] = {}
        self._told: list[BaseException] = []
        self.slow = SlowTests(self.say)
        self._order = ResultOrder(session)
        self.restore_order = self._order.restore

    @property
    def must_stop(self) -> bool:
        """Whether a worker met something that ends a session."""
        return bool(self._told)

    def raise_reported(self) -> None:
        """Raise what a worker met that ends a session."""
        if self._told:
            raise self._told[0]

    def say(self, line: str) -> None:
        """Write a line, unless the user wants it quiet."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(line)

    def begin(self, member: WorkerHandle, item: int) -> None:
        """Note what a worker runs."""
        self._run(member, item)
        self._plan.note_begin(item, member.name)
        self.slow.begin(member.name, self._plan.ids[item], time.monotonic())

    def done(self, member: WorkerHandle, item: int, seconds: float, fixtures_s: float) -> None:
        """Note that a worker has run a test."""
        self._plan.note(item, seconds, fixtures_s)
        self.slow.end(member.name)
        member.count(seconds, fixtures_s)

    def handle(self, member: WorkerHandle, event: Event) -> None:
        """Pass an event on."""
        match event:
            case ("brief", *_):
                running = self._of(member)
                self._report(running, self._restorer(member).restore(event, running.marks))
            case ("report", bytes(data)):
                running = self._of(member)
                self._report(running, self._load(data, running.marks))
            case ("logstart", nodeid, location):
                self._of(member).hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
            case ("logfinish", nodeid, location):
                self._of(member).hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)
            case ("warning", bytes(data), when, nodeid, location):
                values = {"when": when, "nodeid": nodeid, "location": location}
                values["warning_message"] = transfer.load_warning(data)
                self._config.hook.pytest_warning_recorded.call_historic(kwargs=values)
            case _:
                self._receive_order(event)

    def _receive_order(self, event: Event) -> None:
        """Note what concerns the session."""
        match event:
            case ("should", str(fail), str(stop)):
                self._session.shouldfail = self._session.shouldfail or fail
                self._session.shouldstop = self._session.shouldstop or stop
            case ("exit", str(text), code):
                self._told.append(pytest.exit.Exception(text, code if isinstance(code, int) else None))
            case ("interrupt",):
                self._told.append(KeyboardInterrupt())
            case ("internal", str(text)):
                self._told.append(WorkerError(text))
            case _:  # descriptors came beside it, and are taken
                pass

    def _run(self, member: WorkerHandle, item: int) -> Running:
        running = Running(self._session.items[item].ihook, self._marks(member, item))
        self._running[member.number] = running
        return running

    def _of(self, member: WorkerHandle) -> Running:
        """Return what a worker runs; before its first test only plugins may tell something."""
        running = self._running.get(member.number)
        return Running(self._config.hook, self._marks(member, None)) if running is None else running

    def _marks(self, member: WorkerHandle, item: int | None) -> dict[str, object]:
        uid = self._plan.testrunuid
        return {"node": member.node, "worker_id": member.name, "testrun_uid": uid, "item_index": item}

    def _restorer(self, member: WorkerHandle) -> Restorer:
        restorer = self._restorers.get(member.number)
        if restorer is None:
            restorer = self._restorers[member.number] = Restorer()
        return restorer

    def _load(self, data: bytes, marks: dict[str, object]) -> pytest.TestReport:
        loaded = transfer.load(data)
        report: pytest.TestReport = self._config.hook.pytest_report_from_serializable(config=self._config, data=loaded)
        vars(report).update(marks)
        item = marks["item_index"]
        if isinstance(item, int) and not isinstance(self._session.items[item], TestCaseFunction):
            _count_subtest(self._config, report)
        return report

    def _report(self, running: Running, report: pytest.TestReport) -> None:
        self._order.note(report)
        running.hook.pytest_runtest_logreport(report=report)

    def adopt_output(self, member: WorkerHandle, output: bytes) -> None:
        """Give back what plugins of the worker left for those of this process."""
        values = transfer.load(output)
        member.node.workeroutput = values if isinstance(values, dict) else {}

    def crashed(self, member: WorkerHandle, item: int, status: int) -> bool:
        """Report that a worker died of a test; return whether the test is to be tried again."""
        test = self._session.items[item]
        running = self._run(member, item)
        self.slow.end(member.name)
        self._deaths[item] = self._deaths.get(item, 0) + 1
        ending = f"worker {member.name!r} crashed while running {test.nodeid!r}"
        words = member.last_words()
        report = pytest.TestReport(
            nodeid=test.nodeid,
            location=test.location,
            keywords={},
            outcome="failed",
            longrepr=f"{ending} ({_cause(status)})" + (f"\n{words}" if words else ""),
            when="???",  # type: ignore[arg-type]  # what pytest-xdist says, and plugins look for
        )
        vars(report).update(running.marks)
        again = Again(self._config)
        self._config.hook.pytest_handlecrashitem(crashitem=test.nodeid, report=report, sched=again)
        running.hook.pytest_runtest_logreport(report=report)
        return again.is_asked and self._deaths[item] < MOST_DEATHS


def _count_subtest(config: pytest.Config, report: pytest.TestReport) -> None:
    """Count a failed subtest: pytest fails a test that has some when it shows the report, which is here.

    The fixture of pytest counts them, ``self.subTest`` of a TestCase does not.
    """
    subtests = sys.modules.get("_pytest.subtests")
    if subtests is not None and isinstance(report, subtests.SubtestReport) and report.failed:
        config.stash[subtests.failed_subtests_key][getattr(report, "id", report.nodeid)] += 1


def _cause(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
