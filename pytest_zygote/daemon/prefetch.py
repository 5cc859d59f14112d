"""Does the work of the next run when files change, not when it is asked for.

An event only wakes the daemon, which then looks at the files as it does for a run. A lost event
costs the next run its time, never its truth.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.adapters.watching import Watcher
    from pytest_zygote.daemon.loop import Loop

START_S = 0.5
"""The watcher starts so long after the daemon: its imports would delay the first run."""

DEBOUNCE_S = 0.05
"""An editor saves with several events, and several files."""

SHARE = 20
"""Looking at all files takes at most one part in so many of the daemon's time, however many events come."""


class Prefetch:
    """Calls an action soon after files have changed."""

    def __init__(self, loop: Loop, root: str, ignored: tuple[str, ...], refresh: Callable[[], None]) -> None:
        """Do nothing before `start`."""
        self._loop = loop
        self._root = root
        self._ignored = ignored
        self._refresh = refresh
        self._watcher: Watcher | None = None
        self._is_due = False
        self._not_before = 0.0

    def start(self) -> None:
        """Watch, as soon as nothing else is to do."""
        self._loop.after(START_S, self._start)

    def _start(self) -> None:
        from pytest_zygote.adapters.watching import Watcher

        self._watcher = Watcher(self._root, self._ignored)
        self._loop.watch(self._watcher, self._wake)
        self._watcher.start()

    def _wake(self) -> None:
        if self._watcher is not None and self._watcher.read() and not self._is_due:
            self._is_due = True
            self._loop.after(max(DEBOUNCE_S, self._not_before - time.monotonic()), self._look)

    def _look(self) -> None:
        self._is_due = False
        started = time.monotonic()
        self._refresh()
        ended = time.monotonic()
        self._not_before = ended + SHARE * (ended - started)

    def stop(self) -> None:
        """Watch no longer."""
        if self._watcher is not None:
            self._watcher.stop()

    @property
    def state(self) -> str:
        """What is watched, or why nothing is, for the status."""
        return "not watching" if self._watcher is None else self._watcher.state
