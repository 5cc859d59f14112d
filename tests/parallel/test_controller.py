"""The controller, with workers that have no process: each does one thing whenever it is looked at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.parallel.events import ItemFinished, ItemStarted, QueueEmpty, WorkerFinished
from pytest_zygote.parallel import controller as module
from pytest_zygote.parallel import fixture_replies, messages, worker_starter
from pytest_zygote.parallel.controller import Controller
from pytest_zygote.parallel.plan import ParallelPlan
from pytest_zygote.parallel.work_queue import END
from tests.parallel.fakes import make_config, make_items, make_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_zygote.fixtures.shared import SharedFixtures
    from pytest_zygote.parallel.xdist_node import Node


class Queue:
    """A work queue in memory."""

    def __init__(self) -> None:
        """Be empty."""
        self.items: list[int] = []

    def put(self, items: Sequence[int]) -> None:
        """Append tests."""
        self.items += items

    def refill(self) -> bool:
        """Return that all of it fits."""
        return False

    def drain(self) -> list[int]:
        """Remove and return all tests."""
        drained, self.items = [item for item in self.items if item != END], []
        return drained


class SimulatedWorker:
    """What the controller knows of a worker, and what the worker does.

    Attributes:
        replies: what the controller has sent to it.
    """

    behaviour: Callable[[SimulatedWorker, int], Iterator[messages.WorkerMessage]]
    """What a worker sends while it runs a test; it crashes if this raises ChildProcessError."""

    def __init__(self, number: int, node: Node) -> None:
        """Be about to run."""
        self.number, self.node, self.name = number, node, f"gw{number}"
        self.queue = Queue()
        self.is_over = False
        self.status: int | None = None
        self.pid = 1000 + number
        self.pid_descriptor = -1
        self.replies: list[messages.ControllerMessage] = []
        self._life = self._live()
        self.send = self.replies.append

    def _live(self) -> Iterator[messages.WorkerMessage]:
        while True:
            if not self.queue.items:
                yield QueueEmpty(self.number, END)
            while not self.queue.items:
                yield messages.SessionStopped("", "")  # nothing new
            item = self.queue.items.pop(0)
            if item == END:
                break
            yield ItemStarted(self.number, item)
            yield from type(self).behaviour(self, item)
            yield ItemFinished(self.number, item, 0.5, 0.0)
        yield messages.OutputReturned(b"\x80\x05}\x94.")
        yield WorkerFinished(self.number)
        yield messages.WorkerOver()

    def receive(self, *, is_ready: bool) -> tuple[list[messages.WorkerMessage], bool]:
        """Do the next thing."""
        del is_ready
        try:
            return [next(self._life)], False
        except StopIteration:
            return [], False
        except ChildProcessError:
            self.status = -9
            return [], True

    def started(self, pid: int) -> None:
        """Have a process."""
        self.pid = pid

    def reap(self) -> None:
        """Wait for the process."""
        vars(module)["processes"].wait(self.pid)

    def has_ended(self) -> bool:
        """Return whether it has crashed."""
        return self.status is not None

    def await_end(self, grace_s: float) -> None:
        """Have crashed already."""
        del grace_s

    def count(self, seconds: float, fixtures_s: float) -> None:
        """Count nothing."""

    def summary(self) -> str:
        """Return a line."""
        return f"{self.name} was here"

    def last_output(self) -> str:
        """Return nothing."""
        return ""

    def close(self) -> None:
        """Have nothing to close."""


class Wait:
    """Waits for no one.

    Attributes:
        is_busy: as `EventWait` has it.
    """

    def __init__(self, flags: object, feed: object) -> None:
        """Ignore all."""
        del flags, feed
        self.is_busy = False

    def wait(self, workers: object, timeout_s: float | None) -> set[object]:
        """Return at once: everybody is looked at."""
        del workers, timeout_s
        return set()

    def add(self, worker: object) -> None:
        """Wait for a worker."""

    def remove(self, worker: object) -> None:
        """Wait for it no longer."""

    def close(self) -> None:
        """Wait for none."""


class Processes:
    """The process table.

    Attributes:
        signalled: process and signal, in order.
        reaped: processes that were waited for.
    """

    def __init__(self) -> None:
        """Have no process."""
        self.signalled: list[tuple[int, int]] = []
        self.reaped: list[int] = []
        self._last = 0

    def fork_among_threads(self, main: object) -> int:
        """Return the id of a process that does not exist."""
        del main
        self._last += 1
        return self._last

    def signal_process(self, pid: int, signal: int) -> None:
        """Note it."""
        self.signalled.append((pid, signal))

    def wait(self, pid: int) -> int:
        """Note it."""
        self.reaped.append(pid)
        return 0


class Watching:
    """A plugin that notes what happens to workers."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.seen: list[str] = []

    @pytest.hookimpl
    def pytest_configure_node(self, node: Node) -> None:
        """Note it."""
        self.seen.append(f"configure {node.gateway.id}")

    @pytest.hookimpl
    def pytest_testnodeready(self, node: Node) -> None:
        """Note it."""
        self.seen.append(f"ready {node.gateway.id}")

    @pytest.hookimpl
    def pytest_testnodedown(self, node: Node, error: object) -> None:
        """Note it."""
        self.seen.append(f"down {node.gateway.id} {error}")

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note it."""
        self.seen.append(f"{report.outcome} {report.nodeid}")


class Stage:
    """A controller for some tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have four tests, and two workers that let them pass."""
        self.processes, self.plugin = Processes(), Watching()
        monkeypatch.setattr(module, "EventWait", Wait)
        monkeypatch.setattr(worker_starter, "WorkerHandle", SimulatedWorker)
        for user in (module, worker_starter):
            monkeypatch.setattr(user, "processes", self.processes)
        self.config = make_config(self.plugin, maxfail=0)
        self.session = make_session(make_items(self.config, "a.py::w", "a.py::x", "b.py::y", "b.py::z"), self.config)
        self.plan = ParallelPlan(self.session, 2)
        fixtures = SimpleNamespace(value_for_worker=lambda item, name: f"{name} for {item.nodeid}")
        self.controller = Controller(self.session, self.plan, cast("SharedFixtures", fixtures))
        self.workers: list[SimulatedWorker] = []
        self.ran: list[int] = []
        SimulatedWorker.behaviour = self.behave
        self.bodies: dict[int, Callable[[SimulatedWorker], Iterator[messages.WorkerMessage]]] = {}

    def behave(self, worker: SimulatedWorker, item: int) -> Iterator[messages.WorkerMessage]:
        """Run a test in a worker."""
        self.ran.append(item)
        if item in self.bodies:
            yield from self.bodies[item](worker)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A controller that has not begun."""
    return Stage(monkeypatch)


