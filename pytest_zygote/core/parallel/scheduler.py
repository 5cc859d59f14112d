"""What the worker pool needs of a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class Scheduler(Protocol):
    """Which worker runs which test: `stealing_schedule` and `fixed_schedule` differ in it."""

    @property
    def awaits_more(self) -> bool:
        """Whether tests may be added: until then, a worker that has nothing left waits."""

    @property
    def is_over(self) -> bool:
        """Whether no test waits and no worker holds one."""

    def join(self, worker: int) -> None:
        """Add a worker."""

    def holds(self, worker: int) -> tuple[int, ...]:
        """Return what a worker has not finished, first what it runs."""

    def refill(self, worker: int) -> list[int]:
        """Return what to assign to a worker now, of what waits."""

    def done(self, worker: int, item: int, seconds: float) -> None:
        """Note that a worker has finished a test.

        Raises:
            ValueError: it is not the first that the worker holds.
        """

    def victim(self, thief: int, protected: Collection[int] = ()) -> int | None:
        """Return a worker whose queue is to be shared with one that waits; None if none is."""

    def split(self, victim: int, thief: int, drained: Sequence[int]) -> tuple[list[int], list[int]]:
        """Share out what was drained from the victim's queue; return what goes back, and what the thief gets."""

    def reclaim(self, worker: int, items: Sequence[int]) -> tuple[int, ...]:
        """Return what a worker holds no longer, of what was drained from its queue."""

    def lost(self, worker: int, unbegun: Sequence[int]) -> int | None:
        """Put back what a dead worker held; return the test that it died of, None if it held none."""

    def retire(self, worker: int) -> tuple[int, ...]:
        """Remove a worker that has ended; return what it still held."""

    def put_back(self, items: Sequence[int]) -> None:
        """Have tests wait again, before all others."""
