"""What workers report, sent and replayed to hooks."""

from __future__ import annotations

import signal
import warnings
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.parallel.events import ItemFinished
from pytest_zygote.core.parallel.slow_tests import LONG_S
from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel import messages
from pytest_zygote.parallel.plan import ParallelPlan
from pytest_zygote.parallel.report_replay import ReportReplay, ReportSender, WorkerError
from pytest_zygote.parallel.xdist_node import Node
from tests.parallel.fakes import cache_of, make_config, make_items, make_session
from tests.parallel.test_report_delta import make_report

if TYPE_CHECKING:
    from pytest_zygote.parallel.worker_handle import WorkerHandle

LOCATION = ("a.py", 1, "x")


class Watching:
    """A plugin that notes what it sees.

    Attributes:
        seen: name and arguments of each hook.
        wants_retry: whether it asks for another try of a crashed test.
    """

    def __init__(self) -> None:
        """Have seen nothing."""
        self.seen: list[tuple[object, ...]] = []
        self.wants_retry = False

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Note it."""
        self.seen.append(("logstart", nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Note it."""
        self.seen.append(("logfinish", nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note it."""
        marks = {name: vars(report)[name] for name in ("worker_id", "testrun_uid", "item_index")}
        self.seen.append(("report", report.nodeid, report.when, report.outcome, marks))

    @pytest.hookimpl
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: str) -> None:
        """Note it."""
        self.seen.append(("warning", str(warning_message.message), when))

    @pytest.hookimpl
    def pytest_report_from_serializable(self, data: dict[str, object]) -> pytest.TestReport:
        """Make a report, as pytest does."""
        return pytest.TestReport(str(data["nodeid"]), LOCATION, {}, "failed", "why", "call")

    @pytest.hookimpl
    def pytest_handlecrashitem(self, crashitem: str, sched: object) -> None:
        """Note it, and ask for another try."""
        self.seen.append(("crash", crashitem))
        if self.wants_retry:
            sched.mark_test_pending(crashitem)  # type: ignore[attr-defined]


class Worker:
    """A worker that has no process."""

    def __init__(self, config: pytest.Config) -> None:
        """Be the first."""
        self.number = 0
        self.name = "gw0"
        self.node = Node(config, "gw0", 2, "uid")
        self.status = -signal.SIGSEGV
        self.counted: list[tuple[float, float]] = []

    def count(self, seconds: float, fixtures_s: float) -> None:
        """Count a test."""
        self.counted.append((seconds, fixtures_s))

    def last_output(self) -> str:
        """Return what it wrote at last."""
        return "Fatal Python error"


class Stage:
    """A replay with all that it needs."""

    def __init__(self) -> None:
        """Have collected two tests."""
        self.plugin = Watching()
        self.config = make_config(self.plugin, testrunuid="uid")
        items = make_items(self.config, "a.py::x", "a.py::y")
        self.session = make_session(items, self.config)
        self.replay = ReportReplay(self.session, ParallelPlan(self.session, 2))
        self.worker = cast("WorkerHandle", Worker(self.config))

    def send(self, *sent: messages.ReportMessage) -> list[tuple[object, ...]]:
        """Replay messages; return what the plugin has seen of them."""
        self.plugin.seen.clear()
        for message in sent:
            self.replay.replay(self.worker, message)
        return self.plugin.seen


@pytest.fixture
def stage() -> Stage:
    """A replay of nothing yet."""
    return Stage()


def test_reports_have_the_marks_of_pytest_xdist(stage: Stage) -> None:
    """Which worker and which test it was; before the first test there is none."""
    delta = messages.ReportDelta("setup", "passed", 0.5, 1.0, 1.5, ("a.py::y", LOCATION, {"y": 1}))
    marks = {"worker_id": "gw0", "testrun_uid": "uid", "item_index": None}
    assert stage.send(delta) == [("report", "a.py::y", "setup", "passed", marks)]
    stage.replay.start(stage.worker, 1, 0.0)
    assert stage.send(delta) == [("report", "a.py::y", "setup", "passed", {**marks, "item_index": 1})]


def test_a_report_that_travelled_whole_is_made_by_the_hook(stage: Stage) -> None:
    """A plugin may have a form of its own."""
    stage.replay.start(stage.worker, 0, 0.0)
    seen = stage.send(messages.FullReport(transfer.dump({"nodeid": "a.py::x"}), ""))
    marks = {"worker_id": "gw0", "testrun_uid": "uid", "item_index": 0}
    assert seen == [("report", "a.py::x", "call", "failed", marks)]


def test_other_hooks_are_called_with_what_the_worker_called_them_with(stage: Stage) -> None:
    """In their order."""
    warning = warnings.WarningMessage(UserWarning("careful"), UserWarning, "a.py", 1)
    seen = stage.send(
        messages.LogStart("a.py::x", LOCATION),
        messages.WarningRecorded(transfer.dump_warning(warning), "runtest", "a.py::x", None),
        messages.LogFinish("a.py::x", LOCATION),
    )
    assert seen == [
        ("logstart", "a.py::x", LOCATION),
        ("warning", "careful", "runtest"),
        ("logfinish", "a.py::x", LOCATION),
    ]


def test_a_session_that_stops_in_a_worker_stops_here(stage: Stage) -> None:
    """The first reason is the one that is shown."""
    stops = []
    for reasons in (("", ""), ("stopping after 1 failures", ""), ("2", "fatal")):
        stage.send(messages.SessionStopped(*reasons))
        stops.append(stage.replay.must_stop)
    assert stops == [False, True, True]
    assert (stage.session.shouldfail, stage.session.shouldstop) == ("stopping after 1 failures", "fatal")


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (messages.ExitRaised("bye", 3), pytest.exit.Exception, "bye"),
        (messages.InterruptRaised(), KeyboardInterrupt, "^$"),
        (messages.InternalErrorRaised("Traceback …"), WorkerError, "Traceback …"),
    ],
)
def test_what_ended_the_session_in_a_worker_is_raised_here(
    stage: Stage, message: messages.ReportMessage, kind: type[BaseException], text: str
) -> None:
    """At the end; until then no test begins."""
    stage.replay.raise_reported()
    stage.send(message)
    assert stage.replay.must_stop
    with pytest.raises(kind, match=text):
        stage.replay.raise_reported()


@pytest.mark.parametrize(("output", "expected"), [({"answer": 42}, {"answer": 42}), (None, {})])
def test_plugins_get_what_their_part_in_the_worker_left(stage: Stage, output: object, expected: object) -> None:
    """As pytest-xdist gives it to them."""
    stage.send(messages.OutputReturned(transfer.dump(output)))
    assert stage.worker.node.workeroutput == expected


@pytest.mark.parametrize("wants_retry", [False, True])
def test_a_test_that_killed_its_worker_has_failed(stage: Stage, *, wants_retry: bool) -> None:
    """Plugins see it, and may ask for another try."""
    stage.plugin.wants_retry = wants_retry
    assert stage.replay.report_crash(stage.worker, 1) is wants_retry
    marks = {"worker_id": "gw0", "testrun_uid": "uid", "item_index": 1}
    assert stage.plugin.seen == [("crash", "a.py::y"), ("report", "a.py::y", "???", "failed", marks)]


def test_a_test_whose_worker_was_killed_is_reported_as_one_that_runs_again(stage: Stage) -> None:
    """No plugin is asked for another try."""
    stage.replay.report_retry(stage.worker, 1)
    marks = {"worker_id": "gw0", "testrun_uid": "uid", "item_index": 1}
    assert stage.plugin.seen == [("report", "a.py::y", "???", "rerun", marks)]


class Collecting:
    """A plugin that keeps reports.

    Attributes:
        texts: of what failed.
    """

    def __init__(self) -> None:
        """Have seen none."""
        self.texts: list[str] = []

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep it."""
        self.texts.append(str(report.longrepr))


def test_a_crash_is_described(stage: Stage) -> None:
    """By the signal or exit code, and the last output of the worker."""
    plugin = Collecting()
    stage.config.pluginmanager.register(plugin)
    for status in (-signal.SIGSEGV, 3, -99):
        stage.worker.status = status
        stage.replay.report_crash(stage.worker, 0)
    assert plugin.texts == [
        f"worker 'gw0' crashed while running 'a.py::x' ({cause})\nFatal Python error"
        for cause in ("SIGSEGV", "exit code 3", "signal 99")
    ]


def test_what_tests_took_is_noted(stage: Stage) -> None:
    """For the next run, for the worker's line, and for tests that take long."""
    stage.replay.start(stage.worker, 0, 0.0)
    assert stage.replay.slow_tests.overdue(LONG_S) == [f"[gw0] has been running a.py::x for {LONG_S:.0f} s"]
    stage.replay.finish(stage.worker, ItemFinished(0, 0, 0.5, 0.25))
    assert stage.replay.slow_tests.due_s(LONG_S) is None
    assert cast("Worker", stage.worker).counted == [(0.5, 0.25)]
    assert cache_of(stage.config).values == {}


class Channel:
    """Collects what is sent."""

    def __init__(self, config: pytest.Config) -> None:
        """Be the channel of a sender."""
        self.sent: list[messages.WorkerMessage] = []
        self.commits = 0
        self.session = make_session([], config)
        self.sender = ReportSender(self.session, self.sent.append, self.commit)

    def commit(self) -> None:
        """Count it."""
        self.commits += 1


class Serializer:
    """A plugin with a form of its own for reports."""

    @pytest.hookimpl
    def pytest_report_to_serializable(self, report: pytest.TestReport) -> dict[str, str]:
        """Return it."""
        return {"nodeid": report.nodeid}


def test_what_would_have_been_reported_is_sent() -> None:
    """After the test itself it is committed: its teardown may end the process."""
    channel = Channel(make_config())
    channel.sender.pytest_runtest_logstart("a.py::x", LOCATION)
    channel.sender.pytest_runtest_logreport(make_report(when="setup"))
    assert channel.commits == 0
    channel.sender.pytest_runtest_logreport(make_report())
    assert channel.commits == 1
    channel.sender.pytest_runtest_logfinish("a.py::x", LOCATION)
    kinds = [messages.LogStart, messages.ReportDelta, messages.ReportDelta, messages.LogFinish]
    assert [type(message) for message in channel.sent] == kinds


def test_a_report_with_more_in_it_is_serialised_by_the_hook() -> None:
    """The session counts failures, for fixtures that ask; a failure that was expected is none."""
    channel = Channel(make_config(Serializer()))
    channel.sender.pytest_runtest_logreport(make_report(outcome="failed"))
    channel.sender.pytest_runtest_logreport(make_report(outcome="failed", wasxfail="known"))
    assert channel.sent == [messages.FullReport(transfer.dump({"nodeid": "a.py::x"}), "")] * 2
    assert channel.session.testsfailed == 1


def test_warnings_from_before_the_fork_are_not_sent_again() -> None:
    """They are repeated for each plugin that is registered."""
    channel = Channel(make_config())
    warning = warnings.WarningMessage(UserWarning("careful"), UserWarning, "a.py", 1)
    channel.sender.pytest_warning_recorded(warning, "collect", "", None)
    channel.sender.is_active = True
    channel.sender.pytest_warning_recorded(warning, "runtest", "a.py::x", None)
    assert [message.when for message in channel.sent if isinstance(message, messages.WarningRecorded)] == ["runtest"]
