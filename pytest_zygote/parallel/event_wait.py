"""How the controller waits for its workers: in large steps while they send much, asleep while they do not.

Each look takes a processor from a worker, and costs more than a test that takes no time. So what comes within some
milliseconds is handled together, and a worker with something urgent writes to its socket. When nothing has come, the
controller sleeps, and the worker that sends something next wakes it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

from pytest_zygote.parallel.worker_handle import LOOK_AGAIN_S

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_zygote.parallel.feed import Feed
    from pytest_zygote.parallel.shared_flags import SharedFlags
    from pytest_zygote.parallel.worker_handle import WorkerHandle

GATHER_S = 0.02
"""What comes within this time is handled together."""
DOZE_S = 0.02
"""After this time every process has seen that this one sleeps, and what was written before is visible."""


class EventWait:
    """Waits for workers.

    Attributes:
        is_busy: whether the last look has found something, so that more is likely to come.
    """

    def __init__(self, flags: SharedFlags, feed: Feed | None = None) -> None:
        """Wait for no worker yet, and for what comes from outside."""
        self._flags = flags
        self._selector = selectors.DefaultSelector()
        if feed is not None:
            self._selector.register(feed, selectors.EVENT_READ, feed)
        self.is_busy = False

    def add(self, worker: WorkerHandle) -> None:
        """Wait for what a worker sends, and for its end."""
        self._selector.register(worker, selectors.EVENT_READ, worker)
        if worker.pid_descriptor >= 0:
            self._selector.register(worker.pid_descriptor, selectors.EVENT_READ, worker)

    def remove(self, worker: WorkerHandle) -> None:
        """Wait for it no longer."""
        self._selector.unregister(worker)
        if worker.pid_descriptor >= 0:
            self._selector.unregister(worker.pid_descriptor)

    def close(self) -> None:
        """Wait for no worker any more."""
        self._selector.close()

    def wait(self, workers: Collection[WorkerHandle], timeout_s: float | None) -> set[object]:
        """Wait until workers have sent something; return those that have written to their sockets, or have ended."""
        if self.is_busy:
            return self._ready(GATHER_S)
        if any(worker.pid_descriptor < 0 for worker in workers):
            timeout_s = LOOK_AGAIN_S if timeout_s is None else min(LOOK_AGAIN_S, timeout_s)
        self._flags.sleep()
        try:
            for wait_s in (DOZE_S if timeout_s is None else min(DOZE_S, timeout_s), timeout_s):
                if any(worker.ring.has_news for worker in workers):
                    break
                ready = self._ready(wait_s)
                if ready:
                    return ready
        finally:
            self._flags.wake()
        return set()

    def _ready(self, timeout_s: float | None) -> set[object]:
        return {key.data for key, _ in self._selector.select(timeout_s)}
