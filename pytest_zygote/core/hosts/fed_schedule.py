"""Which worker of one host runs which test: as on one machine, of what the host has been given so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.stealing_schedule import StealingSchedule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_zygote.core.parallel.work_units import Unit


class FedSchedule(StealingSchedule):
    """A schedule whose tests come in batches, one after the other.

    Attributes:
        awaits_more: whether more may come: until then, a worker that has nothing left waits.
    """

    def __init__(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> None:
        """Begin with nothing to run."""
        super().__init__(units, seconds, workers)
        self._pool = []
        self._missing = 0  # workers that come later find what is fed later
        self._batch_of: dict[int, int] = {}
        self._unfinished: dict[int, set[int]] = {}
        self._finished: dict[int, float] = {}
        self.awaits_more = True

    @property
    def is_over(self) -> bool:
        """Whether no test waits, no worker holds one, and none will come."""
        return not self.awaits_more and super().is_over

    def feed(self, batch: int, items: Sequence[int]) -> None:
        """Add tests, behind those that wait."""
        before, self._pool = self._pool, []
        super().put_back(items)
        self._pool = [*before, *self._pool]
        self._unfinished[batch] = set(items)
        self._batch_of.update(dict.fromkeys(items, batch))

    def done(self, worker: int, item: int, seconds: float) -> None:
        """Note that a worker has finished a test."""
        super().done(worker, item, seconds)
        self._finished[item] = seconds

    def lost(self, worker: int, unbegun: Sequence[int]) -> int | None:
        """Put back what a dead worker held; return the test that it died of: it is reported, unless it is put back."""
        crashed = super().lost(worker, unbegun)
        if crashed is not None:
            self._finished[crashed] = 0.0
        return crashed

    def put_back(self, items: Sequence[int]) -> None:
        """Have tests wait again."""
        super().put_back(items)
        for item in items:
            self._finished.pop(item, None)

    def pop_finished(self) -> dict[int, float]:
        """Return the tests that were finished since the last call, with the seconds that they took."""
        finished, self._finished = self._finished, {}
        for item in finished:
            self._unfinished.get(self._batch_of[item], set()).discard(item)
        return finished

    def pop_settled(self, waiting: Collection[int]) -> list[int]:
        """Return the batches of which nothing is left to begin, each once.

        Args:
            waiting: tests that workers hold open until they know what comes next.
        """
        settled = [batch for batch, items in self._unfinished.items() if items <= {*waiting}]
        for batch in settled:
            del self._unfinished[batch]
        return settled
