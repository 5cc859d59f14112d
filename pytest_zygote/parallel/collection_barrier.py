"""Workers that collect by themselves run no test before all have collected the same, as with pytest-xdist.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.fork_point import difference
from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.parallel import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_zygote.parallel.event_wait import EventWait
    from pytest_zygote.parallel.worker_handle import WorkerHandle

RUN_PROCESS = "the run process"


class WorkerLost(ZygoteError):  # noqa: N818 - a state of the world, not a mistake
    """A worker that was to collect by itself has ended before; no test has run."""


class DifferentCollections(ZygoteError):  # noqa: N818 - the tests' mistake
    """Workers that collect by themselves have collected different tests; none has run."""

    def __init__(self, worker: str, text: str) -> None:
        """Have a worker, and the difference."""
        super().__init__(text)
        self.worker = worker


class CollectionBarrier:
    """Compares what workers have collected, and lets them begin."""

    def __init__(self, expected: Sequence[str], handle: Callable[[WorkerHandle, messages.WorkerMessage], None]) -> None:
        """Have compared nothing yet.

        Args:
            expected: ids of the tests that this process has collected.
            handle: called with what else workers send.
        """
        self._expected = expected
        self._handle = handle

    def wait(self, workers: Collection[WorkerHandle], event_wait: EventWait) -> None:
        """Wait until all have collected; let them begin.

        Raises:
            WorkerLost: one has ended before.
            DifferentCollections: one has collected other tests than another, or than this process.
        """
        collections: dict[str, Sequence[str]] = {}
        waiting = list(workers)
        while waiting:
            event_wait.wait(waiting, None)
            for worker in tuple(waiting):
                found = self._collected(worker)
                if found is not None:
                    collections[worker.name] = found
                    waiting.remove(worker)
        # In the workers' order, not in that in which they were ready: the same message in each run.
        ordered = {worker.name: collections[worker.name] for worker in workers}
        name, text = difference({**ordered, RUN_PROCESS: self._expected})
        if name:
            raise DifferentCollections(name, text)
        for worker in workers:
            worker.send(messages.CollectionReply(is_accepted=True))

    def _collected(self, worker: WorkerHandle) -> Sequence[str] | None:
        """Return what a worker has collected; None if it has not yet."""
        received, may_be_dead = worker.receive(is_ready=True)
        for message in received:
            if not isinstance(message, messages.Collected):
                self._handle(worker, message)
            elif message.error:
                raise DifferentCollections(worker.name, message.error)
            else:
                return message.ids
        if may_be_dead or worker.has_ended():
            raise WorkerLost(f"{worker.name} has ended before it had collected the tests")
        return None

    def accept(self, worker: WorkerHandle, collected: messages.Collected) -> str:
        """Let a worker begin that replaces another one, if it has collected the same; return what is wrong."""
        text = collected.error or difference({RUN_PROCESS: self._expected, worker.name: collected.ids})[1]
        worker.send(messages.CollectionReply(is_accepted=not text))
        return text
