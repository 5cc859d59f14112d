"""Decisions about the workers of a run, with a fake process table: no process, no clock."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.parallel import events
from pytest_zygote.core.parallel.fixed_schedule import FixedSchedule
from pytest_zygote.core.parallel.limits import PoolLimits
from pytest_zygote.core.parallel.stealing_schedule import StealingSchedule
from pytest_zygote.core.parallel.work_units import Unit
from pytest_zygote.core.parallel.worker_pool import GRACE_S, WorkerPool
from pytest_zygote.core.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = 100.0
END = -1


class Process:
    """A worker as it is, but for the work.

    Attributes:
        queue: what it is to run; `END` behind it if nothing follows.
        running: the test that it is in the middle of.
        waits_after: the test whose teardown waits for the next one to be known.
        next: the test that it has popped already.
    """

    def __init__(self, items: Sequence[int]) -> None:
        """Begin with these tests."""
        self.queue = deque(items)
        self.running: int | None = None
        self.waits_after: int | None = None
        self.next: int | None = None


class ProcessTable:
    """Performs actions of a pool on fake workers.

    Attributes:
        begun: the tests that were begun, in order.
        finished: the tests that were finished.
        crashed: the tests that were reported as crashed.
        retried: the tests that run again since their worker was killed.
        performed: all actions.
    """

    def __init__(self, pool: WorkerPool, wants_retry: Callable[[int], bool] = lambda _: False) -> None:
        """Perform what this pool decides."""
        self.pool = pool
        self.workers: dict[int, Process] = {}
        self.begun: list[int] = []
        self.finished: list[int] = []
        self.crashed: list[int] = []
        self.retried: list[int] = []
        self.performed: list[events.Action] = []
        self._wants_retry = wants_retry

    def on(self, event: events.Event, now: float = NOW) -> list[events.Action]:
        """Give the pool an event, and perform what follows; return all actions."""
        before = len(self.performed)
        for action in self.pool.on(event, now):
            self.performed.append(action)
            self._perform(action)
        return self.performed[before:]

    def _perform(self, action: events.Action) -> None:
        match action:
            case events.StartWorker(number, items):
                self.workers[number] = Process(items)
            case events.Assign(number, items):
                self.workers[number].queue.extend(items)
            case events.DrainQueue(number):
                self.on(events.QueueDrained(number, self.drain(number)))
            case events.EndQueue(number):
                self.workers[number].queue.append(END)
            case _:
                self._perform_end(action)

    def _perform_end(
        self,
        action: events.ReportCrash
        | events.ReportNodeDown
        | events.ReportRetry
        | events.KillWorkers
        | events.PrintLine
        | events.StopTests
        | events.InterruptWorkers,
    ) -> None:
        match action:
            case events.ReportCrash(number, item):
                self.crashed.append(item)
                self.on(events.CrashReported(number, item, self._wants_retry(item)))
            case events.ReportNodeDown(number):
                del self.workers[number]
            case events.ReportRetry(_, item):
                self.retried.append(item)
            case events.KillWorkers():
                self.workers.clear()
            case events.PrintLine() | events.StopTests() | events.InterruptWorkers():
                pass
            case _:
                assert_never(action)

    def drain(self, number: int) -> tuple[int, ...]:
        """Take everything out of a worker's queue."""
        process = self.workers[number]
        items = tuple(item for item in process.queue if item != END)
        process.queue.clear()
        return items

    def step(self, number: int) -> None:
        """Have a worker do the next thing that it can do: begin a test, pop the next one, finish, wait, or end."""
        process = self.workers[number]
        if process.running is None:
            self._begin(number, process)
        elif process.next is None:
            self._pop_next(number, process)
        else:
            item, process.running, process.waits_after = process.running, None, None
            self.finished.append(item)
            self.on(events.ItemFinished(number, item, 0.1, 0.0))

    def _begin(self, number: int, process: Process) -> None:
        if process.next is None and process.queue:
            process.next = process.queue.popleft()
        item, process.next = process.next, None
        if item == END:
            self.on(events.WorkerFinished(number))
            self.exit(number)
        elif item is not None:
            process.running, process.waits_after = item, None
            self.begun.append(item)
            self.on(events.ItemStarted(number, item))
        elif process.waits_after is None:
            process.waits_after = END
            self.on(events.QueueEmpty(number, END))

    def _pop_next(self, number: int, process: Process) -> None:
        if process.queue:
            process.next = process.queue.popleft()
        elif process.waits_after is None and process.running is not None:
            process.waits_after = process.running
            self.on(events.QueueEmpty(number, process.running))

    def exit(self, number: int, *, is_killed: bool = False) -> None:
        """End the process of a worker."""
        self.on(events.WorkerExited(number, self.drain(number), is_killed))


