"""Which tests share a fork. If forks were free, each test would get its own.

Theory of operation. The needs of the first test of a process are known exactly. Those of a later one are known, too, if
what the earlier ones ran counts as run by it: a cache may hide what the test needs, but only a cache that an earlier
test of the same process has filled. So tests in small groups, each in a fork, are known by functions, only less
sharply: with groups of thirty-two, an edit selects some five of a hundred tests where it would select two.

A group is just long enough to make a fork cheap. It ends with its class or module: tests of one class mostly run the
same code. Tests that share a fixture of a class's or a module's scope share a fork, however long they take.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = 40
"""Up to this many tests get a fork each, however short they are (a fork takes some 10 ms)."""

LONG_S = 0.25
"""For tests that take this long together, a fork is cheap."""

MOST = 32
"""Tests of a group, at most."""


class Candidate(Record):
    """A test that is about to run.

    Attributes:
        unit: what it belongs to: a class, or a module.
        is_bound: whether it must run in one process with all tests of its unit.
        may_fork: whether it may run in a fork at all.
        duration_s: how long it took the last time; None if unknown.
    """

    unit: str
    is_bound: bool
    may_fork: bool
    duration_s: float | None


def groups_of(tests: Sequence[Candidate]) -> list[int]:
    """Return the number of each test's group; 0 for those that run in no fork.

    If there are many, unknown tests run in one process: this may be the first run, which does what plain pytest
    does.
    """
    is_few = len(tests) <= FEW
    stretches = [(unit, list(found)) for unit, found in groupby(tests, lambda test: test.unit)]
    units = [unit for unit, _ in stretches]
    numbers: list[int] = []
    last = 0
    for unit, found in stretches:
        if any(test.is_bound for test in found):
            may_fork = units.count(unit) == 1 and all(_may_fork(test, is_few=is_few) for test in found)
            last += may_fork
            numbers += [last if may_fork else 0] * len(found)
        else:
            numbers += _split(found, last, is_few=is_few)
            last = max(last, *numbers)
    return numbers


def _may_fork(test: Candidate, *, is_few: bool) -> bool:
    return test.may_fork and (is_few or test.duration_s is not None)


def _split(tests: Sequence[Candidate], last: int, *, is_few: bool) -> list[int]:
    """Number the groups of tests that need not stay together, continuing from the last number."""
    numbers: list[int] = []
    size, total_s = MOST, 0.0
    for test in tests:
        if not _may_fork(test, is_few=is_few):
            numbers.append(0)
            continue
        if is_few or size == MOST or total_s >= LONG_S:
            last += 1
            size, total_s = 0, 0.0
        numbers.append(last)
        size, total_s = size + 1, total_s + (test.duration_s or 0.0)
    return numbers
