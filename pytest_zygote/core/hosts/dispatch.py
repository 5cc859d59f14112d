"""What the run on several hosts decides: which host is given which tests, what a loss means, when all is over.

`HostPool.on` takes an event and returns the actions that follow; it opens no connection and reads no clock.

Theory of operation. What waits is cut into pieces, the longest first. A host holds *batches*, each a piece: one for
each of its workers and some ahead, so that it does not wait for the way there and back. A batch is *settled* when the
host has nothing left to begin of it: a worker keeps its last test open, since what it tears down depends on the next.
When nothing waits and all batches are settled, the hosts are told that nothing follows, and finish what they hold.

A host that is lost gives back all that it has not finished. That waits again, before all else; it may
run twice, which is reported. What no host can be given any more is left to the machine of the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, assert_never

from pytest_zygote.core.parallel.work_units import Estimates, Piece, cut
from pytest_zygote.core.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_zygote.core.parallel.work_units import Unit

AHEAD = 1
"""Batches that a host has beside one for each worker."""
PIECES = 4
"""What waits is cut for this many times the workers: no host holds much when the last tests run."""


class HostReady(NamedTuple):
    """A host can be given tests."""

    host: int
    workers: int


class HostLost(NamedTuple):
    """A host will report nothing any more."""

    host: int


class ItemsFinished(NamedTuple):
    """A host has reported all about tests."""

    host: int
    items: tuple[int, ...]


class BatchSettled(NamedTuple):
    """A host has nothing left to begin of a batch."""

    host: int
    batch: int


class HostFinished(NamedTuple):
    """A host has ended as it was told to."""

    host: int


class StopRequested(NamedTuple):
    """No test may begin any more."""


Event: TypeAlias = HostReady | HostLost | ItemsFinished | BatchSettled | HostFinished | StopRequested


class GiveBatch(NamedTuple):
    """Have a host run tests."""

    host: int
    batch: int
    items: tuple[int, ...]


class FinishHost(NamedTuple):
    """Tell a host that no test follows."""

    host: int


class StopHost(NamedTuple):
    """Tell a host that no test may begin any more."""

    host: int


class ReportRepeated(NamedTuple):
    """Say that tests may have begun on a host that was lost, and run again: what it has sent last did not arrive."""

    host: int
    items: tuple[int, ...]


Action: TypeAlias = GiveBatch | FinishHost | StopHost | ReportRepeated


class _Host:
    """What the pool knows of one host.

    Attributes:
        batches: number → its tests, of those that are not settled.
        unfinished: all tests that it was given and has not finished.
        is_finishing: whether it was told that nothing follows.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.batches: dict[int, tuple[int, ...]] = {}
        self.unfinished: dict[int, None] = {}
        self.is_finishing = False

    @property
    def load(self) -> float:
        """What it has to do for each worker."""
        return len(self.batches) / self.workers


class HostPool:
    """The hosts of a run.

    Attributes:
        is_stopping: whether no test may begin any more.
    """

    def __init__(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> None:
        """Cut the work.

        Args:
            units: tests that belong together.
            seconds: what tests took in earlier runs.
            workers: of all hosts that are expected.
        """
        self._estimates = Estimates(units, seconds)
        self._waiting = cut(units, self._estimates, workers * PIECES)
        self._hosts: dict[int, _Host] = {}
        self._given = 0
        self._missing = workers
        self.is_stopping = False

    @property
    def hosts(self) -> tuple[int, ...]:
        """The hosts that are there."""
        return tuple(self._hosts)

    @property
    def left(self) -> tuple[int, ...]:
        """The tests that wait for a host; none if no test may begin any more."""
        return () if self.is_stopping else tuple(item for piece in self._waiting for item in piece.items)

    def on(self, event: Event) -> list[Action]:
        """Return what is to be done because of an event.

        Raises:
            LocalProtocolError: it is about a host that is not there; nothing has changed.
        """
        match event:
            case HostReady(number, workers):
                self._hosts[number] = _Host(workers)
                self._missing = max(self._missing - workers, 0)
                return self._refill()
            case StopRequested():
                self.is_stopping = True
                for host in self._hosts.values():
                    host.is_finishing = True
                return [StopHost(number) for number in self._hosts]
            case _:
                if event.host not in self._hosts:
                    raise LocalProtocolError(f"{event} is about a host that is not in the pool")
                return self._on_host(event)

    def _on_host(self, event: HostLost | ItemsFinished | BatchSettled | HostFinished) -> list[Action]:
        host = self._hosts[event.host]
        match event:
            case ItemsFinished():
                for item in event.items:
                    host.unfinished.pop(item, None)
            case BatchSettled():
                host.batches.pop(event.batch, None)
                return self._refill()
            case HostLost() | HostFinished():
                return self._remove(event.host)
            case _:
                assert_never(event)
        return []

    def _refill(self) -> list[Action]:
        """Give hosts batches, in turn; tell all that nothing follows, if that is so."""
        actions: list[Action] = []
        while self._waiting and (number := self._hungriest()) is not None:
            piece = self._waiting.pop(0)
            self._given += 1
            host = self._hosts[number]
            host.batches[self._given] = piece.items
            host.unfinished.update(dict.fromkeys(piece.items))
            actions.append(GiveBatch(number, self._given, piece.items))
        if not self.left and not any(host.batches for host in self._hosts.values()):
            for number, host in self._hosts.items():
                if not host.is_finishing:
                    host.is_finishing = True
                    actions.append(FinishHost(number))
        return actions

    def _hungriest(self) -> int | None:
        """Return the host that has least to do for each worker; None if all have enough ahead.

        What workers of other hosts can begin with, which are yet to come, is not given away as work ahead.
        """
        ahead = AHEAD if len(self._waiting) > self._missing else 0
        hungry = [
            number
            for number, host in self._hosts.items()
            if not host.is_finishing and len(host.batches) < host.workers + ahead
        ]
        return min(hungry, key=lambda number: self._hosts[number].load, default=None)

    def _remove(self, number: int) -> list[Action]:
        host = self._hosts.pop(number)
        self._put_back(host.unfinished)
        repeated = () if self.is_stopping else tuple(host.unfinished)
        return [*([ReportRepeated(number, repeated)] if repeated else []), *self._refill()]

    def _put_back(self, items: Iterable[int]) -> None:
        """Have tests wait again, before all others, what belongs together in one piece."""
        pieces: dict[int, list[int]] = {}
        for item in sorted(items):
            pieces.setdefault(self._estimates.unit_of[item], []).append(item)
        self._waiting[:0] = [Piece(unit, tuple(own), self._estimates.sum(own)) for unit, own in pieces.items()]
