"""Which worker runs which test, by the time that tests take: a worker that has nothing left steals from another.

Theory of operation. Tests that share expensive fixtures form a *unit*, and large units are cut into *pieces*. Pieces
wait in the pool, the longest first: what is begun last should be short. Each worker has an *assignment*: tests that it
runs one after the other, in pytest's order. It binds nothing but the test that runs, since what has not been begun can
be drained from the worker's queue at any moment. So a worker always has some work ahead and rarely waits, and yet the
last tests are shared out by the time they take, not by who got them first:

* `refill` gives a worker the next piece before it runs out, but leaves one for each worker that is yet to come. Of
  pieces that are nearly as long as the longest it prefers one of the unit whose fixtures it has set up already.
* A worker that has nothing left waits, and gets the tail half, by time, of the longest assignment (`victim`, `split`),
  unless setting up the fixtures again would take longer than the work, or the tests belong before what it has run
  (`Unit.phase`).
* A worker that died gives back what it held, but for the test that it died of (`lost`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.schedule import Schedule
from pytest_zygote.core.parallel.work_units import Piece, cut

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_zygote.core.parallel.work_units import Unit

NEARLY = 0.75
"""A piece of the same unit goes first if it is at least this long, compared with the longest."""


class StealingSchedule(Schedule):
    """Pieces for workers that pull them, the longest first; at the end, shares of what others have ahead."""

    def __init__(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> None:
        """Cut the units, and put the pieces in order."""
        super().__init__(units, seconds, workers)
        self._pool = cut(units, self._estimates, workers)
        self._finished_in: dict[int, int] = {}

    def _pull(self, worker: int) -> Piece | None:
        """Remove and return the next piece for a worker from the pool; None if it is empty."""
        return self._pool.pop(self._choose(worker)) if self._pool else None

    def _choose(self, worker: int) -> int:
        head, unit = self._pool[0], self._last_unit.get(worker)
        for at, piece in enumerate(self._pool):
            if self._units[piece.unit].rank != self._units[head.unit].rank:
                break
            if piece.seconds < NEARLY * head.seconds:
                break
            if piece.unit == unit:
                return at
        return 0

    def done(self, worker: int, item: int, seconds: float) -> None:
        """Note that a worker has finished a test."""
        super().done(worker, item, seconds)
        self._finished_in[worker] = self._estimates.unit_of[item]

    def victim(self, thief: int, protected: Collection[int] = ()) -> int | None:
        """Return the worker that has most to share with one that waits; None if none has."""
        rich = [
            worker for worker, held in self._assignments.items() if len(held) > 1 and worker not in {thief, *protected}
        ]
        return max(rich, key=lambda worker: self._ahead[worker], default=None)

    def split(self, victim: int, thief: int, drained: Sequence[int]) -> tuple[list[int], list[int]]:
        """Share out what was drained from a queue; return what goes back, and what the waiting worker gets."""
        self._steal_back(victim, drained)
        # How far the test is that runs now is unknown; half of it is left on average.
        busy = sum(self._weights[item] for item in self._assignments[victim]) / 2
        half = (busy + self._estimates.sum(drained)) / 2
        parts = self._parts(drained)
        phase = self._phase(thief)
        bound = max(
            sum(self._is_bound(part, victim) for part in parts[:1]),
            sum(self._units[part.unit].phase < phase for part in parts),  # these come first
        )
        remaining = _remaining(parts, bound, half)
        if not self._is_worth(parts[remaining:], victim):
            remaining = len(parts)
        parts, stolen = parts[:remaining], parts[remaining:]
        back, given = ([item for part in some for item in part.items] for some in (parts, stolen))
        self._assign(victim, back)
        self._assign(thief, given)
        if stolen:
            self._last_unit[thief] = stolen[-1].unit
        return back, given

    def _phase(self, worker: int) -> int:
        """Return the phase that a worker has reached."""
        return max((self._units[unit].phase for unit in self._begun(worker)), default=0)

    def _begun(self, worker: int) -> set[int]:
        """Return the units that a worker is in the middle of."""
        begun = {self._estimates.unit_of[item] for item in self._assignments[worker]}
        return begun | {self._finished_in[worker]} if worker in self._finished_in else begun

    def _is_bound(self, part: Piece, worker: int) -> bool:
        """Return whether a part belongs to a unit that the worker has begun and must finish."""
        return not self._units[part.unit].divisible and part.unit in self._begun(worker)

    def _steal_back(self, worker: int, items: Sequence[int]) -> None:
        held = self._assignments[worker]
        for expected in reversed(items):
            if held.pop() != expected:
                message = f"worker {worker} gave back test {expected}, which it does not hold last"
                raise ValueError(message)
            self._ahead[worker] -= self._weights.pop(expected)

    def _parts(self, items: Sequence[int]) -> list[Piece]:
        """Return the smallest parts that may go separate ways: tests, and what is left of units not divisible."""
        parts: list[Piece] = []
        for item in items:
            unit = self._estimates.unit_of[item]
            seconds = self._estimates.of(item)
            if parts and parts[-1].unit == unit and not self._units[unit].divisible:
                before = parts.pop()
                parts.append(Piece(unit, (*before.items, item), before.seconds + seconds))
            else:
                parts.append(Piece(unit, (item,), seconds))
        return parts

    def _is_worth(self, stolen: Sequence[Piece], victim: int) -> bool:
        again = {part.unit for part in stolen} & self._begun(victim)
        return sum(part.seconds for part in stolen) > sum(self._units[unit].cost_s for unit in again)


def _remaining(parts: Sequence[Piece], bound: int, half_s: float) -> int:
    """Return how many parts a worker keeps: those that are bound to it, and more unless others get half of the time."""
    remaining, stolen_s = len(parts), 0.0
    while remaining > bound and (remaining == len(parts) or stolen_s + parts[remaining - 1].seconds <= half_s):
        remaining -= 1
        stolen_s += parts[remaining].seconds
    return remaining
