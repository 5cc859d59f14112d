"""One worker, as the run process sees it, and as plugins written for pytest-xdist do.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import os
import platform
import selectors
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, signals, stdio
from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel.ring_buffer import RingBuffer
from pytest_zygote.parallel.work_queue import WorkQueue

if TYPE_CHECKING:
    import socket

    import pytest

CHUNK = 256 * 1024
LOOK_AGAIN_S = 0.5
"""Where no descriptor tells of a process's end (macOS), it is asked for this often."""
MOST = 3000
"""Bytes of a dead worker's last words."""


class Platform:
    """Where a worker runs: here."""

    platform = sys.platform
    version_info = sys.version_info
    executable = sys.executable

    def __init__(self) -> None:
        """Note the folder of now."""
        self.cwd = os.getcwd()
        self.version = sys.version


class Spec:
    """How a worker was made: as pytest-xdist's ``popen``, on this machine."""

    popen = True
    chdir = None
    python = None

    def __init__(self, name: str) -> None:
        """Have the name of the worker."""
        self.id = name


class Gateway:
    """The way to a worker, as far as plugins look at it."""

    def __init__(self, name: str) -> None:
        """Have the name of the worker."""
        self.id = name
        self.spec = Spec(name)

    def _rinfo(self) -> Platform:
        return Platform()


class NodeManager:
    """All workers, as far as plugins look at them."""

    roots: tuple[str, ...] = ()

    def __init__(self, testrunuid: str, specs: list[Spec]) -> None:
        """Have the id of the run."""
        self.testrunuid = testrunuid
        self.specs = specs


class Node:
    """What hooks and reports get as ``node``.

    Attributes:
        workerinput: what plugins give to the worker.
        workeroutput: what they give back; only there once the worker has ended well.
    """

    workeroutput: dict[str, object]

    def __init__(self, config: pytest.Config, name: str, count: int, testrunuid: str) -> None:
        """Describe a worker that does not run yet."""
        self.config = config
        self.gateway = Gateway(name)
        self.nodemanager = NodeManager(testrunuid, [self.gateway.spec])
        self.workerinput: dict[str, object] = {
            "workerid": name,
            "workercount": count,
            "testrunuid": testrunuid,
            "mainargv": list(sys.argv),
        }
        self.shutting_down = False
        self.environ = {
            "PYTEST_XDIST_TESTRUNUID": testrunuid,
            "PYTEST_XDIST_WORKER": name,
            "PYTEST_XDIST_WORKER_COUNT": str(count),
        }

    @functools.cached_property
    def workerinfo(self) -> dict[str, object]:
        """What is known of the worker's interpreter; only made if somebody asks, since it may start a program."""
        return {
            "version": sys.version,
            "version_info": tuple(sys.version_info),
            "sysplatform": sys.platform,
            "platform": platform.platform(),
            "executable": sys.executable,
            "cwd": os.getcwd(),
            "id": self.gateway.id,
            "spec": self.gateway.spec,
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.gateway.id}>"


