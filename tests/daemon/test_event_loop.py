"""The loop: sources, timers, and the end of a round."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.daemon.event_loop import EventLoop

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipe:
    """A source with data."""

    def __init__(self) -> None:
        """Be readable."""
        self.descriptor, self._end = os.pipe()
        os.write(self._end, b"x")

    def fileno(self) -> int:
        """Return the end that can be read."""
        return self.descriptor

    def close(self) -> None:
        """Close both ends."""
        os.close(self.descriptor)
        os.close(self._end)


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def run(loop: EventLoop) -> int:
    """Run a loop; return how many rounds it had."""
    rounds: list[None] = []
    loop.run(lambda: rounds.append(None))
    return len(rounds)


def test_source_that_can_be_read_has_its_action_called(pipe: Pipe) -> None:
    """And the round ends with settling."""
    loop = EventLoop()
    loop.watch(pipe, loop.stop)
    assert run(loop) == 1


def test_timers_fire_in_the_order_of_their_times() -> None:
    """Those of one time in the order in which they were made."""
    loop, fired = EventLoop(), []
    loop.after(0, lambda: fired.append("first"))
    loop.after(0, lambda: fired.append("second"))
    loop.after(0, loop.stop)
    run(loop)
    assert fired == ["first", "second"]


def test_cancelled_timer_does_nothing() -> None:
    """Nor does the loop wait for it."""
    loop, fired = EventLoop(), []
    timer = loop.after(0, lambda: fired.append("cancelled"))
    timer.cancel()
    timer.fire()
    loop.after(0, loop.stop)
    run(loop)
    assert not fired
    assert not timer.is_pending


def test_source_that_is_forgotten_is_not_read(pipe: Pipe) -> None:
    """It may be forgotten twice, and after it was closed."""
    loop, called = EventLoop(), []
    loop.watch(pipe, lambda: called.append("read"))
    loop.forget(pipe)
    loop.forget(pipe)
    loop.after(0, loop.stop)
    run(loop)
    assert not called


def test_source_that_an_earlier_action_forgot_is_not_read_in_that_round(pipe: Pipe) -> None:
    """Its descriptor may be closed, or another's by then."""
    loop, other, called = EventLoop(), Pipe(), []

    def read(mine: Pipe, others: Pipe) -> None:
        called.append(mine)
        loop.forget(others)
        loop.stop()

    loop.watch(pipe, lambda: read(pipe, other))
    loop.watch(other, lambda: read(other, pipe))
    run(loop)
    other.close()
    assert len(called) == 1


def test_loop_without_timers_waits_for_sources_alone(pipe: Pipe) -> None:
    """The clock only moves forward."""
    loop = EventLoop()
    before = loop.now
    loop.watch(pipe, loop.stop)
    run(loop)
    assert loop.now >= before