def pool_of(
    units: Sequence[Unit],
    workers: int,
    *,
    restarts: int = 99,
    kind: type[StealingSchedule | FixedSchedule] = StealingSchedule,
    limits: PoolLimits | None = None,
) -> WorkerPool:
    """Make a pool for some units of which nothing is known."""
    return WorkerPool(kind(units, {}, workers), workers, restarts, limits or PoolLimits())


def started(count: int = 6, workers: int = 2, *, restarts: int = 99, limits: PoolLimits | None = None) -> ProcessTable:
    """Return running workers for some tests, each a unit of its own."""
    units = [Unit((item,)) for item in range(count)]
    table = ProcessTable(pool_of(units, workers, restarts=restarts, limits=limits))
    table.on(events.RunStarted())
    return table


def run_to_the_end(table: ProcessTable) -> None:
    """Let workers run in turn until none is left."""
    for _ in range(1_000):
        if not table.workers:
            return
        for number in sorted(table.workers):
            table.step(number)
        table.on(events.RoundEnded())
    raise AssertionError("the run does not end")


@st.composite
def unit_lists(draw: st.DrawFn) -> list[Unit]:
    """Draw units of all kinds."""
    units: list[Unit] = []
    first = 0
    for size in draw(st.lists(st.integers(0, 8), max_size=6)):
        units.append(Unit(tuple(range(first, first + size)), divisible=draw(st.booleans())))
        first += size
    return units


@pytest.mark.parametrize("kind", [StealingSchedule, FixedSchedule])
@given(units=unit_lists(), data=st.data())
def test_every_test_runs_exactly_once_in_any_order(
    kind: type[StealingSchedule | FixedSchedule], units: list[Unit], data: st.DataObject
) -> None:
    """Whatever workers finish, wait, share and crash: a test runs to its end or is reported, and never both."""
    workers = data.draw(st.integers(1, 4))
    table = ProcessTable(pool_of(units, workers, kind=kind))
    table.on(events.RunStarted())
    for choice in data.draw(st.lists(st.integers(0, 11), max_size=60)):
        numbers = sorted(table.workers)
        if not numbers:
            break
        number = numbers[choice % len(numbers)]
        if choice == 11:
            table.exit(number)
        else:
            table.step(number)
        if choice % 2:
            table.on(events.RoundEnded())
    run_to_the_end(table)
    items = [item for unit in units for item in unit.items]
    assert sorted([*table.finished, *table.crashed]) == items
    # One that died after popping its next test is blamed for that test, which it had not begun.
    assert sorted({*table.begun, *table.crashed}) == items
    assert len(table.begun) == len(set(table.begun))
    assert not table.pool.workers


@given(units=unit_lists(), data=st.data())
def test_no_test_begins_after_a_stop(units: list[Unit], data: st.DataObject) -> None:
    """Workers finish what they run, and end; nobody is blamed for a test that it had not popped."""
    table = ProcessTable(pool_of(units, 3))
    table.on(events.RunStarted())
    for choice in data.draw(st.lists(st.integers(0, 2), max_size=30)):
        if choice in table.workers:
            table.step(choice)
    popped = {process.next for process in table.workers.values()}
    table.on(events.StopRequested())
    begun = set(table.begun)
    run_to_the_end(table)
    assert set(table.begun) - begun <= popped  # the process itself looks at the flag before it begins one
    assert table.crashed == []


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_worker_that_waits_gets_a_share_or_ends(tests: int, steps: int) -> None:
    """One worker stands still in the middle of a test: the others run everything that it has not begun, and end."""
    table = ProcessTable(pool_of([Unit(tuple(range(tests)))], 3))
    table.on(events.RunStarted())
    for _ in range(steps):
        if 0 in table.workers:
            table.step(0)
    standing = table.workers.get(0)
    for _ in range(20 * tests):
        for number in sorted(table.workers.keys() - {0}):
            table.step(number)
        table.on(events.RoundEnded())
    left = set(range(tests)) - set(table.finished)
    assert left <= ({standing.running, standing.next, *standing.queue} if standing is not None else set())
    assert len(standing.queue if standing is not None else ()) <= 1
    run_to_the_end(table)
    assert sorted(table.finished) == list(range(tests))


