"""The tests that wait, and those that each worker holds: what schedules of all kinds have in common."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.work_units import MOST, Estimates, Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

AHEAD_S = 0.05
"""Work that a worker has ahead at least, so that it need not wait for tests that take no time."""


class Schedule:
    """What waits in the pool, and what each worker holds."""

    def __init__(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> None:
        """Begin with an empty pool, which the kinds of schedules fill."""
        self._units = units
        self._estimates = Estimates(units, seconds)
        self._pool: list[Piece] = []
        self._missing = workers
        self._assignments: dict[int, deque[int]] = {}
        self._ahead: dict[int, float] = {}
        self._weights: dict[int, float] = {}
        self._last_unit: dict[int, int] = {}

    awaits_more = False
    """Whether tests may be added."""

    @property
    def is_over(self) -> bool:
        """Whether no test waits and no worker holds one."""
        return not self._pool and not any(self._assignments.values())

    @property
    def waiting(self) -> tuple[int, ...]:
        """The tests that no worker holds."""
        return tuple(item for piece in self._pool for item in piece.items)

    def join(self, worker: int) -> None:
        """Add a worker."""
        self._missing = max(self._missing - 1, 0)
        self._assignments[worker] = deque()
        self._ahead[worker] = 0.0

    def holds(self, worker: int) -> tuple[int, ...]:
        """Return what a worker has not finished, first what it runs."""
        return tuple(self._assignments.get(worker, ()))

    def refill(self, worker: int) -> list[int]:
        """Return what to assign to a worker now, from the pool."""
        given: list[int] = []
        held = self._assignments[worker]
        while (len(held) <= 1 or self._ahead[worker] < AHEAD_S) and len(held) < MOST:
            if given and len(self._pool) <= self._missing:
                break
            piece = self._pull(worker)
            if piece is None:
                break
            self._last_unit[worker] = piece.unit
            self._assign(worker, piece.items)
            given += piece.items
        return given

    def _pull(self, worker: int) -> Piece | None:
        """Remove and return the next piece for a worker from the pool; None if there is none for it."""
        raise NotImplementedError

    def _assign(self, worker: int, items: Iterable[int]) -> None:
        for item in items:
            self._assignments[worker].append(item)
            self._weights[item] = self._estimates.of(item)
            self._ahead[worker] += self._weights[item]

    def done(self, worker: int, item: int, seconds: float) -> None:
        """Note that a worker has finished a test."""
        held = self._assignments[worker]
        if not held or held[0] != item:
            message = f"worker {worker} finished test {item}, but holds {list(held)[:3]}"
            raise ValueError(message)
        held.popleft()
        self._ahead[worker] -= self._weights.pop(item)
        self._estimates.learn(item, seconds)

    def lost(self, worker: int, unbegun: Sequence[int]) -> int | None:
        """Put back what a dead worker held; return the test that it died of, None if it held none.

        Args:
            worker: the dead one.
            unbegun: what was still in its queue.
        """
        held = tuple(self._assignments.pop(worker))
        for item in held:
            self._weights.pop(item)
        del self._ahead[worker]
        crashed = held[0] if len(held) > len(unbegun) else None
        self.put_back(held[1:] if crashed is not None else held)
        return crashed

    def reclaim(self, worker: int, items: Sequence[int]) -> tuple[int, ...]:
        """Return what a worker has not begun and will not be given again, of what was left in its queue."""
        held, left = self._assignments[worker], frozenset(items)
        reclaimed: list[int] = []
        while held and held[-1] in left:
            reclaimed.insert(0, held.pop())
            self._ahead[worker] -= self._weights.pop(reclaimed[0])
        return tuple(reclaimed)

    def put_back(self, items: Sequence[int]) -> None:
        """Have tests wait again, before all others, what belongs together in one piece."""
        pieces: list[Piece] = []
        for item in items:
            unit = self._estimates.unit_of[item]
            if pieces and pieces[-1].unit == unit:
                before = pieces.pop()
                pieces.append(Piece(unit, (*before.items, item), before.seconds + self._estimates.of(item)))
            else:
                pieces.append(Piece(unit, (item,), self._estimates.of(item)))
        self._pool[:0] = pieces

    def retire(self, worker: int) -> tuple[int, ...]:
        """Let a worker go; return what it still held."""
        self._ahead.pop(worker, None)
        held = tuple(self._assignments.pop(worker, ()))
        for item in held:
            self._weights.pop(item)
        return held
