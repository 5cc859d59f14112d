"""Does the work of the next run when files change, not when it is asked for.

An event only wakes the daemon, which then looks at the files as it does for a run. A lost event
costs the next run its time, never its truth. Where there are no events, it looks every few seconds.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.adapters.system.file_watcher import FileWatcher
    from pytest_zygote.daemon.event_loop import EventLoop

log = logging.getLogger("pytest_zygote")

START_S = 0.5
"""The watcher starts so long after the daemon: its imports would delay the first run."""

DEBOUNCE_S = 0.05
"""An editor saves with several events, and several files."""

PATIENCE_S = 1.0
"""A run that is going on has the processors so long: who has just saved mostly waits for it."""

POLL_S = 2.0
"""How often to look where there are no events; the user's throttle multiplies it."""

SHARE = 20
"""Looking at all files takes at most one part in so many of the daemon's time, however many events come."""


class Watching(NamedTuple):
    """What to watch, and how.

    Attributes:
        root: the folder.
        ignored: globs of files whose events do not matter.
        uses_events: whether to ask the system for events, or to look at the files now and then.
        throttle: multiplies the pause between two looks.
    """

    root: str
    ignored: tuple[str, ...]
    uses_events: bool
    throttle: float


class RebuildTrigger:
    """Calls an action soon after files have changed."""

    def __init__(
        self,
        loop: EventLoop,
        watching: Watching,
        refresh: Callable[[], None],
        look: Callable[[], bool],
        is_busy: Callable[[], bool],
    ) -> None:
        """Do nothing before `start`.

        Args:
            loop: the daemon's.
            watching: what to watch, and how.
            refresh: builds or patches what has changed.
            look: tells whether anything has.
            is_busy: tells whether a run is going on.
        """
        self._loop = loop
        self._watching = watching
        self._refresh = refresh
        self._look = look
        self._is_busy = is_busy
        self._watcher: FileWatcher | None = None
        self._polling = ""
        self._is_due = False
        self._not_before = 0.0
        self._not_after = 0.0

    def start(self) -> None:
        """Watch, as soon as nothing else is to do."""
        self._loop.after(START_S, self._start)

    def _start(self) -> None:
        if not self._watching.uses_events:
            self._start_to_poll("as asked for")
            return
        from pytest_zygote.adapters.system.file_watcher import FileWatcher

        self._watcher = FileWatcher(self._watching.root, self._watching.ignored)
        self._loop.watch(self._watcher, self._wake)
        self._watcher.start()

    def _wake(self) -> None:
        if self._watcher is None or not self._watcher.read():
            return
        if self._watcher.must_poll:
            self._start_to_poll(self._watcher.state)
        elif not self._is_due:
            self._is_due = True
            self._not_after = time.monotonic() + PATIENCE_S
            self._loop.after(max(DEBOUNCE_S, self._not_before - time.monotonic()), self._act)

    def _act(self) -> None:
        started = time.monotonic()
        if started < self._not_after and self._is_busy():
            self._loop.after(DEBOUNCE_S, self._act)
            return
        self._is_due = False
        self._refresh()
        ended = time.monotonic()
        self._not_before = ended + SHARE * (ended - started)

    def _start_to_poll(self, reason: str) -> None:
        pause_s = POLL_S * self._watching.throttle
        self._polling = f"looking at all files every {pause_s:g} s ({reason})"
        log.info(self._polling)
        self._loop.after(pause_s, self._poll)

    def _poll(self) -> None:
        started = time.monotonic()
        if self._look():
            self._refresh()
        took_s = time.monotonic() - started
        self._loop.after(max(POLL_S * self._watching.throttle, SHARE * took_s), self._poll)

    def stop(self) -> None:
        """Watch no longer."""
        if self._watcher is not None:
            self._watcher.stop()

    @property
    def state(self) -> str:
        """What is watched, or why nothing is, for the status."""
        return self._polling or ("not watching" if self._watcher is None else self._watcher.state)