class WorkerHandle:
    """A worker's process and the ways to it.

    Attributes:
        number: of the worker, for the schedule.
        node: for plugins.
        lease: what it is to run.
        tape: what it has told.
        waits_after: the test after which it has nothing to run, and waits to be told; None while it does not wait.
        has_begun: whether it has begun a test.
        is_down: whether it has said that it ends.
        is_over: whether it has done all that it had to do at its end, and holds nothing that others may wait for.
        status: how its process has ended; None while it runs.
    """

    def __init__(self, number: int, node: Node) -> None:
        """Prepare everything but the process."""
        import socket

        self.number = number
        self.node = node
        self.lease = WorkQueue()
        self.waits_after: int | None = None
        self.is_down = self.is_over = False
        self.has_begun = False
        self.status: int | None = None
        self.pid = 0
        self._tests, self._busy_s, self._fixtures_s = 0, 0.0, 0.0
        self.descriptor = -1
        self.tape = RingBuffer()
        self._frames = transfer.Frames()
        self._link, self._far = (_moved(end) for end in socket.socketpair())
        # Inherited as an open file: what the worker writes can be read here after its death.
        self._dump = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the member
        self._words: list[int] = [self._dump.fileno()]

    @property
    def name(self) -> str:
        """Its id, 'gw0' and so on."""
        return self.node.gateway.id

    def started(self, pid: int) -> None:
        """Be the parent of the process."""
        self._far.close()
        self._link.settimeout(0)
        self.pid = pid
        self.descriptor = processes.open_pid(pid)

    def become(self) -> tuple[socket.socket, int]:
        """Be the process: return the way to the parent, and where dumps go."""
        self._link.close()
        self.lease.keep_reading_end()
        return self._far, self._dump.fileno()

    def forget(self) -> None:
        """Be another worker: close what belongs to this one."""
        self.tape.close()
        self.lease.close()
        self._link.close()
        self._dump.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)

    def fileno(self) -> int:
        """Return the descriptor on which its events come."""
        return self._link.fileno()

    def receive(self, *, is_called: bool) -> tuple[list[transfer.Event], bool]:
        """Return the events that have come, and whether it may have died.

        Args:
            is_called: whether it has sent something, or has ended.
        """
        # Before looking at the link: what is on the tape by now comes before what is sent from here on.
        until = self.tape.written
        frames, may_be_dead = self._receive() if is_called else ([], False)
        pieces = self.tape.read(max([until, *(place for place, _ in frames)]))
        pieces += [(place, memoryview(payload)) for place, payload in frames if payload]
        pieces.sort(key=operator.itemgetter(0))
        return [event for _, payload in pieces for event in transfer.unpack_events(payload)], may_be_dead

    def _receive(self) -> tuple[list[tuple[int, bytes]], bool]:
        frames: list[tuple[int, bytes]] = []
        while True:
            try:
                data, descriptors, _, _ = _receive(self._link)
            except BlockingIOError:
                return frames, False
            except ConnectionError:
                return frames, True
            self._words += descriptors
            if not data:
                return frames, True
            frames += self._frames.receive(data)

    def count(self, seconds: float, fixtures_s: float) -> None:
        """Note that it has run a test."""
        self._tests += 1
        self._busy_s += seconds + fixtures_s
        self._fixtures_s += fixtures_s

    def summary(self) -> str:
        """Return one line about what it did."""
        tests = f"{self._tests} test{'s' * (self._tests != 1)}"
        return f"{self.name}: {tests}, {self._busy_s:.2f} s busy, {self._fixtures_s:.2f} s of it in shared set-up"

    def has_ended(self) -> bool:
        """Tell whether the process is over, and collect it."""
        if self.status is None:
            self.status = processes.wait(self.pid, nohang=True)
        return self.status is not None

    def await_end(self, grace_s: float) -> int:
        """Wait for the end of a process that has nothing left to tell, but not for ever; return its status."""
        deadline = time.monotonic() + grace_s
        with selectors.DefaultSelector() as selector:
            if self.descriptor >= 0:
                selector.register(self.descriptor, selectors.EVENT_READ)
            while not self.has_ended() and time.monotonic() < deadline:
                selector.select(LOOK_AGAIN_S)
        if self.status is None:
            processes.signal_process(self.pid, signals.SIGKILL)
            self.status = processes.wait(self.pid)
        return self.status or 0

    def answer(self, value: object) -> None:
        """Send what it has asked for, and waits for."""
        data = transfer.parcel(value)
        self._link.settimeout(None)
        with contextlib.suppress(OSError):  # it is dead, which its descriptor tells
            self._link.sendall(data)
        self._link.settimeout(0)

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr, and the beginning of what faulthandler wrote: the last frames."""
        dump, *captured = self._words
        parts = [os.pread(file, MOST, max(0, os.fstat(file).st_size - MOST)) for file in captured]
        parts.append(os.pread(dump, MOST, 0))
        return "\n".join(part.decode(errors="replace").strip() for part in parts if part)

    def close(self) -> None:
        """Let go of a process that has been waited for."""
        for descriptor in self._words[1:]:
            os.close(descriptor)
        self.forget()


def _moved(end: socket.socket) -> socket.socket:
    import socket

    return socket.socket(fileno=stdio.move_away(end.detach()))


def _receive(link: socket.socket) -> tuple[bytes, list[int], int, object]:
    import socket

    return socket.recv_fds(link, CHUNK, 4, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
