"""A worker's channel to the controller.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import array
import os
import socket
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import procfs
from pytest_zygote.core.protocol.errors import RemoteProtocolError, ZygoteError
from pytest_zygote.parallel import after_fork, messages
from pytest_zygote.parallel.fixture_replies import fixture_value
from pytest_zygote.parallel.framing import Frame, FrameReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_zygote.parallel.ring_buffer import RingBuffer
    from pytest_zygote.parallel.shared_flags import SharedFlags

CHUNK = 64 * 1024


class ControllerGone(ZygoteError):  # noqa: N818 - a state of the world, not a mistake
    """The controller is gone: nobody receives messages any more."""


class WorkerChannel:
    """Messages to the controller, by a ring buffer that it reads in its own time and a socket that wakes it.

    Attributes:
        interrupts: what Ctrl-C does in this process.
    """

    def __init__(self, link: socket.socket, ring: RingBuffer, flags: SharedFlags, *, is_verbose: bool) -> None:
        """Collect messages, and write them when they are due.

        Args:
            link: to the controller.
            ring: to the controller.
            flags: of the run.
            is_verbose: whether the user wants to see what begins.
        """
        self._socket = link
        self._ring = ring
        self._flags = flags
        self._is_verbose = is_verbose
        self._pending: list[messages.WorkerMessage] = []
        self._frames = FrameReader()
        self._is_copy = False
        self.interrupts = after_fork.Interrupts(flags)
        os.register_at_fork(after_in_child=self._become_copy)

    def _become_copy(self) -> None:
        """Continue in a fork in which a plugin runs a test: the plugin reports from the worker what happens here."""
        self._is_copy = True
        self._pending = []

    def send(self, message: messages.WorkerMessage) -> None:
        """Send a message with the next ones; at once if the user wants to see what begins."""
        if self._is_copy:
            return
        self._pending.append(message)
        if self._is_verbose:
            self.commit()

    def commit(self) -> None:
        """Write what is pending: the controller gets it even if this process dies."""
        if self._pending:
            self._write(is_urgent=False)

    def flush(self) -> None:
        """Write what is pending, and wake the controller."""
        self._write(is_urgent=True)

    def _write(self, *, is_urgent: bool) -> None:
        self.interrupts.hold()  # the controller would understand nothing after half a frame
        payload = messages.encode(self._pending) if self._pending else b""
        self._pending = []
        is_written = not payload or self._ring.write(payload)
        if is_urgent or not is_written or self._flags.is_asleep:  # checked last: awake now, it sees what is written
            self._wake(b"" if is_written else payload)
        self.interrupts.release()

    def _wake(self, payload: bytes) -> None:
        """Wake the controller; send what the ring has no room for."""
        self._flags.wake()
        try:
            self._socket.sendall(Frame(self._ring.written, payload).to_bytes())
        except ConnectionError as error:
            raise ControllerGone(str(error)) from error

    def leave(self) -> None:
        """Report that this process is over: the kernel frees its memory before it closes files and sockets."""
        procfs.close_others(self._socket.fileno())
        self.send(messages.WorkerOver())
        self.flush()

    def request_fixture(self, item: int, name: str) -> object:
        """Return the value of a shared fixture that was not set up before the fork, or why there is none."""
        match self._request(messages.FixtureRequested(item, name)):
            case messages.FixtureReply() | messages.FixtureUnavailable() as reply:
                return fixture_value(reply)
            case messages.TerminalReply() | messages.CollectionReply() as reply:
                raise RemoteProtocolError(f"{reply!r} is no answer to a request for a fixture")

    def acquire_terminal(self) -> bool:
        """Wait for the terminal; return whether this worker gets it."""
        match self._request(messages.TerminalRequested()):
            case messages.TerminalReply(is_granted):
                self.interrupts.is_debugging = is_granted
                return is_granted
            case messages.FixtureReply() | messages.FixtureUnavailable() | messages.CollectionReply() as reply:
                raise RemoteProtocolError(f"{reply!r} is no answer to a request for the terminal")

    def report_collected(self, ids: Iterable[str], error: str) -> bool:
        """Report what this worker has collected; wait for the others, and return whether the tests may run."""
        match self._request(messages.Collected(tuple(ids), error)):
            case messages.CollectionReply(is_accepted):
                return is_accepted
            case messages.FixtureReply() | messages.FixtureUnavailable() | messages.TerminalReply() as reply:
                raise RemoteProtocolError(f"{reply!r} is no answer to what was collected")

    def release_terminal(self) -> None:
        """Give the terminal back."""
        self.interrupts.is_debugging = False
        self.interrupts.install()
        self.send(messages.TerminalReleased())
        self.flush()

    def _request(self, request: messages.WorkerMessage) -> messages.ControllerMessage:
        self._pending.append(request)  # also from a copy: the worker waits for it, and asks for nothing meanwhile
        self.flush()
        while True:
            data = self._socket.recv(CHUNK)
            if not data:
                raise ControllerGone("the run process is gone")
            for frame in self._frames.receive(data):
                return messages.decode_from_controller(frame.payload)[0]

    def share_descriptors(self, descriptors: list[int]) -> None:
        """Let the controller have open files, too."""
        packed = array.array("i", descriptors)
        data = Frame(self._ring.written, b"").to_bytes()
        if descriptors:
            sent = self._socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])
            self._socket.sendall(data[sent:])
