"""Shares that are dealt out before the run."""

from __future__ import annotations

import pytest

from pytest_zygote.core.parallel.fixed_schedule import FixedSchedule, deal
from pytest_zygote.core.parallel.work_units import Piece, Unit
from pytest_zygote.core.protocol.errors import LocalProtocolError


def test_units_go_to_the_share_with_the_fewest_tests() -> None:
    """All pieces of a unit to the same one."""
    pieces = [Piece(0, (0, 1), 9.0), Piece(1, (2,), 0.1), Piece(2, (3,), 0.1), Piece(1, (4, 5), 0.1)]
    assert deal(pieces, 2) == {0: 0, 1: 1, 2: 1}


def test_nothing_is_stolen() -> None:
    """A worker that waits gets nothing of another's, and asking for it is a bug."""
    schedule = FixedSchedule([Unit((0, 1, 2)), Unit((3,))], {}, 2)
    for worker in (0, 1):
        schedule.join(worker)
        schedule.refill(worker)
    assert schedule.victim(1) is None
    with pytest.raises(LocalProtocolError, match="worker 1 cannot steal 2 tests from 0"):
        schedule.split(0, 1, [1, 2])


def test_a_worker_that_replaces_a_dead_one_has_its_share() -> None:
    """Not that of a worker that lives."""
    schedule = FixedSchedule([Unit((0, 1)), Unit((2, 3))], {}, 2)
    for worker in (0, 1):
        schedule.join(worker)
        schedule.refill(worker)
    held = schedule.holds(0)
    assert schedule.lost(0, held[1:]) == held[0]
    schedule.join(2)
    assert tuple(schedule.refill(2)) == held[1:]
