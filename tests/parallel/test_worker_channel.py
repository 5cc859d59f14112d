"""A worker's way to the controller, with both ends in this process."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.parallel import fixture_replies, messages
from pytest_zygote.parallel.framing import Frame, FrameReader
from pytest_zygote.parallel.messages import InterruptRaised, LogStart, TerminalReleased
from pytest_zygote.parallel.ring_buffer import RingBuffer
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.worker_channel import ControllerGone, WorkerChannel

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ends:
    """A channel, and what the controller has of it."""

    def __init__(self, *, is_verbose: bool = False) -> None:
        """Open it."""
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(0)
        self._theirs = theirs
        self.ring = RingBuffer(capacity=256)
        self.flags = SharedFlags(0, 1)
        self.channel = WorkerChannel(theirs, self.ring, self.flags, is_verbose=is_verbose)

    def committed(self) -> list[messages.WorkerMessage]:
        """Return what is in the ring now."""
        pieces = self.ring.read(self.ring.written)
        return [message for _, data in pieces for message in messages.decode_from_worker(data)]

    def woken(self) -> list[Frame]:
        """Return what has come by the socket."""
        try:
            return FrameReader().receive(self.ours.recv(10_000))
        except BlockingIOError:
            return []

    def reply(self, message: messages.ControllerMessage) -> None:
        """Answer before the question: it waits in the socket."""
        self.ours.sendall(Frame(0, messages.encode([message])).to_bytes())

    def close(self) -> None:
        """Close everything."""
        self.ours.close()
        self._theirs.close()
        self.ring.close()
        self.flags.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A channel, whose handler of Ctrl-C is removed at the end."""
    before = signal.getsignal(signal.SIGINT)
    made = Ends()
    yield made
    made.close()
    signal.signal(signal.SIGINT, before)


def test_messages_wait_until_they_are_committed(ends: Ends) -> None:
    """Then they are in the ring, and nobody is woken."""
    ends.channel.send(InterruptRaised())
    assert ends.committed() == []
    ends.channel.commit()
    assert ends.committed() == [InterruptRaised()]
    assert ends.woken() == []


def test_flushing_wakes_the_controller(ends: Ends) -> None:
    """It learns how far it must read."""
    ends.channel.send(InterruptRaised())
    ends.channel.flush()
    assert ends.woken() == [Frame(ends.ring.written, b"")]
    assert ends.committed() == [InterruptRaised()]


def test_a_controller_that_sleeps_is_woken_once(ends: Ends) -> None:
    """By the first message that comes."""
    ends.flags.sleep()
    for _ in range(2):
        ends.channel.send(InterruptRaised())
        ends.channel.commit()
    assert len(ends.woken()) == 1
    assert not ends.flags.is_asleep


def test_what_the_ring_has_no_room_for_travels_by_the_socket(ends: Ends) -> None:
    """With the position after which it belongs."""
    long = LogStart("x" * 1000, ("", None, ""))
    for message in (InterruptRaised(), long):
        ends.channel.send(message)
        ends.channel.commit()
    (frame,) = ends.woken()
    assert frame.position == ends.ring.written
    assert messages.decode_from_worker(frame.payload) == [long]
    assert ends.committed() == [InterruptRaised()]


def test_a_user_who_wants_to_see_what_begins_sees_it_at_once() -> None:
    """Under ``-v`` each message is committed."""
    before = signal.getsignal(signal.SIGINT)
    ends = Ends(is_verbose=True)
    ends.channel.send(InterruptRaised())
    assert ends.committed() == [InterruptRaised()]
    ends.close()
    signal.signal(signal.SIGINT, before)


def test_a_fixture_is_requested(ends: Ends) -> None:
    """Its value comes back."""
    ends.reply(fixture_replies.fixture_reply("value"))
    assert ends.channel.request_fixture(3, "database") == "value"
    assert ends.committed() == [messages.FixtureRequested(3, "database")]
    assert len(ends.woken()) == 1


@pytest.mark.parametrize("is_granted", [True, False])
def test_the_terminal_is_requested(ends: Ends, *, is_granted: bool) -> None:
    """From then on Ctrl-C is the debugger's."""
    ends.reply(messages.TerminalReply(is_granted))
    assert ends.channel.acquire_terminal() is is_granted
    assert ends.channel.interrupts.is_debugging is is_granted
    ends.channel.release_terminal()
    assert not ends.channel.interrupts.is_debugging
    assert ends.committed()[-1] == TerminalReleased()


def test_a_reply_to_something_else_is_an_error_that_names_it(ends: Ends) -> None:
    """The worker would go on with a wrong value."""
    ends.reply(messages.TerminalReply(is_granted=True))
    with pytest.raises(RemoteProtocolError, match=r"TerminalReply\(is_granted=True\) is no answer"):
        ends.channel.request_fixture(0, "database")
    ends.reply(messages.FixtureUnavailable("why"))
    with pytest.raises(RemoteProtocolError, match="FixtureUnavailable"):
        ends.channel.acquire_terminal()


def test_a_parent_that_is_gone_ends_the_wait(ends: Ends) -> None:
    """The worker would wait for ever."""
    ends.ours.shutdown(socket.SHUT_WR)
    with pytest.raises(ControllerGone, match="the run process is gone"):
        ends.channel.request_fixture(0, "database")


def test_open_files_are_shared(ends: Ends) -> None:
    """The controller can read what is written there."""
    with tempfile.TemporaryFile() as file:
        file.write(b"output")
        file.flush()
        ends.channel.share_descriptors([file.fileno()])
        data, (descriptor,), _, _ = socket.recv_fds(ends.ours, 1000, 4)
        assert FrameReader().receive(data) == [Frame(0, b"")]
        assert os.pread(descriptor, 100, 0) == b"output"
        os.close(descriptor)