def test_a_dead_worker_fails_its_test_and_is_replaced() -> None:
    """The test is reported, plugins and the user see that the worker is gone, and another goes on with the rest."""
    table = started()
    table.step(0)
    running = table.workers[0].running
    actions = table.on(events.WorkerExited(0, table.drain(0)))
    assert [type(action) for action in actions] == [
        events.ReportNodeDown,
        events.PrintLine,
        events.ReportCrash,
        events.PrintLine,
        events.StartWorker,
    ]
    assert actions[0] == events.ReportNodeDown(0, "Not properly terminated")
    assert actions[1] == events.PrintLine("[gw0] node down: Not properly terminated")
    assert actions[3] == events.PrintLine("\nreplacing crashed worker gw0")
    assert table.crashed == [running]
    assert sorted(table.workers) == [1, 2]
    run_to_the_end(table)
    assert sorted([*table.finished, *table.crashed]) == list(range(6))


def test_a_worker_that_dies_between_tests_fails_none() -> None:
    """What it was given waits again."""
    table = started()
    actions = table.on(events.WorkerExited(1, table.drain(1)))
    assert not any(isinstance(action, events.ReportCrash) for action in actions)
    run_to_the_end(table)
    assert sorted(table.finished) == list(range(6))


def test_a_crashed_test_runs_again_once_if_a_plugin_asks() -> None:
    """A test that has killed two workers is not run a third time, though the plugin asks for it."""
    table = ProcessTable(pool_of([Unit((0,))], 1), wants_retry=lambda _: True)
    table.on(events.RunStarted())
    for number in (0, 1):
        table.step(number)
        table.exit(number)
    assert table.begun == [0, 0]
    assert table.crashed == [0, 0]
    assert not table.workers


@pytest.mark.parametrize(
    ("restarts", "summary"),
    [(0, "worker gw0 crashed and worker restarting disabled"), (1, "maximum crashed workers reached: 1")],
)
def test_too_many_crashes_stop_the_run(restarts: int, summary: str) -> None:
    """The user sees why, and no test begins any more."""
    table = started(count=9, workers=1, restarts=restarts)
    for number in range(restarts + 1):
        table.step(number)
        table.exit(number)
    assert table.pool.summary == summary
    assert events.PrintLine(f"\n{summary}") in table.performed
    assert any(isinstance(action, events.StopTests) for action in table.performed)
    assert table.pool.is_stopping
    assert not table.workers


def test_after_a_stop_a_dead_worker_is_not_replaced() -> None:
    """Its test is reported all the same."""
    table = started()
    table.step(0)
    table.on(events.StopRequested())
    table.exit(0)
    assert len(table.crashed) == 1
    assert sorted(table.workers) == [1]


def test_workers_that_do_not_end_after_ctrl_c_are_killed() -> None:
    """They have some time to tear down what they have set up."""
    table = started()
    actions = table.on(events.RunInterrupted(frozenset({0, 1})))
    assert isinstance(actions[0], events.StopTests)
    assert isinstance(actions[-1], events.InterruptWorkers)
    assert table.on(events.RoundEnded(), NOW + GRACE_S - 0.1) == []
    assert [type(action) for action in table.on(events.RoundEnded(), NOW + GRACE_S)] == [events.KillWorkers]
    assert not table.pool.workers


def test_a_deadline_lets_no_test_begin_and_then_kills() -> None:
    """What runs is interrupted by its own process; it has some time to tear down what it has set up."""
    table = started(limits=PoolLimits(stop_at=NOW + 60))
    table.step(0)
    assert table.pool.due_s(NOW) == 60
    assert table.on(events.RoundEnded(), NOW + 59) == []
    assert table.on(events.RoundEnded(), NOW + 60)[0] == events.StopTests()
    assert table.pool.due_s(NOW + 60) == GRACE_S
    assert table.on(events.RoundEnded(), NOW + 60 + GRACE_S - 1) == []
    assert table.on(events.RoundEnded(), NOW + 60 + GRACE_S) == [events.KillWorkers()]
    assert not table.pool.workers
    assert started().pool.due_s(NOW) is None


def test_a_killed_test_runs_again_as_often_as_it_may() -> None:
    """Then it has failed; one whose worker died of something else has failed at once."""
    table = started(count=1, workers=1, limits=PoolLimits(retries=2))
    for number in range(3):
        table.step(number)
        table.exit(number, is_killed=True)
    assert table.retried == [0, 0]
    assert table.crashed == [0]
    assert not table.workers
    other = started(count=1, workers=1, limits=PoolLimits(retries=2))
    other.step(0)
    other.exit(0)
    assert other.crashed == [0]
    assert other.retried == []


def test_a_worker_that_has_grown_too_large_is_replaced() -> None:
    """Once it has torn everything down; the replacement counts as no restart, and gets what was left."""
    table = started(restarts=0)
    for _ in range(3):
        table.step(0)
    line = "\n[gw0] has 3G of memory, more than 2G, after a.py::b: a new worker takes its place"
    assert table.on(events.WorkerOutgrown(0, "a.py::b", "has 3G of memory, more than 2G")) == [events.PrintLine(line)]
    table.on(events.WorkerFinished(0))
    table.exit(0)
    assert sorted(table.workers) == [1, 2]
    run_to_the_end(table)
    assert sorted(table.finished) == list(range(6))
    assert table.crashed == []


