"""A schedule whose tests come in batches."""

from __future__ import annotations

from pytest_zygote.core.hosts.fed_schedule import FedSchedule
from pytest_zygote.core.parallel.events import ItemFinished, QueueEmpty, RoundEnded, RunStarted, WorkerExited
from pytest_zygote.core.parallel.limits import PoolLimits
from pytest_zygote.core.parallel.work_units import Unit
from pytest_zygote.core.parallel.worker_pool import WorkerPool
from pytest_zygote.parallel.work_queue import END

UNITS = [Unit((0, 1, 2)), Unit((3, 4))]


def test_a_batch_is_settled_when_nothing_is_left_to_begin() -> None:
    """A worker keeps its last test open; what it has finished before is reported once."""
    schedule = FedSchedule(UNITS, {}, 1)
    schedule.join(0)
    assert schedule.refill(0) == []
    schedule.feed(7, [0, 1])
    assert schedule.refill(0) == [0, 1]
    schedule.done(0, 0, 0.5)
    assert schedule.pop_finished() == {0: 0.5}
    assert schedule.pop_finished() == {}
    assert schedule.pop_settled(()) == []
    assert schedule.pop_settled({1}) == [7]
    assert schedule.pop_settled({1}) == []


def test_a_test_that_kills_its_worker_is_finished_unless_it_is_tried_again() -> None:
    """What the worker had not begun waits for another."""
    schedule = FedSchedule(UNITS, {}, 2)
    schedule.join(0)
    schedule.feed(1, [0, 1, 3])
    assert schedule.refill(0) == [0, 1, 3]
    assert schedule.lost(0, [1, 3]) == 0
    assert schedule.waiting == (1, 3)
    schedule.put_back([0])
    assert schedule.pop_finished() == {}
    schedule.join(1)
    assert schedule.refill(1)[0] == 0


def test_workers_wait_until_no_batch_will_come() -> None:
    """One that has nothing left gets what comes later; a dead one is replaced even if nothing waits."""
    schedule = FedSchedule(UNITS, {}, 2)
    pool = WorkerPool(schedule, 2, 4, PoolLimits())
    pool.on(RunStarted(), 0.0)
    pool.on(QueueEmpty(0, END), 0.0)
    assert pool.on(RoundEnded(), 0.0) == []
    schedule.feed(1, [0])
    (assigned,) = pool.on(RoundEnded(), 0.0)
    assert assigned == (0, (0,))
    pool.on(QueueEmpty(0, 0), 0.0)
    assert pool.on(RoundEnded(), 0.0) == []
    assert pool.open_tests == {0}
    assert any(type(action).__name__ == "StartWorker" for action in pool.on(WorkerExited(1, ()), 0.0))
    schedule.awaits_more = False
    assert type(pool.on(RoundEnded(), 0.0)[0]).__name__ == "EndQueue"
    pool.on(ItemFinished(0, 0, 0.1, 0.0), 0.0)
    assert schedule.is_over
