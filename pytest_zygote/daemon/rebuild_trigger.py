"""Does the work of the next run when files change, not when it is asked for.

An event only wakes the daemon, which then looks at the files as it does for a run. A lost event
costs the next run its time, never its truth. Where there are no events, it looks every few seconds.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.cli.daemon_options import ignored_globs
from pytest_zygote.daemon.events import FilesChanged, FilesPolled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.adapters.system.file_watcher import FileWatcher
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.daemon.event_loop import EventLoop, Timer
    from pytest_zygote.daemon.events import EventQueue

log = logging.getLogger("pytest_zygote")

START_S = 0.5
"""The watcher starts so long after the daemon: its imports would delay the first run."""

DEBOUNCE_S = 0.05
"""An editor saves with several events, and several files."""

PATIENCE_S = 1.0
"""How long a run that is going on has the processors for itself: after a save, the user mostly waits for that run."""

POLL_S = 2.0
"""How often to look where there are no events; the user's throttle multiplies it."""

SHARE = 20
"""Looking at all files takes at most one part in so many of the daemon's time, however many events come."""


class Watching(NamedTuple):
    """How files are watched.

    Attributes:
        ignored: globs of files whose events do not matter.
        uses_events: whether to ask the system for events, or to look at the files now and then.
        throttle: multiplies the pause between two looks.
    """

    ignored: tuple[str, ...]
    uses_events: bool
    throttle: float


def make_watcher(root: str, ignored: tuple[str, ...]) -> FileWatcher:
    """Return a watcher of a folder; what it imports would delay the daemon's start."""
    from pytest_zygote.adapters.system.file_watcher import FileWatcher

    return FileWatcher(root, ignored)


class RebuildTrigger:
    """Appends an event soon after files have changed."""

    def __init__(
        self,
        loop: EventLoop,
        root: str,
        queue: EventQueue,
        make_watcher: Callable[[str, tuple[str, ...]], FileWatcher] = make_watcher,
    ) -> None:
        """Do nothing before `configure` and `start`."""
        self._loop = loop
        self._root = root
        self._queue = queue
        self._make_watcher = make_watcher
        self._watching = Watching((), uses_events=True, throttle=1.0)
        self._watcher: FileWatcher | None = None
        self._polling = ""
        self._poll_timer: Timer | None = None
        self._is_due = False
        self._not_before = 0.0
        self._not_after = 0.0

    def configure(self, settings: Settings) -> None:
        """Watch as the user wants; a watcher that goes by other settings is replaced."""
        watching = Watching(
            ignored_globs(settings),
            uses_events=settings.switch("--daemon-use-os-events"),
            throttle=settings.factor("--daemon-poll-throttle"),
        )
        if watching != self._watching:
            self._watching = watching
            if self._watcher is not None or self._polling:
                self.stop()
                self._start()

    def start(self) -> None:
        """Watch, as soon as nothing else is to do."""
        self._loop.after(START_S, self._start)

    def _start(self) -> None:
        if not self._watching.uses_events:
            self._start_to_poll("as asked for")
            return
        self._watcher = self._make_watcher(self._root, self._watching.ignored)
        self._loop.watch(self._watcher, self._wake)
        self._watcher.start()

    # With events

    def _wake(self) -> None:
        if self._watcher is None or not self._watcher.read():
            return
        if not self._watcher.must_poll:
            self.trigger()
        elif not self._polling:  # events that came before it gave up may be read after that
            self._start_to_poll(self._watcher.state)

    def trigger(self) -> None:
        """Append `FilesChanged` soon; once, however many files have changed until then."""
        if not self._is_due:
            self._is_due = True
            self._not_after = self._loop.now + PATIENCE_S
            self._append_after(max(DEBOUNCE_S, self._not_before - self._loop.now))

    def _append_after(self, delay_s: float) -> None:
        self._loop.after(delay_s, lambda: self._queue.append(FilesChanged()))

    def postpone(self, *, is_busy: bool) -> bool:
        """Return whether the event must come again a little later, because a run has the processors."""
        if is_busy and self._loop.now < self._not_after:
            self._append_after(DEBOUNCE_S)
            return True
        self._is_due = False
        return False

    def on_refreshed(self, started: float) -> None:
        """Note how long it took to look at all files: the next time comes so much later."""
        now = self._loop.now
        self._not_before = now + SHARE * (now - started)

    # Without events

    def _start_to_poll(self, reason: str) -> None:
        pause_s = POLL_S * self._watching.throttle
        self._polling = f"looking at all files every {pause_s:g} s ({reason})"
        log.info(self._polling)
        self._poll_after(pause_s)

    def _poll_after(self, delay_s: float) -> None:
        self._poll_timer = self._loop.after(delay_s, lambda: self._queue.append(FilesPolled()))

    def on_polled(self, started: float) -> None:
        """Poll again, the later the longer it took."""
        if self._polling:
            self._poll_after(max(POLL_S * self._watching.throttle, SHARE * (self._loop.now - started)))

    def stop(self) -> None:
        """Watch no longer."""
        if self._watcher is not None:
            self._loop.forget(self._watcher)
            self._watcher.stop()
            self._watcher = None
        if self._poll_timer is not None:
            self._poll_timer.cancel()
        self._polling = ""

    @property
    def state(self) -> str:
        """What is watched, or why nothing is, for the status."""
        return self._polling or ("not watching" if self._watcher is None else self._watcher.state)
