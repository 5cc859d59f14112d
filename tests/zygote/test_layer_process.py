"""What zygotes and collected sessions share: their loop, at one end of a connection to the daemon."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.core.zygote import zygote_loop
from pytest_zygote.core.zygote.run_table import ForkRun, RunTable
from pytest_zygote.zygote.layer_process import STREAMS_LINK_AND_REPORT, LayerProcess, descriptor_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    DaemonEnd: TypeAlias = sockets.Channel[layer_messages.FromSession, layer_messages.ToSession]

FORK = layer_messages.Fork(7, b"request")


class LeftError(Exception):
    """The process would have ended."""


class Process(LayerProcess[layer_messages.FromSession]):
    """A process that notes what it would do about its runs.

    Attributes:
        done: what was decided about runs.
    """

    def __init__(
        self,
        state: zygote_loop.ZygoteState,
        channel: sockets.Channel[layer_messages.ToLayer, layer_messages.FromSession],
    ) -> None:
        """Have done nothing."""
        super().__init__(state, channel)
        self.done: list[zygote_loop.Action] = []

    def _perform(self, action: zygote_loop.Action) -> zygote_loop.Event | None:
        self.done.append(action)
        if isinstance(action, (zygote_loop.StopListening, zygote_loop.Leave)):
            return super()._perform(action)
        self._is_run = isinstance(action, ForkRun)
        return None

    def _end(self) -> NoReturn:
        raise LeftError


class World:
    """A process without a standby run, and the daemon's end of its connection."""

    def __init__(self, state: zygote_loop.ZygoteState) -> None:
        """Connect them."""
        self.daemon: DaemonEnd
        self.daemon, descriptor = sockets.pair(layer_messages.FROM_SESSION)
        channel: sockets.Channel[layer_messages.ToLayer, layer_messages.FromSession]
        channel = sockets.adopt(descriptor, layer_messages.TO_SESSION)
        self.channel = channel
        self.process = Process(state, channel)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Provide a process in which no signal comes."""
    monkeypatch.setattr(processes, "collect", lambda: iter(()))
    made = World(zygote_loop.SESSION.replaced(table=RunTable({})))
    yield made
    made.daemon.close()
    made.channel.close()


def test_the_loop_ends_in_a_run_only(world: World) -> None:
    """What has come behind the order is the session's, and waits for it."""
    ends = [os.open(os.devnull, os.O_RDONLY) for _ in range(STREAMS_LINK_AND_REPORT)]
    world.daemon.send(FORK, ends)

    world.process.serve()

    (action,) = world.process.done
    assert isinstance(action, ForkRun)
    for descriptor in (*ends, *action.descriptors):
        os.close(descriptor)


def test_it_leaves_when_the_daemon_is_gone(world: World) -> None:
    """There is no run to wait for."""
    world.daemon.close()

    with pytest.raises(LeftError):
        world.process.serve()

    assert world.process.done == [zygote_loop.StopListening(), zygote_loop.Leave()]


def test_each_order_says_how_many_descriptors_travel_with_it() -> None:
    """Those of messages that came together lie in one row."""
    orders = (layer_messages.Spawn(1), layer_messages.Collect(b"", (), ()), layer_messages.Retire(), FORK)

    assert [descriptor_count(order) for order in orders] == [1, 1, 0, STREAMS_LINK_AND_REPORT]
    assert descriptor_count(FORK.replaced(passed_on=2)) == STREAMS_LINK_AND_REPORT + 2
