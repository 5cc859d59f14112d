"""Which worker runs which test, decided before the run: the same each time, however long tests take.

Units are dealt out whole, in pytest's order, each to the share that has the fewest tests so far. Nothing is stolen. A
worker that replaces a dead one continues with its share.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.schedule import Schedule
from pytest_zygote.core.parallel.work_units import split
from pytest_zygote.core.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_zygote.core.parallel.work_units import Piece, Unit


class FixedSchedule(Schedule):
    """A share for each worker."""

    def __init__(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> None:
        """Deal the units out."""
        super().__init__(units, seconds, workers)
        whole = split(units, self._estimates, math.inf)
        self._pool = sorted(whole, key=lambda piece: (units[piece.unit].rank, piece.items[0]))
        self._share_of_unit = deal(self._pool, workers)
        self._share_of: dict[int, int] = {}

    def join(self, worker: int) -> None:
        """Add a worker, for a share that no other works on."""
        super().join(worker)
        busy = {share for other, share in self._share_of.items() if other in self._assignments}
        free = (share for piece in self._pool if (share := self._share_of_unit[piece.unit]) not in busy)
        self._share_of[worker] = next(free, -1)

    def _pull(self, worker: int) -> Piece | None:
        share = self._share_of[worker]
        for at, piece in enumerate(self._pool):
            if self._share_of_unit[piece.unit] == share:
                return self._pool.pop(at)
        return None

    def victim(self, thief: int, protected: Collection[int] = ()) -> int | None:
        """Return None: nothing is stolen."""
        del thief, protected
        return None

    def split(self, victim: int, thief: int, drained: Sequence[int]) -> tuple[list[int], list[int]]:
        """Raise an error: the queue of no worker is shared.

        Raises:
            LocalProtocolError: always.
        """
        raise LocalProtocolError(f"worker {thief} cannot steal {len(drained)} tests from {victim}: shares are fixed")


def deal(pieces: Sequence[Piece], workers: int) -> dict[int, int]:
    """Return the share of each unit: that with the fewest tests so far."""
    sizes = [0] * max(workers, 1)
    shares: dict[int, int] = {}
    for piece in pieces:
        share = shares.setdefault(piece.unit, sizes.index(min(sizes)))
        sizes[share] += len(piece.items)
    return shares
