"""How units are cut, and which pieces are begun first."""

from __future__ import annotations

import math

from pytest_zygote.core.parallel.work_units import Estimates, Piece, Unit, cut


def cut_units(units: list[Unit], seconds: dict[int, float], workers: int = 1) -> list[Piece]:
    """Return the pieces of these units, whose tests took so long."""
    return cut(units, Estimates(units, seconds), workers)


def test_the_longest_come_first_with_what_their_fixtures_take() -> None:
    """A unit of short tests with an expensive fixture is a long one; what must run first does so."""
    units = [Unit((0,)), Unit((1,), cost_s=9.0), Unit((2,)), Unit((3,), priority=-1)]
    assert [piece.unit for piece in cut_units(units, {0: 2.0, 1: 1.0, 2: 5.0, 3: 0.1})] == [3, 1, 2, 0]


def test_large_units_are_cut() -> None:
    """But not so small that setting up their fixtures again would take longer than the tests."""
    seconds = dict.fromkeys(range(8), 1.0)
    assert [piece.items for piece in cut_units([Unit(tuple(range(8)))], seconds, 2)] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert [piece.items for piece in cut_units([Unit(tuple(range(8)), cost_s=2.0)], seconds, 2)] == [tuple(range(8))]


def test_new_tests_begin_first() -> None:
    """One that takes long would be waited for at the end."""
    pieces = cut_units([Unit((0, 1, 2, 3))], {0: 1.0, 2: 9.0, 3: 1.0})
    assert pieces[0] == Piece(0, (1,), math.inf)
    assert sorted(item for piece in pieces[1:] for item in piece.items) == [0, 2, 3]


def test_new_tests_stay_where_that_costs_something() -> None:
    """Fixtures would be set up again; and where nothing is known, no test is newer than another."""
    for unit in (Unit((0, 1), cost_s=0.5), Unit((0, 1), divisible=False)):
        assert [item for piece in cut_units([unit], {0: 0.1}) for item in piece.items] == [0, 1]
    assert math.inf not in {piece.seconds for piece in cut_units([Unit((0, 1)), Unit((2,))], {2: 5.0})}
