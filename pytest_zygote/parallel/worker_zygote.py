"""A process that is what the run was before any conftest file was imported, and forks workers.

Such a worker configures and collects by itself. It is no child of the run process, so its files are passed to it, and
its zygote waits for it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import tempfile
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

from pytest_zygote.adapters.system import processes, stdio
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.parallel.framing import Frame, FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHUNK = 64 * 1024
DESCRIPTORS = 5
"""What a worker is given: its socket, a file for dumps, its queue, its ring buffer, and the flags of the run."""
NAME = "zygote_worker_zygote"


class WorkerOrder(NamedTuple):
    """Fork a worker; its descriptors come along.

    Attributes:
        number: of the worker.
        workerinput: what plugins give to it.
        environ: what it finds in its environment when it begins to configure.
        basetemp: its folder for temporary files; '' for none.
        max_failures: at which no test of the run may begin any more.
        tests: how many the run process has collected.
        own_fixtures: shared fixtures that it sets up itself, each by its base id and its name.
    """

    number: int
    workerinput: dict[str, object]
    environ: dict[str, str]
    basetemp: str
    max_failures: int
    tests: int
    own_fixtures: frozenset[tuple[str, str]]


class WaitOrder(NamedTuple):
    """Answer how a worker has ended: the exit code, or the negative number of a signal.

    Attributes:
        pid: of the worker.
        nohang: answer None if it still runs.
    """

    pid: int
    nohang: bool


Order: TypeAlias = WorkerOrder | WaitOrder

if TYPE_CHECKING:
    BeWorker: TypeAlias = Callable[[WorkerOrder, list[int]], int]
    """What a worker is to do, with its descriptors; returns its exit code."""


class WorkerZygote:
    """The run process's side."""

    def __init__(self, be_worker: BeWorker) -> None:
        """Fork the zygote, whose workers will do this."""
        ours, theirs = socket.socketpair()
        self._socket = socket.socket(fileno=stdio.move_away(ours.detach()))
        self._frames = FrameReader()
        self._owner = os.getpid()

        def serve() -> int:
            self._socket.close()
            return _serve(theirs, be_worker)

        self._pid = processes.fork_among_threads(serve)
        theirs.close()

    @property
    def is_ready(self) -> bool:
        """Whether this process may ask for workers: a fork of the one that made the zygote may not."""
        return bool(self._pid) and os.getpid() == self._owner

    def fork(self, order: WorkerOrder, descriptors: Sequence[int]) -> int:
        """Return the process of a new worker."""
        answer = self._ask(order, descriptors)
        if answer is None:
            raise RemoteProtocolError("a worker was asked for, and none was forked")
        return answer

    def wait(self, pid: int, *, nohang: bool = False) -> int | None:
        """Return how a worker has ended, as `processes.wait` does."""
        return self._ask(WaitOrder(pid, nohang))

    def _ask(self, order: Order, descriptors: Sequence[int] = ()) -> int | None:
        data = Frame(0, pickle.dumps(order, protocol=5)).to_bytes()
        sent = socket.send_fds(self._socket, [data], list(descriptors)) if descriptors else 0
        self._socket.sendall(data[sent:])
        while received := self._socket.recv(CHUNK):
            for frame in self._frames.receive(received):
                answer: int | None = pickle.loads(frame.payload)  # noqa: S301 - a fork of this process wrote it
                return answer
        raise RemoteProtocolError("the process that forks workers is gone")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """End it: no worker is left."""
        self.close()

    def close(self) -> None:
        """Let the zygote end, and wait for that."""
        if self.is_ready:
            with contextlib.suppress(OSError):  # it is gone
                self._socket.shutdown(socket.SHUT_RDWR)  # processes that tests have started may hold a copy
            self._socket.close()
            processes.wait(self._pid)
            self._pid = 0


def open_memory(size: int) -> int:
    """Return the descriptor of memory that can be shared with processes that are no forks of this one."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("zygote-worker")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return stdio.move_away(descriptor)


def _serve(link: socket.socket, be_worker: BeWorker) -> int:
    """Be the zygote, until the run process closes its end."""
    processes.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    frames = FrameReader()
    descriptors: list[int] = []
    while True:
        data, received, _, _ = socket.recv_fds(link, CHUNK, DESCRIPTORS)
        descriptors += received
        if not data:
            return 0
        for frame in frames.receive(data):
            order: Order = pickle.loads(frame.payload)  # noqa: S301 - the process that forked us wrote it
            answer = _obey(order, link, descriptors, be_worker)
            link.sendall(Frame(0, pickle.dumps(answer)).to_bytes())
            descriptors.clear()


def _obey(order: Order, link: socket.socket, descriptors: list[int], be_worker: BeWorker) -> int | None:
    match order:
        case WaitOrder(pid, nohang):
            return processes.wait(pid, nohang=nohang)
        case WorkerOrder():
            pid = processes.fork_among_threads(lambda: _become_worker(order, link, list(descriptors), be_worker))
            for descriptor in descriptors:
                os.close(descriptor)
            return pid


def _become_worker(order: WorkerOrder, link: socket.socket, descriptors: list[int], be_worker: BeWorker) -> int:
    link.close()
    processes.die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return be_worker(order, descriptors)
