"""How the run process waits for its workers: in large steps while they tell much, asleep while they do not.

Each look takes a processor from a worker, and costs more than a test that takes no time. So what
comes within some milliseconds is handled together, and who wants to be heard at once sends a word.
When nothing came, the run process sleeps, and whoever tells something next wakes it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

from pytest_zygote.parallel.worker_handle import LOOK_AGAIN_S

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_zygote.parallel.shared_flags import SharedFlags
    from pytest_zygote.parallel.worker_handle import WorkerHandle

GATHER_S = 0.02
"""What comes within this time is handled together."""
DOZE_S = 0.02
"""After this time all processes have seen that this one sleeps, and what was told before they did is there."""


class EventWait:
    """Waits for workers.

    Attributes:
        is_busy: whether the last look has found something, so that more is likely to come.
    """

    def __init__(self, board: SharedFlags) -> None:
        """Wait for nobody yet."""
        self._board = board
        self._selector = selectors.DefaultSelector()
        self.is_busy = False

    def add(self, member: WorkerHandle) -> None:
        """Hear a worker, and of its end."""
        self._selector.register(member, selectors.EVENT_READ, member)
        if member.descriptor >= 0:
            self._selector.register(member.descriptor, selectors.EVENT_READ, member)

    def remove(self, member: WorkerHandle) -> None:
        """Hear it no longer."""
        self._selector.unregister(member)
        if member.descriptor >= 0:
            self._selector.unregister(member.descriptor)

    def close(self) -> None:
        """Hear nobody any more."""
        self._selector.close()

    def wait(self, members: Collection[WorkerHandle], timeout_s: float | None) -> set[object]:
        """Wait until workers have told something; return those that call, or have ended."""
        if self.is_busy:
            return self._called(GATHER_S)
        if any(member.descriptor < 0 for member in members):
            timeout_s = LOOK_AGAIN_S if timeout_s is None else min(LOOK_AGAIN_S, timeout_s)
        self._board.sleep()
        try:
            for wait_s in (DOZE_S if timeout_s is None else min(DOZE_S, timeout_s), timeout_s):
                if any(member.tape.has_news for member in members):
                    break
                called = self._called(wait_s)
                if called:
                    return called
        finally:
            self._board.wake()
        return set()

    def _called(self, timeout_s: float | None) -> set[object]:
        return {key.data for key, _ in self._selector.select(timeout_s)}
