"""How the controller waits, with workers that are pipes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.parallel.event_wait import EventWait
from pytest_zygote.parallel.ring_buffer import RingBuffer
from pytest_zygote.parallel.shared_flags import SharedFlags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.parallel.worker_handle import WorkerHandle


class Worker:
    """A worker that is two pipes and a ring."""

    def __init__(self, *, has_pid_descriptor: bool = True) -> None:
        """Open them."""
        self._read, self._write = os.pipe()
        self.pid_descriptor, self._end = os.pipe() if has_pid_descriptor else (-1, -1)
        self.ring = RingBuffer(64)

    def fileno(self) -> int:
        """Return the descriptor on which it wakes the controller."""
        return self._read

    def wake(self) -> None:
        """Write to the socket."""
        os.write(self._write, b".")

    def end(self) -> None:
        """Let the process end."""
        os.write(self._end, b".")

    def close(self) -> None:
        """Close everything."""
        for descriptor in (self._read, self._write, self.pid_descriptor, self._end):
            if descriptor >= 0:
                os.close(descriptor)
        self.ring.close()

    @property
    def handle(self) -> WorkerHandle:
        """This worker, as the controller has it."""
        return cast("WorkerHandle", self)


class Wait:
    """A wait for one worker.

    Attributes:
        was_asleep: whether the flag was set while it waited.
    """

    def __init__(self, worker: Worker) -> None:
        """Wait for it."""
        self.flags = SharedFlags(0, 1)
        self.event_wait = EventWait(self.flags)
        self.event_wait.add(worker.handle)
        self.worker = worker

    def wait(self, timeout_s: float | None) -> set[object]:
        """Wait."""
        return self.event_wait.wait([self.worker.handle], timeout_s)

    def close(self) -> None:
        """Close everything."""
        self.event_wait.remove(self.worker.handle)
        self.event_wait.close()
        self.flags.close()
        self.worker.close()


@pytest.fixture(params=[True, False], ids=["pidfd", "no_pidfd"])
def waiting(request: pytest.FixtureRequest) -> Iterator[Wait]:
    """A wait for a worker, on systems of both kinds."""
    made = Wait(Worker(has_pid_descriptor=request.param))
    yield made
    made.close()


def test_a_worker_that_has_written_to_its_socket_is_ready(waiting: Wait) -> None:
    """At once."""
    waiting.worker.wake()
    assert waiting.wait(None) == {waiting.worker}
    assert not waiting.flags.is_asleep


def test_what_is_in_the_ring_ends_the_wait(waiting: Wait) -> None:
    """Though no worker is named: all are looked at then."""
    waiting.worker.ring.write(b"news")
    assert waiting.wait(None) == set()


def test_nothing_ends_the_wait_but_time(waiting: Wait) -> None:
    """Nobody must wake the controller afterwards."""
    assert waiting.wait(0.0) == set()
    assert not waiting.flags.is_asleep


def test_a_busy_controller_gathers_what_comes(waiting: Wait) -> None:
    """It does not sleep, so workers need not wake it."""
    waiting.event_wait.is_busy = True
    waiting.worker.wake()
    assert waiting.wait(None) == {waiting.worker}


def test_the_end_of_a_process_is_seen() -> None:
    """By its descriptor."""
    waiting = Wait(Worker())
    waiting.worker.end()
    assert waiting.wait(None) == {waiting.worker}
    waiting.close()
