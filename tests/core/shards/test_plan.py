"""Which shard runs which test."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.parallel.work_units import Unit
from pytest_zygote.core.shards.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS = st.floats(0, 100, allow_nan=False)


def ids_of(count: int) -> list[str]:
    """Return ids of tests, sorted."""
    return [f"test_{at:05}.py::test" for at in range(count)]


@st.composite
def suites(draw: st.DrawFn) -> tuple[list[str], list[Unit], dict[str, float]]:
    """Make tests, in units of any kind, some of them with a known duration."""
    ids = ids_of(draw(st.integers(0, 40)))
    names = draw(st.lists(st.integers(0, 6), min_size=len(ids), max_size=len(ids)))
    units = [
        Unit(
            tuple(at for at, name in enumerate(names) if name == one),
            divisible=draw(st.booleans()),
            cost_s=draw(st.sampled_from([0.0, 0.5, 20.0])),
        )
        for one in sorted(set(names))
    ]
    return ids, units, {nodeid: draw(SECONDS) for nodeid in ids if draw(st.booleans())}


@given(suites(), st.integers(1, 12))
def test_each_test_is_in_exactly_one_shard(suite: tuple[list[str], list[Unit], dict[str, float]], total: int) -> None:
    """And a unit that may not be divided is in one."""
    ids, units, seconds = suite
    plan = make_plan(ids, units, seconds, total)
    assert sorted(plan.shards) == ids
    assert set(plan.shards.values()) <= set(range(1, total + 1))
    assert all(len({plan.shards[ids[at]] for at in unit.items}) == 1 for unit in units if not unit.divisible)


@given(suites(), st.integers(1, 12))
def test_machines_that_know_the_same_follow_the_same_plan(
    suite: tuple[list[str], list[Unit], dict[str, float]], total: int
) -> None:
    """In whichever order they learned it."""
    ids, units, seconds = suite
    other_order = dict(reversed(seconds.items()))
    assert make_plan(ids, units, seconds, total) == make_plan(ids, units, other_order, total)


def greedy(seconds: Sequence[float], total: int) -> float:
    """Return the time of the longest of some shards, each test, longest first, in the one with least to do."""
    loads = [0.0] * total
    for own in sorted(seconds, reverse=True):
        heapq.heapreplace(loads, loads[0] + own)
    return max(loads)


@given(st.lists(SECONDS, min_size=1, max_size=60), st.integers(1, 12))
def test_no_shard_is_longer_than_with_longest_first(durations: list[float], total: int) -> None:
    """Which is what pytest-split calls least_duration."""
    ids = ids_of(len(durations))
    plan = make_plan(ids, [Unit(tuple(range(len(ids))))], dict(zip(ids, durations, strict=True)), total)
    assert max(plan.seconds) <= greedy(durations, total) + 1e-6


def test_tests_of_costly_fixtures_stay_together() -> None:
    """Where setting them up twice would take longer than what is gained."""
    ids = ids_of(8)
    seconds: Mapping[str, float] = dict.fromkeys(ids, 1.0)
    units = [Unit((0, 1, 2, 3), cost_s=30.0), Unit((4, 5, 6, 7))]
    plan = make_plan(ids, units, seconds, 2)
    assert len({plan.shards[ids[at]] for at in units[0].items}) == 1
    assert plan.seconds == (34.0, 4.0)


def test_a_fixture_is_set_up_twice_where_that_pays() -> None:
    """The longest shard decides."""
    ids = ids_of(4)
    plan = make_plan(ids, [Unit((0, 1, 2, 3), cost_s=1.0)], dict.fromkeys(ids, 10.0), 2)
    assert plan.seconds == (21.0, 21.0)


def test_unknown_tests_count_as_the_median() -> None:
    """They are spread over the shards."""
    ids = ids_of(6)
    plan = make_plan(ids, [Unit(tuple(range(6)))], {ids[0]: 2.0, ids[1]: 3.0, ids[2]: 100.0}, 2)
    assert plan.known == 3
    assert plan.seconds == (100.0, 14.0)


def test_without_durations_all_count_alike() -> None:
    """Shards have the same number of tests."""
    ids = ids_of(10)
    plan = make_plan(ids, [Unit(tuple(range(10)))], {}, 4)
    assert sorted(Counter(plan.shards.values()).values()) == [2, 2, 3, 3]
    assert plan.known == 0


def test_the_digest_is_of_the_plan() -> None:
    """Another number of shards is another plan, as are other tests."""
    ids = ids_of(3)
    units = [Unit((0, 1, 2))]
    digests = {make_plan(ids, units, {}, total).digest for total in (1, 2, 3)}
    assert len(digests) == 3