def crash_second(worker: SimulatedWorker) -> Iterator[messages.WorkerMessage]:
    """End the process of the second worker."""
    if worker.name == "gw1":
        raise ChildProcessError(worker.name)
    yield from ()


def test_all_tests_run_and_all_workers_end(stage: Stage) -> None:
    """Plugins see workers come and go; processes that only free their memory are reaped later."""
    stage.controller.run()
    assert sorted(stage.ran) == [0, 1, 2, 3]
    for name in ("gw0", "gw1"):
        seen = [line for line in stage.plugin.seen if name in line]
        assert seen == [f"configure {name}", f"ready {name}", f"down {name} None"]
    assert sorted(stage.controller.lines) == ["gw0 was here", "gw1 was here"]
    assert stage.processes.reaped == []
    stage.controller.reap()
    assert sorted(stage.processes.reaped) == [1, 2]
    assert stage.controller.summary == ""


def test_a_worker_that_dies_is_replaced(stage: Stage) -> None:
    """Its test has failed; the others run."""
    for item in range(4):
        stage.bodies[item] = crash_second
    stage.controller.run()
    assert sorted(stage.ran) == [0, 1, 2, 3]
    assert [line for line in stage.plugin.seen if "gw1" in line][-1] == "down gw1 Not properly terminated"
    assert len([line for line in stage.plugin.seen if line.startswith("failed")]) == 1
    assert "down gw2 None" in stage.plugin.seen


def test_a_session_that_must_stop_begins_no_more_tests(stage: Stage) -> None:
    """What ended it is raised when the workers are gone."""

    def leave(_: SimulatedWorker) -> Iterator[messages.WorkerMessage]:
        yield messages.ExitRaised("bye", 3)

    for item in range(4):
        stage.bodies[item] = leave
    with pytest.raises(pytest.exit.Exception, match="bye"):
        stage.controller.run()
    assert len(stage.ran) <= 2


def test_a_fixture_that_is_asked_for_is_sent(stage: Stage) -> None:
    """To the worker that waits for it."""
    replies: list[object] = []

    def ask(worker: SimulatedWorker) -> Iterator[messages.WorkerMessage]:
        yield messages.FixtureRequested(1, "database")
        reply = worker.replies[-1]
        assert isinstance(reply, messages.FixtureReply)
        replies.append(fixture_replies.fixture_value(reply))

    stage.bodies[1] = ask
    stage.controller.run()
    assert replies == ["database for a.py::x"]


def test_an_error_here_interrupts_all_workers(stage: Stage) -> None:
    """They are killed if they do not end, and waited for."""

    class Broken:
        @pytest.hookimpl
        def pytest_runtest_logstart(self) -> None:
            raise RuntimeError("broken plugin")

    def start(_: SimulatedWorker) -> Iterator[messages.WorkerMessage]:
        yield messages.LogStart("a.py::w", ("a.py", 1, "w"))

    stage.config.pluginmanager.register(Broken())
    for item in range(4):
        stage.bodies[item] = start
    with pytest.raises(RuntimeError, match="broken plugin"):
        stage.controller.run()
    assert {pid for pid, _ in stage.processes.signalled} == {1, 2}
