"""Which host is given which tests, and what a loss means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.hosts.dispatch import (
    AHEAD,
    BatchSettled,
    FinishHost,
    GiveBatch,
    HostFinished,
    HostLost,
    HostPool,
    HostReady,
    ItemsFinished,
    ReportRepeated,
    StopHost,
    StopRequested,
)
from pytest_zygote.core.parallel.work_units import Unit
from pytest_zygote.core.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from pytest_zygote.core.hosts.dispatch import Event

UNITS = [Unit((at,)) for at in range(6)]


def test_a_host_has_a_batch_for_each_worker_and_some_ahead() -> None:
    """The next when one is settled; at the end, all are told that nothing follows."""
    pool = HostPool(UNITS[:4], {}, 1)
    given_first = pool.on(HostReady(0, 2))
    assert [action.items for action in given_first if isinstance(action, GiveBatch)] == [(0,), (1,), (2,)]
    assert pool.on(BatchSettled(0, 1)) == [GiveBatch(0, 4, (3,))]
    assert pool.on(ItemsFinished(0, (0, 1, 2))) == []
    assert [pool.on(BatchSettled(0, batch)) for batch in (2, 3, 4)] == [[], [], [FinishHost(0)]]
    pool.on(ItemsFinished(0, (3,)))
    assert pool.on(HostFinished(0)) == []
    assert (pool.hosts, pool.left) == ((), ())


def test_what_a_lost_host_had_runs_elsewhere() -> None:
    """Before all else; what it had not finished may run twice, and is named."""
    pool = HostPool(UNITS[:3], {}, 2)
    pool.on(HostReady(0, 1))
    pool.on(HostReady(1, 1))
    pool.on(ItemsFinished(0, (0,)))
    assert pool.on(HostLost(0)) == [ReportRepeated(0, (1,)), GiveBatch(1, 4, (1,))]


def test_what_no_host_can_run_is_left() -> None:
    """Also if it was lost when the others had been told that nothing follows; one that comes late gets it."""
    pool = HostPool(UNITS[:2], {}, 2)
    pool.on(HostReady(0, 1))
    pool.on(HostReady(1, 1))
    pool.on(BatchSettled(0, 1))
    assert pool.on(BatchSettled(1, 2)) == [FinishHost(0), FinishHost(1)]
    pool.on(ItemsFinished(1, (1,)))
    assert pool.on(HostLost(0)) == [ReportRepeated(0, (0,))]
    pool.on(HostFinished(1))
    assert pool.left == (0,)
    assert pool.on(HostReady(2, 1)) == [GiveBatch(2, 3, (0,))]


def test_nothing_begins_once_the_run_is_to_stop() -> None:
    """Hosts are told so, and what they leave is not run."""
    pool = HostPool(UNITS, {}, 1)
    pool.on(HostReady(0, 1))
    assert pool.on(StopRequested()) == [StopHost(0)]
    assert pool.on(BatchSettled(0, 1)) == []
    pool.on(HostLost(0))
    assert pool.left == ()


def test_what_belongs_together_goes_to_one_host() -> None:
    """Also after a loss."""
    pool = HostPool([Unit((0, 2), divisible=False), Unit((1, 3), divisible=False)], {}, 8)
    batches = [action.items for action in pool.on(HostReady(0, 4)) if isinstance(action, GiveBatch)]
    assert batches == [(0, 2), (1, 3)]
    pool.on(HostLost(0))
    assert [action.items for action in pool.on(HostReady(1, 4)) if isinstance(action, GiveBatch)] == batches


def test_an_unknown_host_is_our_mistake() -> None:
    """Its news must not change anything."""
    with pytest.raises(LocalProtocolError):
        HostPool(UNITS, {}, 1).on(ItemsFinished(3, (0,)))


class Hosts:
    """Hosts that do what the pool says."""

    def __init__(self, total: int, count: int) -> None:
        """Be ready."""
        self.pool = HostPool([Unit(tuple(range(total)))], {}, count)
        self.held: dict[int, dict[int, tuple[int, ...]]] = {host: {} for host in range(count)}
        self.finished: list[int] = []
        for host in range(count):
            self.on(HostReady(host, 1))

    def on(self, event: Event) -> None:
        """Tell the pool, and do what it says."""
        for action in self.pool.on(event):
            if isinstance(action, GiveBatch):
                self.held[action.host][action.batch] = action.items
                assert len(self.held[action.host]) <= 1 + AHEAD
            elif isinstance(action, FinishHost):
                del self.held[action.host]
                self.on(HostFinished(action.host))

    def run(self, host: int, batch: int) -> None:
        """Have a host run a batch."""
        items = self.held[host].pop(batch)
        self.finished += items
        self.on(ItemsFinished(host, items))
        self.on(BatchSettled(host, batch))

    def lose(self, host: int) -> None:
        """Have a host be gone."""
        del self.held[host]
        self.on(HostLost(host))


@given(st.data())
def test_each_test_is_finished_once_whatever_is_lost(data: st.DataObject) -> None:
    """Hosts run, and die at any moment; what is left at the end has run nowhere."""
    total = data.draw(st.integers(1, 40))
    hosts = Hosts(total, 3)
    while hosts.held:
        host = data.draw(st.sampled_from(sorted(hosts.held)))
        if not hosts.held[host] or data.draw(st.integers(0, 9)) == 0:
            hosts.lose(host)
        else:
            hosts.run(host, data.draw(st.sampled_from(sorted(hosts.held[host]))))
    assert sorted([*hosts.finished, *hosts.pool.left]) == list(range(total))