def test_a_worker_that_has_grown_too_large_is_not_replaced_without_tests() -> None:
    """Nor after a stop."""
    table = started(count=1, workers=1)
    while not table.finished:
        table.step(0)
        table.on(events.RoundEnded())
    table.on(events.WorkerOutgrown(0, "a.py::b", "has too much"))
    table.on(events.WorkerFinished(0))
    table.exit(0)
    assert not table.workers


def test_workers_that_were_never_started_are_forgotten_when_the_run_is_interrupted() -> None:
    """Ctrl-C may come between a decision and its action."""
    table = started()
    del table.workers[1]
    actions = table.on(events.RunInterrupted(frozenset({0})))
    assert {action.worker for action in actions if isinstance(action, events.EndQueue)} == {0}
    assert list(table.pool.workers) == [0]


def new() -> ProcessTable:
    """Return workers that have begun nothing."""
    return started()


def busy() -> ProcessTable:
    """Return workers in the middle of a test."""
    table = started()
    table.step(0)
    table.step(1)
    return table


def hungry() -> ProcessTable:
    """Return workers of which one waits, and the other has a test left."""
    table = started(count=3)
    while table.workers[0].waits_after is None:
        table.step(0)
    return table


def stopping() -> ProcessTable:
    """Return busy workers that may begin nothing more."""
    table = busy()
    table.on(events.StopRequested())
    return table


def interrupted() -> ProcessTable:
    """Return busy workers that were sent Ctrl-C."""
    table = busy()
    table.on(events.RunInterrupted(frozenset({0, 1})))
    return table


def ending() -> ProcessTable:
    """Return workers of which one has torn everything down."""
    table = busy()
    table.on(events.WorkerFinished(0))
    return table


STATES = (new, busy, hungry, stopping, interrupted, ending)
EVENTS: dict[str, Callable[[ProcessTable], events.Event]] = {
    "started": lambda table: events.ItemStarted(0, next(iter(table.workers[0].queue), 0)),
    "queue_empty": lambda table: events.QueueEmpty(0, table.workers[0].running or 0),
    "finished": lambda _: events.WorkerFinished(0),
    "outgrown": lambda _: events.WorkerOutgrown(0, "a.py::b", "has 3G of memory, more than 2G"),
    "killed": lambda table: events.WorkerExited(0, table.drain(0), is_killed=True),
    "exited": lambda table: events.WorkerExited(0, table.drain(0)),
    "drained": lambda table: events.QueueDrained(0, table.drain(0)),
    "crash_reported": lambda _: events.CrashReported(7, 0, wants_retry=False),
    "round_ended": lambda _: events.RoundEnded(),
    "stop": lambda _: events.StopRequested(),
    "interrupt": lambda _: events.RunInterrupted(frozenset({0, 1})),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_event_has_an_outcome_in_every_state(
    state: Callable[[], ProcessTable], event: Callable[[ProcessTable], events.Event]
) -> None:
    """Only workers that exist are named by actions, and none begins after a stop."""
    table = state()
    known = set(table.workers)
    was_stopping = table.pool.is_stopping
    for action in table.on(event(table)):
        if isinstance(action, events.StartWorker):
            assert not was_stopping
            known.add(action.worker)
        elif isinstance(action, events.Assign):
            assert not was_stopping
            assert action.worker in known
        elif isinstance(action, (events.DrainQueue, events.EndQueue, events.ReportNodeDown, events.ReportCrash)):
            assert action.worker in known


@pytest.mark.parametrize(
    "event",
    [
        events.ItemStarted(9, 0),
        events.ItemFinished(9, 0, 0.1, 0.0),
        events.QueueEmpty(9, 0),
        events.WorkerFinished(9),
        events.WorkerExited(9, ()),
        events.QueueDrained(9, ()),
    ],
)
@pytest.mark.parametrize("state", STATES)
def test_an_event_about_a_worker_that_does_not_exist_is_an_error(
    state: Callable[[], ProcessTable], event: events.Event
) -> None:
    """And changes nothing."""
    table = state()
    before = dict(table.pool.workers)
    with pytest.raises(LocalProtocolError, match="not in the pool"):
        table.on(event)
    assert table.pool.workers == before


def test_a_worker_cannot_finish_a_test_that_it_does_not_hold() -> None:
    """The schedule would lose a test otherwise."""
    table = busy()
    with pytest.raises(ValueError, match="worker 0 finished test 99"):
        table.on(events.ItemFinished(0, 99, 0.1, 0.0))
