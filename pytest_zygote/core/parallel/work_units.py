"""Tests that belong together, how long they take, and how large units are cut.

Durations are those of earlier runs; what is unknown is taken for the mean of its unit so far.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PIECES_PER_WORKER = 2
"""Large units are cut so that each worker pulls about this often; at the end, they steal (`tests/core/parallel`)."""
WORTH = 4
"""A piece lasts at least this many times what its fixtures cost."""
MOST = 2000
"""Tests of one piece at most: what is assigned waits in a pipe, which holds 64 KiB."""
UNKNOWN_S = 0.01
"""The time of a test if no test has been measured yet."""


class Unit(Record):
    """Tests that belong together.

    Attributes:
        items: indexes of the tests, in pytest's order.
        divisible: whether several workers may share it.
        cost_s: what setting up its fixtures once more would take.
        priority: lower ones are begun earlier.
        phase: no worker runs a test of a lower one afterwards.
    """

    items: tuple[int, ...]
    divisible: bool = True
    cost_s: float = 0.0
    priority: int = 0
    phase: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        """What decides first who is begun earlier."""
        return self.phase, self.priority

    def without(self, items: tuple[int, ...]) -> Unit:
        """Return the unit without some of its tests."""
        if not items:
            return self
        gone = frozenset(items)
        left = tuple(item for item in self.items if item not in gone)
        return Unit(left, self.divisible, self.cost_s, self.priority, self.phase)


class Piece(Record):
    """Part of a unit, or all of it.

    Attributes:
        unit: its index.
        items: indexes of the tests, in pytest's order.
        seconds: how long they are expected to take; infinite for one that nobody has measured among others that are.
    """

    unit: int
    items: tuple[int, ...]
    seconds: float


class Estimates:
    """How long each test takes: known from earlier runs, or guessed from its unit in this one."""

    def __init__(self, units: Sequence[Unit], seconds: Mapping[int, float]) -> None:
        """Start with what earlier runs measured."""
        self.unit_of = {item: at for at, unit in enumerate(units) for item in unit.items}
        self._known = seconds
        self._sums = [[0.0, 0] for _ in units]
        self._all = [0.0, 0]
        for item, own_s in seconds.items():
            if item in self.unit_of:
                self._count(item, own_s)

    def learn(self, item: int, seconds: float) -> None:
        """Note what a test took in this run."""
        if item not in self._known:
            self._count(item, seconds)

    def _count(self, item: int, seconds: float) -> None:
        for sums in (self._sums[self.unit_of[item]], self._all):
            sums[0] += seconds
            sums[1] += 1

    def is_known(self, item: int) -> bool:
        """Return whether an earlier run has measured a test."""
        return item in self._known

    def of(self, item: int) -> float:
        """Return the seconds that a test is expected to take."""
        known = self._known.get(item)
        if known is not None:
            return known
        for total, count in (self._sums[self.unit_of[item]], self._all):
            if count:
                return total / count
        return UNKNOWN_S

    def sum(self, items: Iterable[int]) -> float:
        """Return the seconds that some tests are expected to take together."""
        return sum(map(self.of, items))


def cut(units: Sequence[Unit], estimates: Estimates, workers: int) -> list[Piece]:
    """Cut large units into pieces; return all pieces in the order in which they should be begun.

    The longest come first, with what their fixtures take. Before them come tests that are new in units which cost
    nothing: how long they take is not known, and one that takes long must not be the last.
    """
    target = estimates.sum(estimates.unit_of) / (PIECES_PER_WORKER * max(workers, 1))
    new = [_new(unit, estimates) for unit in units]
    known = [unit.without(items) for unit, items in zip(units, new, strict=True)]
    pieces = [Piece(at, (item,), math.inf) for at, items in enumerate(new) for item in items]
    pieces += split(known, estimates, target)
    pieces.sort(key=lambda piece: (units[piece.unit].rank, -piece.seconds - units[piece.unit].cost_s, piece.items[0]))
    return pieces


def _new(unit: Unit, estimates: Estimates) -> tuple[int, ...]:
    """Return the tests of a unit that have not been measured, if others have, and any worker may run them at once."""
    if unit.cost_s or not unit.divisible:
        return ()
    unknown = tuple(item for item in unit.items if not estimates.is_known(item))
    return unknown if len(unknown) < len(unit.items) else ()


def split(units: Sequence[Unit], estimates: Estimates, target_s: float) -> list[Piece]:
    """Return the pieces of units: of about this many seconds, or of more where fixtures cost more."""
    return [
        piece
        for at, unit in enumerate(units)
        for piece in (_cut(at, unit, estimates, target_s) if unit.divisible else _pages(at, unit.items, estimates))
    ]


def _cut(at: int, unit: Unit, estimates: Estimates, target: float) -> list[Piece]:
    least = max(target, WORTH * unit.cost_s)
    pieces: list[Piece] = []
    items: list[int] = []
    seconds = 0.0
    for item in unit.items:
        own = estimates.of(item)
        if items and (seconds + own > least or len(items) >= MOST):
            pieces.append(Piece(at, tuple(items), seconds))
            items, seconds = [], 0.0
        items.append(item)
        seconds += own
    return [*pieces, Piece(at, tuple(items), seconds)] if items else pieces


def _pages(at: int, items: tuple[int, ...], estimates: Estimates) -> list[Piece]:
    return [Piece(at, items, estimates.sum(items))] if items else []


def parallelism(units: Sequence[Unit]) -> int:
    """Return how many workers can have something to do at the same time."""
    return sum(len(unit.items) if unit.divisible else 1 for unit in units)
