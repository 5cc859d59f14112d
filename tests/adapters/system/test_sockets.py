"""Unix sockets that carry messages and descriptors."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.protocol.client_messages import Answer, Relay, StatusRequest
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.framing import pack
from tests.support.daemon import UNIT_S
from tests.support.strategies import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pytest_zygote.core.record import Record

    Channel: TypeAlias = sockets.Channel[Record, Record]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="z") as path:
        yield Path(path)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Make two ends of a connection."""
    ours: Channel
    ours, theirs = sockets.pair(ANY)
    other: Channel = sockets.adopt(theirs, ANY)
    yield ours, other
    ours.close()
    other.close()


def test_messages_arrive_as_they_were_sent(ends: tuple[Channel, Channel]) -> None:
    """Several at once, in order."""
    ends[0].send(Relay(2))
    ends[0].send(Answer("text"))
    assert ends[1].receive() == [Relay(2), Answer("text")]


def test_a_message_in_pieces_is_received_when_it_is_whole() -> None:
    """The kernel may cut anywhere."""
    raw, other = socket.socketpair()
    channel: Channel = sockets.adopt(other.detach(), ANY)
    frame = pack(Answer("x" * 100))
    raw.sendall(frame[:10])
    assert channel.receive() == []
    raw.sendall(frame[10:])
    assert channel.receive() == [Answer("x" * 100)]
    raw.close()
    channel.close()


def test_the_end_of_the_peer_is_none(ends: tuple[Channel, Channel]) -> None:
    """Closed, or reset with something unread."""
    ends[0].send(Relay(1))
    ends[1].close()
    assert ends[0].receive() is None
    with pytest.raises(OSError, match=r"."):
        ends[0].send(Relay(1))
    assert ends[1].fileno() == -1


def test_what_is_no_frame_is_refused() -> None:
    """Somebody else talks to this socket."""
    raw, other = socket.socketpair()
    channel: Channel = sockets.adopt(other.detach(), ANY)
    raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(RemoteProtocolError):
        channel.receive()
    raw.close()
    channel.close()


def test_descriptors_travel_and_are_not_inherited(ends: tuple[Channel, Channel]) -> None:
    """They are other numbers for the same open files, and belong to whoever takes them."""
    read, write = os.pipe()
    ends[0].send(Relay(1), [read, write])
    assert ends[1].receive() == [Relay(1)]
    taken = ends[1].adopt_descriptors()
    assert ends[1].adopt_descriptors() == []
    assert [os.path.sameopenfile(*pair) for pair in zip(taken, (read, write), strict=True)] == [True, True]
    assert not any(os.get_inheritable(descriptor) for descriptor in taken)
    for descriptor in (*taken, read, write):
        os.close(descriptor)


def test_descriptors_that_nobody_took_are_closed(ends: tuple[Channel, Channel]) -> None:
    """A peer cannot make us collect open files."""
    read, write = os.pipe()
    ends[0].send(Relay(1), [write])
    os.close(write)
    ends[1].receive()
    ends[1].close()
    assert os.read(read, 1) == b""  # nobody has the other end any more
    os.close(read)


def test_a_peer_that_does_not_read_is_given_up() -> None:
    """A stopped client must not stop the daemon."""
    raw, other = socket.socketpair()
    channel: Channel = sockets.Channel(raw, ANY, send_timeout_s=0.01)
    with pytest.raises(TimeoutError):
        channel.send(Answer("x" * 10_000_000))
    channel.close()
    other.close()


def test_nobody_there_is_none(folder: Path) -> None:
    """No file, or one that a dead daemon left."""
    path = folder / "d.sock"
    assert sockets.connect(str(path), ANY) is None
    with socket.socket(socket.AF_UNIX) as raw:
        raw.bind(str(path))
    assert sockets.connect(str(path), ANY) is None


def test_a_socket_that_is_not_ours_is_told_apart_from_none(folder: Path) -> None:
    """What cannot be connected to for another reason is an error, and leaves nothing open."""
    with pytest.raises(OSError, match="too long"):
        sockets.connect(str(folder / ("x" * 200)), ANY)


def test_a_listener_accepts_its_own_user(folder: Path) -> None:
    """And both can talk."""
    listener = sockets.Listener(str(folder / "d.sock"))
    client: Channel | None = sockets.connect(str(folder / "d.sock"), ANY)
    assert client is not None
    server: Channel | None = listener.accept(ANY, send_timeout_s=UNIT_S)
    assert server is not None
    client.send(StatusRequest("json"))
    assert server.receive() == [StatusRequest("json")]
    for end in (client, server):
        assert not os.get_inheritable(end.fileno())
        end.close()
    listener.close()
    assert list(folder.iterdir()) == []


def test_a_listener_accepts_nobody_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user who got through the folder's mode is turned away."""
    listener = sockets.Listener(str(folder / "d.sock"))
    client: Channel | None = sockets.connect(str(folder / "d.sock"), ANY)
    assert client is not None
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert listener.accept(ANY, send_timeout_s=UNIT_S) is None
    assert client.receive() is None
    assert listener.accept(ANY, send_timeout_s=UNIT_S) is None  # nobody is waiting
    client.close()
    listener.close()


def test_a_listener_takes_the_place_of_a_dead_one(folder: Path) -> None:
    """The new socket appears under the name in one step; the old one no longer counts as there."""
    path = str(folder / "d.sock")
    old = sockets.Listener(path)
    new = sockets.Listener(path)
    assert (old.is_ours(), new.is_ours()) == (False, True)
    old.close()
    client: Channel | None = sockets.connect(path, ANY)
    assert client is not None
    client.close()
    Path(path).unlink()
    assert not new.is_ours()
    new.close()


def test_what_a_dead_listener_left_half_made_is_removed(folder: Path) -> None:
    """A process of the same number that died between two steps."""
    (folder / f"d.{os.getpid() % 1000}").touch()
    sockets.Listener(str(folder / "d.sock")).close()
    assert list(folder.iterdir()) == []


def test_socket_of_another_user_is_not_connected_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was checked of its folder: who listens would get the environment and the terminal."""
    path = str(folder / "s.sock")
    listener = sockets.Listener(path)
    monkeypatch.setattr(sockets, "peer_user", lambda _raw: 4_000_000)
    with pytest.raises(PermissionError, match="user 4000000 listens there"):
        sockets.connect_to_daemon(path)
    listener.close()


def test_any_number_of_a_descriptor_can_be_waited_for() -> None:
    """Select would refuse those from 1024 on."""
    read, write = os.pipe()
    high = fcntl.fcntl(read, fcntl.F_DUPFD_CLOEXEC, 1024)
    assert not sockets.is_readable(high)
    os.write(write, b"x")
    assert sockets.is_readable(high, None)
    for descriptor in (read, write, high):
        os.close(descriptor)


def test_a_message_that_a_peer_has_no_room_for_is_sent_later() -> None:
    """With its descriptors; whoever sends it does not wait."""
    ours: Channel
    ours, theirs = sockets.pair(ANY, send_timeout_s=0)
    other: Channel = sockets.adopt(theirs, ANY)
    texts = ["x" * 600_000, "y"]
    with open(os.devnull) as file:  # noqa: PTH123 - a descriptor is wanted
        for text in texts:
            ours.send(Answer(text), [file.fileno()])
    assert not ours.flush()
    received: list[Record] = []
    while len(received) < 2:
        received += other.receive() or ()
        ours.flush()
    assert received == [Answer(text) for text in texts]
    assert len(other.descriptors) == 2
    assert ours.flush()
    ours.send(Answer("x" * 600_000))
    ours.close()
    other.close()
