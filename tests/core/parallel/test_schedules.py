"""Simulated workers: every test runs exactly once, whatever happens, and the last worker is not late."""

from __future__ import annotations

import heapq
import itertools
import random
from statistics import median
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.parallel.fixed_schedule import FixedSchedule
from pytest_zygote.core.parallel.stealing_schedule import StealingSchedule
from pytest_zygote.core.parallel.work_units import Unit, parallelism

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Shop:
    """Workers as they are, but for the work: each has a queue that can be drained, and runs one test at a time.

    Attributes:
        ran: how often each test was begun.
        finished: how often each test was finished.
        setups: how often fixtures of a unit were set up.
        order: the tests that each worker has begun.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        seconds: dict[int, float],
        workers: int,
        kind: type[StealingSchedule | FixedSchedule] = StealingSchedule,
    ) -> None:
        """Start all workers."""
        self.units = units
        self.schedule = kind(units, seconds, workers)
        self.unit_of = {item: at for at, unit in enumerate(units) for item in unit.items}
        self.queues: dict[int, list[int]] = {}
        self.running: dict[int, int] = {}
        self.live: dict[int, int] = {}
        self.ran: list[int] = []
        self.finished: list[int] = []
        self.setups = 0
        self.order: dict[int, list[int]] = {}
        for _ in range(workers):
            self.join()

    def join(self) -> int:
        """Start a worker."""
        worker = len(self.queues)
        self.queues[worker] = []
        self.schedule.join(worker)
        self.queues[worker] += self.schedule.refill(worker)
        return worker

    def begin(self, worker: int) -> float | None:
        """Have a worker take its next test; return the cost of its fixtures, None if it has nothing to do."""
        if not self.queues[worker] and not self._steal(worker):
            self.schedule.retire(worker)
            return None
        item = self.queues[worker].pop(0)
        self.running[worker] = item
        self.ran.append(item)
        self.order.setdefault(worker, []).append(item)
        unit = self.unit_of[item]
        if self.live.get(worker) == unit:
            return 0.0
        self.live[worker] = unit
        self.setups += 1
        return self.units[unit].cost_s

    def _steal(self, worker: int) -> bool:
        self.queues[worker] += self.schedule.refill(worker)
        victim = self.schedule.victim(worker)
        if not self.queues[worker] and victim is not None:
            drained, self.queues[victim] = self.queues[victim], []
            back, stolen = self.schedule.split(victim, worker, drained)
            self.queues[victim] += back
            self.queues[worker] += stolen
        return bool(self.queues[worker])

    def finish(self, worker: int, seconds: float) -> None:
        """Have a worker finish its test."""
        item = self.running.pop(worker)
        self.finished.append(item)
        self.schedule.done(worker, item, seconds)
        self.queues[worker] += self.schedule.refill(worker)

    def crash(self, worker: int) -> int | None:
        """Kill a worker; return what it died of."""
        running = self.running.pop(worker, None)
        culprit = self.schedule.lost(worker, self.queues[worker])
        assert culprit == running
        self.queues[worker] = []
        return culprit


def makespan(shop: Shop, seconds: Callable[[int], float]) -> float:
    """Run everything; return when the last worker has finished."""
    events: list[tuple[float, int, float]] = []
    for worker in tuple(shop.queues):
        _begin(shop, worker, 0.0, events, seconds)
    now = 0.0
    while events:
        now, worker, taken = heapq.heappop(events)
        shop.finish(worker, taken)
        _begin(shop, worker, now, events, seconds)
    return now


def _begin(
    shop: Shop, worker: int, now: float, events: list[tuple[float, int, float]], seconds: Callable[[int], float]
) -> None:
    cost = shop.begin(worker)
    if cost is not None:
        taken = seconds(shop.running[worker])
        heapq.heappush(events, (now + cost + taken, worker, taken))


def suite(seed: int) -> tuple[list[Unit], list[float]]:
    """Make 2,000 tests in 80 modules, heavy-tailed, with module fixtures of up to 1.5 seconds."""
    rng = random.Random(seed)  # noqa: S311 - the same suite each time
    durations = [min(rng.lognormvariate(-2.5, 1.6), 20.0) for _ in range(2000)]
    ends = [0, *sorted(rng.sample(range(1, 2000), 79)), 2000]
    units = [
        Unit(tuple(range(first, end)), cost_s=rng.choice((0.0, 0.0, rng.uniform(0.0, 1.5))))
        for first, end in itertools.pairwise(ends)
    ]
    return units, durations


def ratio(seed: int, workers: int, *, has_history: bool) -> float:
    """Return makespan over the lower bound of a suite."""
    units, durations = suite(seed)
    rng = random.Random(seed + 1)  # noqa: S311 - see `suite`
    history = (
        {item: taken * rng.uniform(0.75, 1.25) for item, taken in enumerate(durations) if rng.random() > 0.05}
        if has_history
        else {}
    )
    shop = Shop(units, history, workers)
    span = makespan(shop, durations.__getitem__)
    assert sorted(shop.finished) == list(range(2000))
    cost_of = {item: unit.cost_s for unit in units for item in unit.items}
    longest = max(taken + cost_of[item] for item, taken in enumerate(durations))
    return span / max((sum(durations) + sum(unit.cost_s for unit in units)) / workers, longest)


@pytest.mark.parametrize(
    ("workers", "has_history", "usual", "worst"),
    [
        (4, True, 1.01, 1.02),
        (8, True, 1.01, 1.02),
        (16, True, 1.03, 1.1),
        (4, False, 1.02, 1.1),
        (16, False, 1.3, 1.4),
    ],
)
def test_the_last_worker_is_hardly_late(workers: int, *, has_history: bool, usual: float, worst: float) -> None:
    """The time that a run takes is near the least that any schedule could reach, which is less than any can."""
    ratios = [ratio(seed, workers, has_history=has_history) for seed in range(8)]
    assert median(ratios) <= usual
    assert max(ratios) <= worst


def drawn_units(data: st.DataObject) -> list[Unit]:
    """Draw units of all kinds, some of them empty."""
    units: list[Unit] = []
    first = 0
    for size in data.draw(st.lists(st.integers(0, 12), max_size=8)):
        cost = data.draw(st.sampled_from((0.0, 0.5, 3.0)))
        units.append(
            Unit(tuple(range(first, first + size)), data.draw(st.booleans()), cost, data.draw(st.integers(0, 2)))
        )
        first += size
    return units


@pytest.mark.parametrize("kind", [StealingSchedule, FixedSchedule])
@given(data=st.data())
def test_every_test_runs_exactly_once(kind: type[StealingSchedule | FixedSchedule], data: st.DataObject) -> None:
    """In any order of finishing, stealing and dying, no test is lost and none runs twice."""
    units = drawn_units(data)
    items = [item for unit in units for item in unit.items]
    known = {item: data.draw(st.sampled_from((0.0, 0.01, 1.0, 9.0))) for item in items[::2]}
    shop = Shop(units, known, data.draw(st.integers(1, 4)), kind)
    idle = list(shop.queues)
    died: list[int | None] = []
    while idle or shop.running:
        step = data.draw(st.integers(0, 9))
        begins = idle and (step < 5 or not shop.running)
        worker = idle.pop(step % len(idle)) if begins else sorted(shop.running)[step % len(shop.running)]
        if step in {4, 9}:
            died.append(shop.crash(worker))
            idle.append(shop.join())
        elif begins:
            shop.begin(worker)
        else:
            shop.finish(worker, 0.1)
            idle.append(worker)
    assert sorted(shop.ran) == items
    assert sorted([*shop.finished, *(item for item in died if item is not None)]) == items


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4))
def test_a_unit_that_is_not_divisible_has_one_worker(sizes: list[int], workers: int) -> None:
    """Its tests run in one worker, in pytest's order, with none in between."""
    units: list[Unit] = []
    first = 0
    for size in sizes:
        units.append(Unit(tuple(range(first, first + size)), divisible=False))
        first += size
    shop = Shop(units, {}, workers)
    whose: dict[int, int] = {}
    order: dict[int, list[int]] = {worker: [] for worker in shop.queues}
    active = list(shop.queues)
    while active:
        for worker in tuple(active):
            if shop.begin(worker) is None:
                active.remove(worker)
                continue
            item = shop.running[worker]
            assert whose.setdefault(shop.unit_of[item], worker) == worker
            order[worker].append(item)
            shop.finish(worker, 1.0)
    for unit in units:
        seen = order[whose[shop.unit_of[unit.items[0]]]]
        at = seen.index(unit.items[0])
        assert tuple(seen[at : at + len(unit.items)]) == unit.items


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 20_000])
def test_any_number_of_tests(count: int) -> None:
    """All of them run, with less than one lease for each."""
    units = [Unit(tuple(range(at, min(at + 700, count)))) for at in range(0, count, 700)]
    shop = Shop(units, {}, 4)
    makespan(shop, lambda _: 0.001)
    assert sorted(shop.finished) == list(range(count))


