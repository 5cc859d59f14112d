"""The queue of a worker, whose ends are both in this process here."""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel.work_queue import DEFAULT_CAPACITY, END, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def queue() -> Iterator[WorkQueue]:
    """An empty queue."""
    made = WorkQueue()
    yield made
    made.close()


def test_tests_are_popped_in_their_order(queue: WorkQueue) -> None:
    """An empty queue gives none."""
    queue.put([3, 1])
    queue.put([2, END])
    assert queue.has_items()
    assert [queue.pop() for _ in range(5)] == [3, 1, 2, END, None]
    assert not queue.has_items()


def test_draining_returns_what_was_not_popped(queue: WorkQueue) -> None:
    """Without the end, which is no test."""
    queue.put([1, 2, 3, END])
    assert queue.wait_and_pop() == 1
    assert queue.drain() == [2, 3]
    assert queue.drain() == []


def test_many_tests_fit(queue: WorkQueue) -> None:
    """More than a pipe holds as the system makes it."""
    items = list(range(2 * DEFAULT_CAPACITY))
    queue.put(items)
    assert queue.drain() == items


def test_tests_that_do_not_fit_follow_when_there_is_room(queue: WorkQueue) -> None:
    """The system makes small pipes for a user who has many; what was not written must not be lost."""
    fcntl.fcntl(queue._write, fcntl.F_SETPIPE_SZ, 4096)  # noqa: SLF001 - no other way to a small pipe
    items = [*range(5_000), END]
    queue.put(items)
    popped = [queue.pop() for _ in range(1024)]
    assert queue.pop() is None
    assert queue.refill()
    assert [*popped, queue.pop()] == items[:1025]
    assert queue.drain() == items[1025:-1]
    assert not queue.refill()


def test_nothing_follows_when_the_parent_is_gone() -> None:
    """The worker sees it by the pipe."""
    queue = WorkQueue()
    queue.put([7])
    queue.close_writing_end()
    assert [queue.pop(), queue.wait_and_pop()] == [7, END]
    with contextlib.suppress(OSError):  # the writing end is closed
        queue.close()
