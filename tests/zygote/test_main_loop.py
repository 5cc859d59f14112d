"""The loop of a zygote at one end of a connection, with the daemon's end in the test's hands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import processes, signals, sockets
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.zygote.main_loop import Zygote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    DaemonEnd: TypeAlias = sockets.Channel[layer_messages.FromZygote, layer_messages.ToZygote]


class LeftError(Exception):
    """The process would have ended, with this status."""


class QuietPipe:
    """No signal ever comes."""

    def __init__(self, _numbers: tuple[int, ...]) -> None:
        """Open a pipe that nobody writes to."""
        self._ends = os.pipe()

    def fileno(self) -> int:
        """Return the end to read."""
        return self._ends[0]

    def read(self) -> list[int]:
        """Return no signals."""
        return []

    def close(self) -> None:
        """Close both ends."""
        for end in self._ends:
            os.close(end)


def leave(status: int) -> None:
    """Stand for the end of the process."""
    raise LeftError(status)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Zygote, DaemonEnd]]:
    """Provide a zygote, and the daemon's end of its connection."""
    monkeypatch.setattr(signals, "SignalPipe", QuietPipe)
    monkeypatch.setattr(signals, "leave", leave)
    monkeypatch.setattr(processes, "collect", lambda: iter(()))
    daemon: DaemonEnd
    daemon, descriptor = sockets.pair(layer_messages.FROM_ZYGOTE)
    channel: sockets.Channel[layer_messages.ToZygote, layer_messages.FromZygote] = sockets.adopt(
        descriptor, layer_messages.TO_ZYGOTE
    )
    yield Zygote(channel), daemon
    daemon.close()
    channel.close()


def test_a_zygote_introduces_itself_and_leaves_when_it_retires(ends: tuple[Zygote, DaemonEnd]) -> None:
    """It has no runs to wait for."""
    zygote, daemon = ends
    daemon.send(layer_messages.Retire())

    zygote.introduce()
    with pytest.raises(LeftError, match=r"^0$"):
        zygote.serve()

    assert daemon.receive() == [layer_messages.Hello(os.getpid())]


def test_a_zygote_leaves_when_the_daemon_is_gone(ends: tuple[Zygote, DaemonEnd]) -> None:
    """Nobody will ask it for anything any more."""
    zygote, daemon = ends
    daemon.close()

    with pytest.raises(LeftError, match=r"^0$"):
        zygote.serve()


def test_an_order_that_is_not_legal_is_a_fault_with_a_name(ends: tuple[Zygote, DaemonEnd]) -> None:
    """It is not ignored: what the daemon takes for done would never be."""
    zygote, daemon = ends
    daemon.send(layer_messages.Deliver(7, 2))

    with pytest.raises(RemoteProtocolError, match="a layer that is empty was sent Deliver"):
        zygote.serve()


def test_a_message_of_another_channel_is_a_fault_with_a_name(ends: tuple[Zygote, DaemonEnd]) -> None:
    """It does not reach the decisions."""
    zygote, daemon = ends
    daemon.send(layer_messages.CheckRecollection(("test_a.py",)))  # type: ignore[arg-type]  # no daemon sends it to a zygote

    with pytest.raises(RemoteProtocolError, match="no daemon sends 'CheckRecollection' to a zygote"):
        zygote.serve()
