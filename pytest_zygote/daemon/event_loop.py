"""One wait for everything: descriptors and the clock.

All times of the daemon are timers of this loop; nothing else in it waits.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Source(Protocol):
    """What can be waited for."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Timer:
    """An action that is due at a time, unless it is cancelled before."""

    def __init__(self, action: Callable[[], None]) -> None:
        """Be pending."""
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Do nothing when the time comes."""
        self._action = None

    @property
    def is_pending(self) -> bool:
        """Whether it will still act."""
        return self._action is not None

    def fire(self) -> None:
        """Act, once."""
        action, self._action = self._action, None
        if action is not None:
            action()


class EventLoop:
    """Calls actions when their source can be read or their time has come."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._selector = selectors.DefaultSelector()
        self._actions: dict[Source, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopped = False

    @property
    def now(self) -> float:
        """The time that all timers go by, in seconds since some moment."""
        return time.monotonic()

    def watch(self, source: Source, action: Callable[[], None]) -> None:
        """Call an action whenever a source can be read."""
        self._selector.register(source, selectors.EVENT_READ)
        self._actions[source] = action

    def forget(self, source: Source) -> None:
        """Wait no longer for a source; nothing happens if it is not watched."""
        if self._actions.pop(source, None) is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(source)

    def after(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Call an action once, after a delay."""
        timer = Timer(action)
        heapq.heappush(self._timers, (self.now + delay_s, next(self._order), timer))
        return timer

    def stop(self) -> None:
        """Return from `run` when the current round is over."""
        self._stopped = True

    def run(self, settle: Callable[[], None]) -> None:
        """Serve until stopped; `settle` is called at the end of each round."""
        while not self._stopped:
            for key, _ in self._selector.select(self._timeout_s()):
                action = self._actions.get(key.fileobj)  # type: ignore[arg-type]  # what `watch` registered
                if action is not None:  # else an earlier action of this round closed it
                    action()
            self._fire()
            settle()

    def _timeout_s(self) -> float | None:
        while self._timers and not self._timers[0][2].is_pending:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self.now) if self._timers else None

    def _fire(self) -> None:
        now = self.now
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2].fire()
