"""What the controller of a parallel run decides: who is given which tests, who is replaced, when all is over.

`WorkerPool.on` takes an event and the time, and returns the actions that follow; it starts no process and reads no
clock. Its caller performs the actions in their order. `DrainQueue` and `ReportCrash` have an answer, which is an event
of its own; what depends on it is decided then.

Theory of operation. A worker has a queue, and runs what is in it. The pool fills it from the schedule before it is
empty, so a worker rarely waits. One that does (`QueueEmpty`) is fed at the end of the round: with what still waits in
the schedule, else with a share of what another worker has ahead (the other's queue is drained and dealt out again), and
if there is nothing to share, it ends. A worker that waits still counts as waiting once it is given something, until
it has finished the test after which it waited: it may be asleep, and must not be robbed of what it was given. Nor must
a worker that has just been forked. While one of those may have too much for itself, no worker is let go.

A worker that died fails the test that it held. Everything else that it held waits again, before all other tests. The
dead worker is replaced, if that has not happened too often and tests are left.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.core.parallel.events import (
    Assign,
    CrashReported,
    DrainQueue,
    EndQueue,
    InterruptWorkers,
    ItemFinished,
    ItemStarted,
    KillWorkers,
    PrintLine,
    QueueDrained,
    QueueEmpty,
    ReportCrash,
    ReportNodeDown,
    ReportRetry,
    RoundEnded,
    RunInterrupted,
    RunStarted,
    StartWorker,
    StopRequested,
    StopTests,
    WorkerExited,
    WorkerFinished,
    WorkerOutgrown,
)
from pytest_zygote.core.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.core.parallel.events import Action, Event, WorkerEvent
    from pytest_zygote.core.parallel.limits import PoolLimits
    from pytest_zygote.core.parallel.scheduler import Scheduler

NOT_TERMINATED = "Not properly terminated"
"""What pytest-xdist says of a worker that died, and programs look for."""
MAX_CRASHES_OF_A_TEST = 2
"""A test that killed so many workers is not run again, even if a plugin asks for it."""
GRACE_S = 10.0
"""What workers have to tear fixtures down after Ctrl-C, before they are killed."""


def name_of(worker: int) -> str:
    """Return the name of a worker, as pytest-xdist has it."""
    return f"gw{worker}"


class WorkerState:
    """What the pool knows of one worker.

    Attributes:
        has_begun: whether it has begun a test.
        waits_after: the test after which it has nothing to run; None while it does not wait.
        is_finished: whether it has torn everything down.
        is_outgrown: whether it ends because it has too much memory.
    """

    __slots__ = ("has_begun", "is_finished", "is_outgrown", "waits_after")

    def __init__(self) -> None:
        """Be forked a moment ago."""
        self.has_begun = False
        self.waits_after: int | None = None
        self.is_finished = False
        self.is_outgrown = False


class WorkerPool:
    """The workers of a run.

    Attributes:
        workers: number of a worker → its state; the run is over when none is left.
        is_stopping: whether no test may begin any more.
        summary: why the run did not go to its end; '' if it did.
    """

    def __init__(self, schedule: Scheduler, count: int, max_restarts: int, limits: PoolLimits) -> None:
        """Have no worker yet.

        Args:
            schedule: of the tests.
            count: of workers at the beginning.
            max_restarts: how many dead workers are replaced.
            limits: that the user has set.
        """
        self._schedule = schedule
        self._count = count
        self._max_restarts = max_restarts
        self._started = 0
        self._restarts = 0
        self._crashes_of: dict[int, int] = {}
        self._unfed: list[int] = []
        self._provided: set[int] = set()
        self._thief = -1
        self._stop_at = limits.stop_at
        self._kill_at: float | None = None
        self._retries_left = defaultdict[int, int](lambda: limits.retries)
        self.workers: dict[int, WorkerState] = {}
        self.is_stopping = False
        self.summary = ""

    @property
    def open_tests(self) -> frozenset[int]:
        """The tests after which workers wait: they are finished once it is known which comes next."""
        return frozenset(state.waits_after for state in self.workers.values() if state.waits_after is not None)

    def due_s(self, now: float) -> float | None:
        """Return in how many seconds a round must end, whatever workers do; None for whenever they do something."""
        due = self._kill_at if self._kill_at is not None else self._stop_at
        return None if due is None else max(due - now, 0.0)

    def on(self, event: Event, now: float) -> Sequence[Action]:
        """Return what is to be done because of an event.

        Raises:
            LocalProtocolError: it is about a worker that does not exist; nothing has changed.
        """
        match event:
            case RoundEnded():
                return self._end_round(now)
            case RunStarted():
                return [self._start_worker() for _ in range(self._count)]
            case CrashReported(worker, item, wants_retry):
                return self._on_crash_reported(worker, item, wants_retry=wants_retry)
            case StopRequested():
                return self._stop()
            case RunInterrupted(alive):
                return self._interrupt(alive, now)
            case _:
                if event.worker not in self.workers:
                    raise LocalProtocolError(f"{event} is about a worker that is not in the pool")
                return self._on_worker(event)

    def _on_worker(self, event: WorkerEvent) -> Sequence[Action]:
        worker = self.workers[event.worker]
        match event:
            case ItemFinished():
                worker.waits_after = None
                self._schedule.done(event.worker, event.item, event.seconds)
                return () if self.is_stopping else _assigned(event.worker, self._schedule.refill(event.worker))
            case ItemStarted():
                worker.waits_after = None
                worker.has_begun = True
            case QueueEmpty():
                worker.waits_after = event.item
            case WorkerFinished():
                worker.is_finished = True
            case WorkerOutgrown(number, test, excess):
                worker.is_outgrown = True
                return (PrintLine(f"\n[{name_of(number)}] {excess}, after {test}: a new worker takes its place"),)
            case WorkerExited():
                return self._on_exit(event)
            case QueueDrained():
                return self._on_drained(event.worker, event.items)
            case _:
                assert_never(event)
        return ()

    def _start_worker(self) -> StartWorker:
        number = self._started
        self._started += 1
        self.workers[number] = WorkerState()
        self._schedule.join(number)
        return StartWorker(number, tuple(self._schedule.refill(number)))

    # Feeding workers that wait

    def _end_round(self, now: float) -> list[Action]:
        if self._kill_at is not None and now >= self._kill_at:
            self.workers.clear()
            return [KillWorkers()]
        if self._stop_at is not None and now >= self._stop_at:
            self._stop_at, self._kill_at = None, now + GRACE_S
            return self._stop()
        waiting = [number for number, worker in self.workers.items() if worker.waits_after is not None]
        self._unfed = [number for number in waiting if not self._is_provided(number)]
        fresh = {number for number, worker in self.workers.items() if not worker.has_begun}
        self._provided = fresh.union(waiting).difference(self._unfed)
        return self._feed()

    def _is_provided(self, number: int) -> bool:
        """Return whether a worker that waits has been given more than the test after which it waits."""
        return self._schedule.holds(number) not in {(), (self.workers[number].waits_after,)}

    def _feed(self) -> list[Action]:
        """Give something to each worker that waits; interrupted where a queue must be drained first."""
        actions: list[Action] = []
        while self._unfed:
            number = self._unfed.pop(0)
            items = [] if self.is_stopping else self._schedule.refill(number)
            victim = None if items or self.is_stopping else self._schedule.victim(number, self._provided)
            if victim is not None:
                self._thief = number
                return [*actions, DrainQueue(victim)]
            actions += self._give_or_end(number, items)
        return actions

    def _give_or_end(self, number: int, items: Sequence[int]) -> Sequence[Action]:
        if items:
            self._provided.add(number)
        elif not self._schedule.awaits_more and not any(self._schedule.holds(other)[1:] for other in self._provided):
            self.workers[number].waits_after = None
            return (EndQueue(number),)
        return _assigned(number, items)

    def _on_drained(self, victim: int, items: tuple[int, ...]) -> list[Action]:
        thief, self._thief = self._thief, -1
        if self.is_stopping or thief not in self.workers:
            self._schedule.put_back(self._schedule.reclaim(victim, items))
            return []
        back, stolen = self._schedule.split(victim, thief, items)
        return [*_assigned(victim, back), *self._give_or_end(thief, stolen), *self._feed()]

    # Workers that end

    def _on_exit(self, exited: WorkerExited) -> list[Action]:
        number = exited.worker
        worker = self.workers.pop(number)
        if worker.is_finished:
            self._schedule.put_back(self._schedule.retire(number))
            is_replaced = worker.is_outgrown and not self.is_stopping and not self._schedule.is_over
            return [ReportNodeDown(number, ""), *([self._start_worker()] if is_replaced else [])]
        item = self._schedule.lost(number, exited.unbegun)
        actions: list[Action] = [
            ReportNodeDown(number, NOT_TERMINATED),
            PrintLine(f"[{name_of(number)}] node down: {NOT_TERMINATED}"),
        ]
        if item is None:
            return [*actions, *self._replace(number)]
        if not exited.is_killed or self.is_stopping or not self._retries_left[item]:
            return [*actions, ReportCrash(number, item)]
        self._retries_left[item] -= 1
        self._schedule.put_back([item])
        return [*actions, ReportRetry(number, item), *self._replace(number)]

    def _on_crash_reported(self, number: int, item: int, *, wants_retry: bool) -> list[Action]:
        self._crashes_of[item] = self._crashes_of.get(item, 0) + 1
        if wants_retry and self._crashes_of[item] < MAX_CRASHES_OF_A_TEST:
            self._schedule.put_back([item])
        return self._replace(number)

    def _replace(self, number: int) -> list[Action]:
        """Replace a worker that has died, if that has not happened too often."""
        if self.is_stopping:
            return []
        self._restarts += 1
        if self._restarts > self._max_restarts:
            self.summary = (
                f"maximum crashed workers reached: {self._max_restarts}"
                if self._max_restarts
                else f"worker {name_of(number)} crashed and worker restarting disabled"
            )
            return [PrintLine(f"\n{self.summary}"), *self._stop()]
        if self._schedule.is_over:
            return []
        return [PrintLine(f"\nreplacing crashed worker {name_of(number)}"), self._start_worker()]

    # The end

    def _stop(self) -> list[Action]:
        """Let the tests end that run now, and no other begin."""
        self.is_stopping = True
        drained: list[Action] = [action for worker in self.workers for action in (DrainQueue(worker), EndQueue(worker))]
        return [StopTests(), *drained]

    def _interrupt(self, alive: frozenset[int], now: float) -> list[Action]:
        for number in self.workers.keys() - alive:
            del self.workers[number]
        self._kill_at = now + GRACE_S
        return [*self._stop(), InterruptWorkers()]


def _assigned(worker: int, items: Sequence[int]) -> Sequence[Action]:
    return (Assign(worker, tuple(items)),) if items else ()
