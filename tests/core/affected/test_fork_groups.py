"""Which tests share a fork."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.affected.fork_groups import FEW, LONG_S, MOST, Candidate, groups_of


def known(unit: str, duration_s: float | None = 0.0, *, is_bound: bool = False, may_fork: bool = True) -> Candidate:
    """Return a test that has run before."""
    return Candidate(unit, is_bound, may_fork, duration_s)


MANY = [known("other")] * (FEW + 1)
"""So many that not each of them has a fork of its own."""


def test_few_tests_have_a_fork_each() -> None:
    """Whether they are known or not."""
    assert groups_of([known("a"), known("a", None), known("b")]) == [1, 2, 3]


def test_many_share_forks_within_a_unit() -> None:
    """So many at most, if they take no time."""
    assert groups_of([known("a")] * MOST + [known("a"), known("b")] + MANY)[: MOST + 2] == [1] * MOST + [2, 3]


def test_long_ones_share_with_fewer() -> None:
    """A group ends with the test with which it is long."""
    tests = [known("a", LONG_S / 2)] * 3 + [known("a", LONG_S), known("a", LONG_S)]

    assert groups_of(tests + MANY)[:5] == [1, 1, 2, 2, 3]


def test_of_many_the_unknown_run_in_one_process() -> None:
    """As in a first run."""
    assert groups_of([known("a"), known("a", None), known("a"), *MANY])[:3] == [1, 0, 1]


@pytest.mark.parametrize("others", [[], MANY])
def test_a_unit_with_a_fixture_stays_together(others: list[Candidate]) -> None:
    """However long its tests take, and also those of its tests that do not use the fixture."""
    tests = [known("a", 1.0, is_bound=True), known("a", 1.0), known("b")]

    assert groups_of(tests + others)[:3] == [1, 1, 2]


def test_a_unit_that_is_torn_apart_runs_in_one_process() -> None:
    """A plugin has changed the order: two forks would set the fixture up twice."""
    tests = [known("a", is_bound=True), known("b"), known("a", is_bound=True)]

    assert groups_of(tests) == [0, 1, 0]


def test_one_that_may_not_fork_keeps_its_unit_from_it() -> None:
    """If they share a fixture; otherwise it alone stays."""
    session = known("a", is_bound=True, may_fork=False)

    assert groups_of([session, known("a"), known("b"), known("b", may_fork=False)]) == [0, 0, 1, 0]


@given(
    st.lists(
        st.builds(
            Candidate, st.sampled_from("abc"), st.booleans(), st.booleans(), st.none() | st.floats(0, 2 * LONG_S)
        ),
        max_size=3 * FEW,
    )
)
def test_groups_are_numbered_in_order(tests: list[Candidate]) -> None:
    """Each is a stretch of tests of one unit, and none that may not fork is in one."""
    numbers = groups_of(tests)

    used = [number for number in numbers if number]
    assert used == sorted(used)
    assert sorted(set(used)) == list(range(1, len(set(used)) + 1))
    for number in set(used):
        group = [test for test, own in zip(tests, numbers, strict=True) if own == number]
        assert len({test.unit for test in group}) == 1
        assert all(test.may_fork for test in group)
