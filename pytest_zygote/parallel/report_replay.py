"""Both ends of what workers report: a worker sends it, and the run process replays it to the hooks of the session.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import functools
import sys
import warnings
from typing import TYPE_CHECKING, NamedTuple, assert_never

import pytest

from pytest_zygote.core.parallel.slow_tests import SlowTests
from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel import crash_report, messages, places, report_data
from pytest_zygote.parallel.junit import JunitProperties
from pytest_zygote.parallel.report_delta import DeltaDecoder, DeltaEncoder
from pytest_zygote.parallel.result_order import ResultOrder

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import HookRelay

    from pytest_zygote.core.parallel.events import ItemFinished
    from pytest_zygote.parallel.plan import ParallelPlan
    from pytest_zygote.parallel.worker_handle import WorkerHandle


class ReportSender:
    """Sends what would have been reported, and counts failures in place of the session, whose hook is not called."""

    def __init__(
        self, session: pytest.Session, send: Callable[[messages.WorkerMessage], None], commit: Callable[[], None]
    ) -> None:
        """Send only what happens from now on."""
        self._session = session
        self._send = send
        self._commit = commit
        self._encode = DeltaEncoder(session.config).encode
        self.is_active = False

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Send it."""
        self._send(messages.LogStart(nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Send it."""
        self._send(messages.LogFinish(nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send the times alone if nothing else is new, else the report as pytest serialises it."""
        delta = self._encode(report)
        if delta is not None:
            self._send(delta)
        else:
            data, changed = report_data.dump_report(self._session.config, report)
            self._send(messages.FullReport(data, changed))
        if report.failed and not hasattr(report, "wasxfail"):
            self._session.testsfailed += 1  # a fixture asks it whether its test has failed
        if report.when == "call":  # what is torn down next may end the process
            self._commit()

    @pytest.hookimpl
    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Send it, unless it is only repeated from before the fork."""
        if self.is_active:
            self._send(messages.WarningRecorded(transfer.dump_warning(warning_message), when, nodeid, location))


class WorkerError(Exception):
    """An internal error of pytest or a plugin, in a worker; the text is its traceback."""


class ReportContext(NamedTuple):
    """What all reports of one test in one worker have in common.

    Attributes:
        hook: the hooks that concern the test.
        marks: what pytest-xdist adds to its reports.
        decoder: of the worker, for its deltas.
    """

    hook: HookRelay
    marks: dict[str, object]
    decoder: DeltaDecoder


class ReportReplay:
    """Calls the hooks of the run process.

    Attributes:
        slow_tests: which tests take long.
        restore_order: puts summaries in the order of collection.
    """

    def __init__(self, session: pytest.Session, plan: ParallelPlan) -> None:
        """Call the plugins of this session."""
        self._session = session
        self._config = session.config
        self._plan = plan
        self._contexts: dict[int, ReportContext] = {}
        self._decoders: dict[int, DeltaDecoder] = {}
        self._errors: list[BaseException] = []
        self._order = ResultOrder(session)
        self._junit_properties = JunitProperties(session.config)
        self.slow_tests = SlowTests()
        self.restore_order = self._order.restore

    @property
    def must_stop(self) -> bool:
        """Whether no test may begin any more, as far as this session knows."""
        return bool(self._session.shouldfail or self._session.shouldstop or self._errors)

    def raise_reported(self) -> None:
        """Raise what ended the session in a worker."""
        if self._errors:
            raise self._errors[0]

    def print_line(self, line: str) -> None:
        """Print a line, unless the user wants it quiet."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(line)

    def start(self, worker: WorkerHandle, item: int, now: float) -> None:
        """Note that a worker has begun a test."""
        self._set_context(worker, item)
        self._plan.note_begin(item, worker.name)
        self.slow_tests.begin(worker.name, self._plan.ids[item], now)

    def finish(self, worker: WorkerHandle, finished: ItemFinished) -> None:
        """Note that a worker has run a test."""
        self._plan.note(finished.item, finished.seconds, finished.fixtures_s)
        self.slow_tests.end(worker.name)
        worker.count(finished.seconds, finished.fixtures_s)

    def replay(self, worker: WorkerHandle, message: messages.ReportMessage) -> None:
        """Call the hooks that the worker would have called, or note what concerns the session."""
        match message:
            case messages.ReportDelta():
                context = self._context(worker)
                self._report(context, context.decoder.decode(message, context.marks))
            case messages.LogStart(nodeid, location):
                self._context(worker).hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
            case messages.LogFinish(nodeid, location):
                self._context(worker).hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)
            case messages.FullReport():
                context = self._context(worker)
                self._report(context, self._load(message, context.marks))
            case messages.WarningRecorded(data, when, nodeid, location):
                self._record_warning(transfer.load_warning(data), when, nodeid, location)
            case messages.JunitPropertyRecorded():
                self._junit_properties.write(worker.node, message)
            case _:
                self._note_end(worker, message)

    def _record_warning(
        self, warning: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        values = {"warning_message": warning, "when": when, "nodeid": nodeid, "location": location}
        self._config.hook.pytest_warning_recorded.call_historic(kwargs=values)

    def _warn(self, text: str, nodeid: str) -> None:
        warning = warnings.WarningMessage(pytest.PytestWarning(text), pytest.PytestWarning, __file__, 0)
        self._record_warning(warning, "runtest", nodeid, None)

    def _note_end(
        self,
        worker: WorkerHandle,
        message: messages.SessionStopped
        | messages.ExitRaised
        | messages.InterruptRaised
        | messages.InternalErrorRaised
        | messages.EndReported
        | messages.OutputReturned,
    ) -> None:
        match message:
            case messages.OutputReturned(data):
                output = transfer.load(data)
                worker.node.workeroutput = output if isinstance(output, dict) else {}
            case messages.EndReported():
                self._config.add_cleanup(functools.partial(_end_like, message))
            case messages.SessionStopped(shouldfail, shouldstop):
                self._session.shouldfail = self._session.shouldfail or shouldfail
                self._session.shouldstop = self._session.shouldstop or shouldstop
            case _:
                self._errors.append(_error_of(message))

    def _set_context(self, worker: WorkerHandle, item: int) -> ReportContext:
        context = self._make_context(worker, item, self._session.items[item].ihook)
        self._contexts[worker.number] = context
        return context

    def _context(self, worker: WorkerHandle) -> ReportContext:
        """Return the context of the test that a worker runs. Before its first test, only plugins report."""
        context = self._contexts.get(worker.number)
        return self._make_context(worker, None, self._config.hook) if context is None else context

    def _make_context(self, worker: WorkerHandle, item: int | None, hook: HookRelay) -> ReportContext:
        uid = self._plan.testrunuid
        marks = {"node": worker.node, "worker_id": worker.name, "testrun_uid": uid, "item_index": item}
        decoder = self._decoders.get(worker.number)
        if decoder is None:
            decoder = self._decoders[worker.number] = DeltaDecoder()
        return ReportContext(hook, marks, decoder)

    def _load(self, sent: messages.FullReport, marks: dict[str, object]) -> pytest.TestReport:
        number = marks["item_index"]
        item = self._session.items[number] if isinstance(number, int) else None
        report, lost = report_data.load_report(self._config, item, sent.data)
        for why in filter(None, (sent.changed, lost)):
            self._warn(f"report of {report.nodeid} ({report.when}): {why}", report.nodeid)
        vars(report).update(marks)
        return report

    def _report(self, context: ReportContext, report: pytest.TestReport) -> None:
        if self._order.has_junit_files:
            self._order.note(report)
        context.hook.pytest_runtest_logreport(report=report)

    def report_crash(self, worker: WorkerHandle, item: int) -> bool:
        """Report the test that a worker died of as failed; return whether a plugin asks for another try."""
        report = self._crash_report(worker, item)
        request = crash_report.RetryRequest(self._config)
        self._config.hook.pytest_handlecrashitem(crashitem=report.nodeid, report=report, sched=request)
        self._contexts[worker.number].hook.pytest_runtest_logreport(report=report)
        return request.is_made

    def report_retry(self, worker: WorkerHandle, item: int) -> None:
        """Report that the test of a killed worker runs again, as pytest-rerunfailures does of one that has failed."""
        report = self._crash_report(worker, item)
        report.outcome = "rerun"  # type: ignore[assignment]
        self._contexts[worker.number].hook.pytest_runtest_logreport(report=report)
        self._order.drop(report)
        self.print_line(f"\n[{worker.name}] was killed while running {report.nodeid}: it runs again (--retry-killed)")

    def _crash_report(self, worker: WorkerHandle, item: int) -> pytest.TestReport:
        context = self._set_context(worker, item)
        self.slow_tests.end(worker.name)
        report = crash_report.report_of(self._session.items[item], worker)
        vars(report).update(context.marks)
        return report


def _error_of(
    message: messages.ExitRaised | messages.InterruptRaised | messages.InternalErrorRaised,
) -> BaseException:
    """Return what has ended the session in a worker."""
    match message:
        case messages.ExitRaised(text, returncode):
            return pytest.exit.Exception(text, returncode)
        case messages.InterruptRaised(interrupted):
            return KeyboardInterrupt().with_traceback(places.traceback_of(interrupted))
        case messages.InternalErrorRaised(text):
            return WorkerError(text)
        case _:
            assert_never(message)


def _end_like(reported: messages.EndReported) -> None:
    """Print what a worker would have printed after its session as a process of its own, and fail if it would."""
    sys.stderr.write(reported.text)
    sys.stderr.flush()
    if reported.is_failed:
        raise SystemExit(pytest.ExitCode.TESTS_FAILED)