def test_long_tests_do_not_share_a_worker() -> None:
    """Two long tests and two short ones of one module take as long as a long one, though nothing is known of them."""
    shop = Shop([Unit((0, 1, 2, 3))], {}, 2)
    assert makespan(shop, [2.0, 2.0, 0.001, 0.001].__getitem__) < 2.1


def test_a_fixed_schedule_does_not_depend_on_time() -> None:
    """Units are dealt out in pytest's order, whatever is known of them, and stay where they are."""
    units = [Unit((0, 1, 2), divisible=False), Unit((3,), divisible=False), Unit((4,), divisible=False)]
    for known in ({}, {4: 9.0, 0: 0.1}):
        shop = Shop(units, known, 2, FixedSchedule)
        for worker in (1, 0):  # one does all it can before the other begins
            while shop.begin(worker) is not None:
                shop.finish(worker, 1.0)
        assert shop.ran == [3, 4, 0, 1, 2]


def test_each_worker_has_something_to_begin_with() -> None:
    """Who comes first does not take what the others could begin with, however little time it takes."""
    shop = Shop([Unit((0, 1, 2, 3))], {}, 4)
    assert [len(queue) for queue in shop.queues.values()] == [1, 1, 1, 1]


def test_lower_priority_numbers_are_begun_first() -> None:
    """Whatever they take."""
    units = [Unit((0,), priority=10), Unit((1,), priority=1), Unit((2,), priority=5)]
    shop = Shop(units, {0: 9.0, 1: 0.1, 2: 1.0}, 1)
    makespan(shop, lambda _: 1.0)
    assert shop.ran == [1, 2, 0]


@given(data=st.data())
def test_no_worker_goes_back_to_an_earlier_phase(data: st.DataObject) -> None:
    """In any order of finishing and stealing; all workers may help with what comes last."""
    units = [unit.replaced(phase=data.draw(st.integers(0, 1))) for unit in drawn_units(data)]
    items = [item for unit in units for item in unit.items]
    shop = Shop(units, {}, data.draw(st.integers(1, 4)))
    makespan(shop, lambda _: data.draw(st.sampled_from((0.0, 0.01, 1.0, 9.0))))
    for order in shop.order.values():
        phases = [units[shop.unit_of[item]].phase for item in order]
        assert phases == sorted(phases)
    assert sorted(shop.finished) == items


def test_parallelism_is_what_can_run_at_once() -> None:
    """A unit that is not divisible keeps one worker busy."""
    assert parallelism([Unit((0, 1, 2)), Unit((3, 4), divisible=False)]) == 4
