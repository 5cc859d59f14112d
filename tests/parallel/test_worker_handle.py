"""A worker as the controller sees it, with the worker's end in this process."""

from __future__ import annotations

import os
import pickle
import socket
import tempfile
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.parallel import messages
from pytest_zygote.parallel.framing import Frame, FrameReader
from pytest_zygote.parallel.messages import ExitRaised, InterruptRaised
from pytest_zygote.parallel.worker_handle import MAX_OUTPUT, WorkerHandle
from pytest_zygote.parallel.xdist_node import Node
from tests.parallel.fakes import make_config

if TYPE_CHECKING:
    from collections.abc import Iterator


class Worker(WorkerHandle):
    """A worker without a process of its own.

    Attributes:
        worker_socket: its end.
    """

    def __init__(self) -> None:
        """Open both ends."""
        super().__init__(0, Node(make_config(), "gw0", 2, "uid"))
        self.worker_socket = socket.socket(fileno=os.dup(self._worker_socket.fileno()))
        self._worker_socket.close()
        self._socket.settimeout(0)
        self.dump = self._dump

    def write(self, *sent: messages.WorkerMessage) -> None:
        """Write messages to the ring."""
        self.ring.write(messages.encode(sent))

    def wake(self, *sent: messages.WorkerMessage) -> None:
        """Write to the socket."""
        payload = messages.encode(sent) if sent else b""
        self.worker_socket.sendall(Frame(self.ring.written, payload).to_bytes())


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker that has sent nothing."""
    made = Worker()
    yield made
    made.worker_socket.close()
    made.close()


def test_what_was_written_is_received_once(worker: Worker) -> None:
    """Without a look at the socket."""
    worker.write(InterruptRaised(), ExitRaised("bye", 3))
    assert worker.receive(is_ready=False) == ([InterruptRaised(), ExitRaised("bye", 3)], False)
    assert worker.receive(is_ready=True) == ([], False)


def test_messages_of_both_ways_are_in_order(worker: Worker) -> None:
    """What came by the socket, since the ring had no room, stands where it was sent."""
    first, second, third = (ExitRaised(text, None) for text in ("first", "second", "third"))
    worker.write(first)
    worker.wake(second)
    worker.write(third)
    assert worker.receive(is_ready=True) == ([first, second, third], False)


def test_a_closed_socket_means_that_the_worker_may_be_dead(worker: Worker) -> None:
    """What it has written is received all the same."""
    worker.write(InterruptRaised())
    worker.worker_socket.close()
    assert worker.receive(is_ready=True) == ([InterruptRaised()], True)


def test_something_that_is_no_message_is_an_error(worker: Worker) -> None:
    """Not ignored."""
    worker.ring.write(pickle.dumps([(99,)]))
    with pytest.raises(RemoteProtocolError, match="no known kind"):
        worker.receive(is_ready=False)


def test_replies_reach_the_worker(worker: Worker) -> None:
    """One after the other; those to a dead worker are dropped."""
    worker.send(messages.TerminalReply(is_granted=True))
    worker.send(messages.FixtureUnavailable("why"))
    frames = FrameReader().receive(worker.worker_socket.recv(1000))
    replies = [reply for frame in frames for reply in messages.decode_from_controller(frame.payload)]
    assert replies == [messages.TerminalReply(is_granted=True), messages.FixtureUnavailable("why")]
    worker.worker_socket.close()
    worker.send(messages.TerminalReply(is_granted=False))


def test_the_last_output_of_a_dead_worker_can_be_read(worker: Worker) -> None:
    """The end of what was captured, then what faulthandler wrote."""
    with tempfile.TemporaryFile() as captured:
        captured.write(b"x" * MAX_OUTPUT + b" the end")
        captured.flush()
        socket.send_fds(worker.worker_socket, [Frame(0, b"").to_bytes()], [captured.fileno()])
        worker.receive(is_ready=True)
    worker.dump.write(b"Fatal Python error\n")
    worker.dump.flush()
    output = worker.last_output()
    assert output.endswith("x the end\nFatal Python error")
    assert len(output) == MAX_OUTPUT + len("\nFatal Python error")


def test_a_worker_has_a_line_about_what_it_did(worker: Worker) -> None:
    """Set-up that others share is a part of the time."""
    worker.count(1.0, 0.5)
    assert worker.summary() == "gw0: 1 test, 1.50 s busy, 0.50 s of it in shared set-up"
    worker.count(1.0, 0.0)
    assert worker.summary() == "gw0: 2 tests, 2.50 s busy, 0.50 s of it in shared set-up"
