"""One worker, as the controller sees it: its process, its queue, and what it sends.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import operator
import os
import selectors
import socket
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.adapters.system import processes, signals, stdio
from pytest_zygote.parallel import messages
from pytest_zygote.parallel.framing import Frame, FrameReader
from pytest_zygote.parallel.ring_buffer import RingBuffer
from pytest_zygote.parallel.work_queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from pytest_zygote.parallel.xdist_node import Node

    class WaitForWorker(Protocol):
        """Waits for a process, as `processes.wait` does."""

        def __call__(self, pid: int, *, nohang: bool = False) -> int | None:
            """Return how it has ended; None if it still runs."""


CHUNK = 256 * 1024
LOOK_AGAIN_S = 0.5
"""How often a process is polled where there is no pidfd (macOS)."""
MAX_OUTPUT = 3000
"""Bytes of what a dead worker wrote that are shown."""
MAX_DESCRIPTORS = 4


class WorkerEnd(NamedTuple):
    """A worker's own end of the ways between it and the controller.

    Attributes:
        number: of the worker, for the pool.
        name: its id, 'gw0' and so on.
        queue: the tests that it is to run.
        ring: what it sends.
        link: the socket to the controller.
        dump: descriptor of the file that faulthandler is to write to.
    """

    number: int
    name: str
    queue: WorkQueue
    ring: RingBuffer
    link: socket.socket
    dump: int


class WorkerHandle:
    """A worker's process and the ways to it.

    Attributes:
        number: of the worker, for the pool.
        node: for plugins.
        name: its id, 'gw0' and so on.
        queue: the tests that it is to run.
        ring: what it has sent.
        is_over: whether it has finished, and holds nothing that others may wait for.
        status: how its process has ended; None while it runs.
        pid: of its process.
        pid_descriptor: becomes readable when the process ends; -1 where the system has no pidfd.
    """

    def __init__(self, number: int, node: Node, memory: int = -1) -> None:
        """Prepare everything but the process.

        Args:
            number: of the worker.
            node: for plugins.
            memory: descriptor of what its ring buffer is in, if it will be no fork of this process.
        """
        self.number = number
        self.node = node
        self.name = node.gateway.id
        self.queue = WorkQueue()
        self.ring = RingBuffer(descriptor=memory)
        self.is_over = False
        self.status: int | None = None
        self.pid = 0
        self.pid_descriptor = -1
        self._wait: WaitForWorker = processes.wait
        self._tests, self._busy_s, self._fixtures_s = 0, 0.0, 0.0
        self._frames = FrameReader()
        self._socket, self._worker_socket = (_moved(end) for end in socket.socketpair())
        # Inherited as an open file: what the worker writes can be read here after its death.
        self._dump = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the handle
        self._captured: list[int] = []

    def started(self, pid: int, wait: WaitForWorker = processes.wait) -> None:
        """In the parent: note the process, and how its end is waited for."""
        self._wait = wait
        self._worker_socket.close()
        self._socket.settimeout(0)
        self.pid = pid
        self.pid_descriptor = processes.open_pid(pid)

    def become(self) -> WorkerEnd:
        """In a worker that is a fork of this process: return its end."""
        self._socket.close()
        self.queue.close_writing_end()
        return WorkerEnd(self.number, self.name, self.queue, self.ring, self._worker_socket, self._dump.fileno())

    def descriptors(self) -> list[int]:
        """Return what a worker that is no fork of this process is given, in the order of `opened_end`."""
        return [self._worker_socket.fileno(), self._dump.fileno(), self.queue.fileno()]

    def forget(self) -> None:
        """In another worker: close what belongs to this one."""
        self.ring.close()
        self.queue.close()
        self._socket.close()
        self._dump.close()
        if self.pid_descriptor >= 0:
            os.close(self.pid_descriptor)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the worker wakes the controller."""
        return self._socket.fileno()

    def receive(self, *, is_ready: bool) -> tuple[list[messages.WorkerMessage], bool]:
        """Return the messages that have come, in order, and whether the worker may have died.

        Args:
            is_ready: whether there may be something on the socket.

        Raises:
            RemoteProtocolError: the worker has sent something that is no message.
        """
        # Before the socket is read: what is in the ring by now comes before what is sent from here on.
        until = self.ring.written
        frames, may_be_dead = self._receive_frames() if is_ready else ([], False)
        pieces = self.ring.read(max([until, *(frame.position for frame in frames)]))
        pieces += [(frame.position, memoryview(frame.payload)) for frame in frames if frame.payload]
        pieces.sort(key=operator.itemgetter(0))
        return [message for _, data in pieces for message in messages.decode_from_worker(data)], may_be_dead

    def _receive_frames(self) -> tuple[list[Frame], bool]:
        frames: list[Frame] = []
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, CHUNK, MAX_DESCRIPTORS, flags)
            except BlockingIOError:
                return frames, False
            except ConnectionError:
                return frames, True
            self._captured += descriptors
            if not data:
                return frames, True
            frames += self._frames.receive(data)

    def send(self, message: messages.ControllerMessage) -> None:
        """Send what the worker has asked for, and waits for."""
        self._socket.settimeout(None)
        with contextlib.suppress(OSError):  # it is dead, which its descriptor tells
            self._socket.sendall(Frame(0, messages.encode([message])).to_bytes())
        self._socket.settimeout(0)

    def count(self, seconds: float, fixtures_s: float) -> None:
        """Count a test that it has run."""
        self._tests += 1
        self._busy_s += seconds + fixtures_s
        self._fixtures_s += fixtures_s

    def summary(self) -> str:
        """Return one line about what it did."""
        tests = f"{self._tests} test{'s' * (self._tests != 1)}"
        return f"{self.name}: {tests}, {self._busy_s:.2f} s busy, {self._fixtures_s:.2f} s of it in shared set-up"

    def has_ended(self) -> bool:
        """Return whether the process has ended; reap it if so."""
        if self.status is None:
            self.status = self._wait(self.pid, nohang=True)
        return self.status is not None

    def await_end(self, grace_s: float) -> None:
        """Wait for the end of a process that has nothing left to send; kill it if that takes too long."""
        deadline = time.monotonic() + grace_s
        with selectors.DefaultSelector() as selector:
            if self.pid_descriptor >= 0:
                selector.register(self.pid_descriptor, selectors.EVENT_READ)
            while not self.has_ended() and time.monotonic() < deadline:
                selector.select(LOOK_AGAIN_S)
        if self.status is None:
            processes.signal_process(self.pid, signals.SIGKILL)
            self.reap()

    def reap(self) -> None:
        """Wait until the process has ended."""
        self.status = self._wait(self.pid)

    def last_output(self) -> str:
        """Return the end of what it wrote to stderr, and the beginning of what faulthandler wrote: the last frames."""
        parts = [os.pread(file, MAX_OUTPUT, max(0, os.fstat(file).st_size - MAX_OUTPUT)) for file in self._captured]
        parts.append(os.pread(self._dump.fileno(), MAX_OUTPUT, 0))
        return "\n".join(part.decode(errors="replace").strip() for part in parts if part)

    def close(self) -> None:
        """Close everything; the process must have been waited for."""
        for descriptor in self._captured:
            os.close(descriptor)
        self.forget()


def opened_end(number: int, name: str, descriptors: Sequence[int], memory: int) -> WorkerEnd:
    """Return the end of a worker that was given these descriptors."""
    link, dump, queue = descriptors
    return WorkerEnd(number, name, WorkQueue(queue), RingBuffer(descriptor=memory), socket.socket(fileno=link), dump)


def _moved(end: socket.socket) -> socket.socket:
    return socket.socket(fileno=stdio.move_away(end.detach()))
