"""What happens to the workers of a run, and what is then to be done: the two vocabularies of `WorkerPool`.

A worker is named by its number. Numbers are never used again: who replaces a dead worker has a new one.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class RunStarted(NamedTuple):
    """Tests are collected, and may begin."""


class ItemStarted(NamedTuple):
    """A worker has begun a test. Workers send this themselves, as they do the next three."""

    worker: int
    item: int


class ItemFinished(NamedTuple):
    """A worker has finished a test.

    Attributes:
        worker: its number.
        item: index of the test.
        seconds: what it took, without the fixtures that others share with it.
        fixtures_s: what it took to set those up.
    """

    worker: int
    item: int
    seconds: float
    fixtures_s: float


class QueueEmpty(NamedTuple):
    """A worker has nothing to run after a test, and waits.

    Attributes:
        worker: its number.
        item: the test that it is about to finish: its teardown waits too, for it must know which test comes next.
    """

    worker: int
    item: int


class WorkerFinished(NamedTuple):
    """A worker has torn everything down, and ends in its own time."""

    worker: int


class WorkerOutgrown(NamedTuple):
    """A worker ends after a test, because it has too much memory; another one is to take its place.

    Attributes:
        worker: its number.
        test: id of the last test that it ran.
        excess: what it has, and what the limit is.
    """

    worker: int
    test: str
    excess: str


class WorkerExited(NamedTuple):
    """The process of a worker has ended.

    Attributes:
        worker: its number.
        unbegun: what was left in its queue.
        is_killed: whether SIGKILL has ended it.
    """

    worker: int
    unbegun: tuple[int, ...]
    is_killed: bool = False


class CrashReported(NamedTuple):
    """The test that a worker died of has been reported as failed: the answer to `ReportCrash`.

    Attributes:
        worker: its number.
        item: the test.
        wants_retry: whether a plugin has asked to run the test again.
    """

    worker: int
    item: int
    wants_retry: bool


class QueueDrained(NamedTuple):
    """What was left in a worker's queue has been taken out of it: the answer to `DrainQueue`."""

    worker: int
    items: tuple[int, ...]


class RoundEnded(NamedTuple):
    """All that workers had sent by now has been handled."""


class StopRequested(NamedTuple):
    """No test may begin any more: ``-x``, ``--maxfail``, ``session.shouldstop`` or an internal error."""


class RunInterrupted(NamedTuple):
    """Ctrl-C, or an error in the controller.

    Attributes:
        alive: the workers that have a process; others were about to be started.
    """

    alive: frozenset[int]


WorkerEvent: TypeAlias = (
    ItemStarted | ItemFinished | QueueEmpty | WorkerFinished | WorkerOutgrown | WorkerExited | QueueDrained
)
"""What happens to a worker that is there."""

Event: TypeAlias = WorkerEvent | RoundEnded | RunStarted | CrashReported | StopRequested | RunInterrupted


class StartWorker(NamedTuple):
    """Fork a worker, with these tests in its queue."""

    worker: int
    items: tuple[int, ...]


class Assign(NamedTuple):
    """Append tests to the queue of a worker."""

    worker: int
    items: tuple[int, ...]


class DrainQueue(NamedTuple):
    """Take all tests out of the queue of a worker, and answer with `QueueDrained` before anything else."""

    worker: int


class EndQueue(NamedTuple):
    """Let a worker know that no test follows."""

    worker: int


class StopTests(NamedTuple):
    """Have all workers see that no test may begin any more, whatever is in their queues."""


class ReportNodeDown(NamedTuple):
    """Let plugins know that a worker is gone; the error is '' if it ended as it should."""

    worker: int
    error: str


class ReportCrash(NamedTuple):
    """Fail the test that a worker died of, and answer with `CrashReported`."""

    worker: int
    item: int


class ReportRetry(NamedTuple):
    """Let the user know that the test of a killed worker runs once more."""

    worker: int
    item: int


class PrintLine(NamedTuple):
    """Show a line to the user."""

    text: str


class InterruptWorkers(NamedTuple):
    """Send Ctrl-C to all workers: they tear down what they have set up."""


class KillWorkers(NamedTuple):
    """Kill all workers, and forget them."""


Action: TypeAlias = (
    Assign
    | StartWorker
    | DrainQueue
    | EndQueue
    | StopTests
    | ReportNodeDown
    | ReportCrash
    | ReportRetry
    | PrintLine
    | InterruptWorkers
    | KillWorkers
)
