"""The loop of a worker, with a channel and a session of the test's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.parallel.events import ItemFinished, ItemStarted, QueueEmpty, WorkerOutgrown
from pytest_zygote.parallel import messages, run_limits
from pytest_zygote.parallel.mproc_marks import TestError
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.work_queue import END, WorkQueue
from pytest_zygote.parallel.worker import Worker
from tests.parallel.fakes import make_config, make_items, make_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_zygote.parallel.run_limits import RunLimits
    from pytest_zygote.parallel.worker_channel import WorkerChannel
    from pytest_zygote.parallel.worker_handle import WorkerEnd


class Channel:
    """Keeps what is sent.

    Attributes:
        sent: all messages.
        on_flush: is called when the controller would be woken.
    """

    def __init__(self) -> None:
        """Have sent nothing."""
        self.sent: list[messages.WorkerMessage] = []
        self.on_flush: Callable[[], None] = lambda: None
        self.interrupts = SimpleNamespace(is_debugging=False, forget=lambda: None, raise_soon=lambda _: None)
        self.send = self.sent.append

    def commit(self) -> None:
        """Do nothing: all is known here."""

    def flush(self) -> None:
        """Wake the controller."""
        self.on_flush()


class SetupState:
    """pytest's state of fixtures, as far as it tears down."""

    def __init__(self) -> None:
        """Have torn down nothing."""
        self.stack: dict[object, object] = {}
        self.torn_down_for: list[str | None] = []

    def teardown_exact(self, nextitem: pytest.Item | None) -> None:
        """Note for which test is torn down."""
        self.torn_down_for.append(nextitem.nodeid if nextitem is not None else None)


class Stage:
    """A worker with tests that a plugin runs.

    Attributes:
        bodies: what a test does, by its id.
        guesses: the next test that each protocol was called with.
    """

    def __init__(self, limits: RunLimits | None = None, **options: object) -> None:
        """Have four tests, none in the queue."""
        self.config = make_config(self, capture="fd", **options)
        if limits is not None:
            self.config.pluginmanager.register(limits, run_limits.NAME)
        self.items = make_items(self.config, *(f"a.py::{name}" for name in "wxyz"))
        self.session = make_session(self.items, self.config)
        self.state = SetupState()
        self.session._setupstate = self.state  # type: ignore[assignment]  # noqa: SLF001
        self.queue, self.flags, self.channel = WorkQueue(), SharedFlags(1, 4), Channel()
        handle = cast("WorkerEnd", SimpleNamespace(queue=self.queue, number=0, name="gw0"))
        self.bodies: dict[str, Callable[[], None]] = {}
        self.guesses: list[str | None] = []
        self.worker = Worker(self.session, handle, self.flags, cast("WorkerChannel", self.channel))

    @pytest.hookimpl
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test: its body, then what pytest does to tear it down."""
        self.guesses.append(nextitem.nodeid if nextitem is not None else None)
        self.bodies.get(item.nodeid, lambda: None)()
        self.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001
        return True

    def run(self, *items: int) -> list[messages.WorkerMessage]:
        """Run tests; return what was sent, without times."""
        self.queue.put(items)
        self.worker.run()
        return [
            ItemFinished(message.worker, message.item, 0.0, 0.0) if isinstance(message, ItemFinished) else message
            for message in self.channel.sent
        ]

    def close(self) -> None:
        """Close what is open."""
        self.queue.close()
        self.flags.close()


class Growing:
    """Limits that the worker does not keep after its second test."""

    def __init__(self) -> None:
        """Have seen no test."""
        self._answers = ["", "has 3G"]

    def excess(self) -> str:
        """Return what a test has left."""
        return self._answers.pop(0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A worker under ``-x``."""
    made = Stage()
    yield made
    made.close()


def ran(*items: int) -> list[messages.WorkerMessage]:
    """Return what is sent of tests that go well."""
    return [message for item in items for message in (ItemStarted(0, item), ItemFinished(0, item, 0.0, 0.0))]


def test_what_is_in_the_queue_runs_in_its_order(stage: Stage) -> None:
    """Fixtures are torn down as far as the test that really follows does not need them."""
    assert stage.run(2, 0, 3, END) == ran(2, 0, 3)
    assert stage.state.torn_down_for == ["a.py::w", "a.py::z", None]


def test_a_worker_that_has_nothing_left_says_so_before_it_tears_down(stage: Stage) -> None:
    """What it is given then is what its teardown knows."""
    stage.channel.on_flush = lambda: stage.queue.put([1] if isinstance(stage.channel.sent[-1], QueueEmpty) else [])
    stage.bodies["a.py::x"] = lambda: stage.queue.put([END])
    assert stage.run(0) == [ItemStarted(0, 0), QueueEmpty(0, 0), ItemFinished(0, 0, 0.0, 0.0), *ran(1)]
    assert stage.state.torn_down_for == ["a.py::x", None]


def test_after_a_stop_no_test_begins(stage: Stage) -> None:
    """Though the queue has some; the test that runs is finished, and everything is torn down for it."""
    stage.bodies["a.py::w"] = stage.flags.stop
    assert stage.run(0, 1, END) == ran(0)
    assert stage.state.torn_down_for == [None]


def test_a_session_that_a_test_stops_is_reported(stage: Stage) -> None:
    """With both reasons that pytest has."""

    def stop() -> None:
        stage.session.shouldstop = "enough"

    stage.bodies["a.py::w"] = stop
    sent = stage.run(0, 1, END)
    assert sent == [ItemStarted(0, 0), messages.SessionStopped("", "enough"), ItemFinished(0, 0, 0.0, 0.0)]


def test_exit_stops_all_workers(stage: Stage) -> None:
    """And is raised, for the run process to hear of."""

    def leave() -> None:
        pytest.exit("bye")

    stage.bodies["a.py::w"] = leave
    with pytest.raises(pytest.exit.Exception, match="bye"):
        stage.run(0, 1, END)
    assert stage.flags.is_stopped


def test_one_failure_too_many_stops_all_workers(stage: Stage) -> None:
    """Before the next test of any of them begins."""
    report = pytest.TestReport("a.py::w", ("a.py", 1, "w"), {}, "failed", None, "call")
    stage.bodies["a.py::w"] = lambda: stage.config.hook.pytest_runtest_logreport(report=report)
    sent = stage.run(0, 1, END)
    assert [message.item for message in sent if isinstance(message, ItemFinished)] == [0]
    assert stage.flags.is_stopped


def test_the_next_test_is_a_guess_until_the_teardown(stage: Stage) -> None:
    """The one behind it, in pytest's order; none where a plugin looks at it and the queue is empty."""
    stage.run(0, 3, 1, END)
    assert stage.guesses == ["a.py::x", None, "a.py::y"]


@pytest.mark.parametrize(("error", "is_again"), [(TestError("no port"), True), (TestError("x", retry=False), False)])
def test_a_test_whose_environment_failed_is_tried_again(stage: Stage, error: TestError, *, is_again: bool) -> None:
    """Once, in this worker, before anything else."""
    call = pytest.CallInfo.from_call(lambda: raise_(error), "call")
    outcomes: list[str] = []

    def fail() -> None:
        report = pytest.TestReport("a.py::w", ("a.py", 1, "w"), {}, "failed", None, "call")
        made = stage.worker.pytest_runtest_makereport(call)
        next(made)
        with pytest.raises(StopIteration):
            made.send(report)
        outcomes.append(str(report.outcome))

    stage.bodies["a.py::w"] = fail
    stage.run(0, 1, END)
    assert outcomes == (["rerun", "failed"] if is_again else ["failed"])
    assert [message.item for message in stage.channel.sent if isinstance(message, ItemFinished)] == [0, 1]


def test_a_fatal_error_of_the_environment_stops_the_session(stage: Stage) -> None:
    """With its text."""
    call = pytest.CallInfo.from_call(lambda: raise_(TestError("no disk", fatal=True)), "call")
    made = stage.worker.pytest_runtest_makereport(call)
    next(made)
    with pytest.raises(StopIteration):
        made.send(pytest.TestReport("a.py::w", ("a.py", 1, "w"), {}, "failed", None, "call"))
    assert stage.session.shouldstop == "fatal: no disk"


def raise_(error: BaseException) -> None:
    """Raise it."""
    raise error


@pytest.mark.parametrize(
    ("following", "expected"), [((3, END), [WorkerOutgrown(0, "a.py::y", "has 3G")]), ((END,), [])]
)
def test_a_worker_that_has_grown_too_large_leaves_what_follows(
    following: tuple[int, ...], expected: list[messages.WorkerMessage]
) -> None:
    """After the test that was one too many; if none follows it ends anyway."""
    stage = Stage(cast("RunLimits", Growing()))
    assert stage.run(0, 2, *following) == [*ran(0, 2), *expected]
    stage.close()


def test_what_is_left_is_torn_down_at_the_end(stage: Stage) -> None:
    """Also where a test did not end."""
    stage.worker.tear_down()
    assert stage.state.torn_down_for == []
    stage.state.stack["session"] = None
    stage.worker.tear_down()
    assert stage.state.torn_down_for == [None]
