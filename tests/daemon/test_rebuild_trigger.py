"""When the daemon looks at files ahead of the next run."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system.file_watcher import FileWatcher
from pytest_zygote.daemon.events import FilesChanged, FilesPolled
from pytest_zygote.daemon.rebuild_trigger import DEBOUNCE_S, PATIENCE_S, POLL_S, SHARE, START_S, RebuildTrigger
from tests.daemon.fakes import FakeLoop, options

if TYPE_CHECKING:
    from pytest_zygote.daemon.events import EventQueue


class FakeWatcher(FileWatcher):
    """A watcher whose events are the test's."""

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        """Watch nothing."""
        self.ignored = ignored
        self.has_events = True
        self.must_poll = False
        self.state = "watching /project"
        self.is_running = False

    def start(self) -> None:
        """Note it."""
        self.is_running = True

    def stop(self) -> None:
        """Note it."""
        self.is_running = False

    def read(self) -> bool:
        """Return whether an event matters."""
        return self.has_events


class Watched:
    """A trigger with its loop, its events and its watchers."""

    def __init__(self, **values: str) -> None:
        """Start it, with these options."""
        self.loop = FakeLoop()
        self.queue: EventQueue = deque()
        self.watchers: list[FakeWatcher] = []
        self.trigger = RebuildTrigger(self.loop, "/project", self.queue, self._make)
        self.trigger.configure(options(**values).settings)
        self.trigger.start()
        self.loop.advance(START_S)

    def _make(self, root: str, ignored: tuple[str, ...]) -> FakeWatcher:
        assert root == "/project"
        self.watchers.append(FakeWatcher(ignored))
        return self.watchers[-1]

    def wake(self) -> None:
        """Have the watcher report a change."""
        self.loop.actions[self.watchers[-1]]()


def test_several_events_are_one_look() -> None:
    """An editor saves with several events, and several files."""
    watched = Watched(use_os_events="1")
    watched.wake()
    watched.wake()
    watched.loop.advance(DEBOUNCE_S)
    assert [*watched.queue] == [FilesChanged()]


def test_event_that_does_not_matter_is_no_look() -> None:
    """Its file is ignored."""
    watched = Watched(use_os_events="1")
    watched.watchers[0].has_events = False
    watched.wake()
    watched.loop.advance(1)
    assert not watched.queue


def test_run_that_goes_on_has_the_processors_for_a_while() -> None:
    """Whoever has just saved mostly waits for it."""
    watched = Watched(use_os_events="1")
    watched.wake()
    watched.loop.advance(DEBOUNCE_S)
    assert watched.trigger.postpone(is_busy=True)
    watched.loop.advance(PATIENCE_S)
    assert [*watched.queue] == [FilesChanged()] * 2
    assert not watched.trigger.postpone(is_busy=True)


def test_looks_that_take_long_come_rarely() -> None:
    """They have one part in `SHARE` of the daemon's time, however many events come."""
    watched = Watched(use_os_events="1")
    started = watched.loop.now
    watched.loop.advance(2)
    watched.trigger.on_refreshed(started)
    watched.wake()
    watched.loop.advance(2 * SHARE - 1)
    assert not watched.queue
    watched.loop.advance(2)
    assert [*watched.queue] == [FilesChanged()]


def test_files_are_polled_where_the_user_wants_no_events() -> None:
    """Each look is followed by the next, the later the longer it took."""
    watched = Watched(use_os_events="0", poll_throttle="2")
    assert watched.trigger.state == "looking at all files every 4 s (as asked for)"
    watched.loop.advance(2 * POLL_S)
    assert [*watched.queue] == [FilesPolled()]
    watched.trigger.on_polled(watched.loop.now - 1)
    watched.loop.advance(SHARE - 1)
    assert len(watched.queue) == 1
    watched.loop.advance(1)
    assert len(watched.queue) == 2


def test_files_are_polled_where_events_cannot_be_had() -> None:
    """The limit of the system may be reached, and the status says so."""
    watched = Watched(use_os_events="1")
    assert watched.trigger.state == "watching /project"
    watched.watchers[0].must_poll = True
    watched.wake()
    assert watched.trigger.state == "looking at all files every 2 s (watching /project)"
    watched.loop.advance(POLL_S)
    assert [*watched.queue] == [FilesPolled()]


def test_other_globs_replace_the_watcher() -> None:
    """And equal ones do not."""
    watched = Watched(use_os_events="1")
    watched.trigger.configure(options(use_os_events="1").settings)
    assert len(watched.watchers) == 1
    watched.trigger.configure(options(use_os_events="1", ignore_watch_globs="*.log").settings)
    assert [watcher.is_running for watcher in watched.watchers] == [False, True]
    assert watched.watchers[1].ignored == ("*.log",)


def test_poll_that_was_due_is_forgotten_when_events_are_wanted() -> None:
    """Else both would go on."""
    watched = Watched(use_os_events="0")
    watched.trigger.configure(options(use_os_events="1").settings)
    watched.loop.advance(10)
    watched.trigger.on_polled(watched.loop.now)
    watched.loop.advance(10)
    assert not watched.queue
    assert watched.watchers[0].is_running


def test_trigger_that_was_not_started_watches_nothing() -> None:
    """A daemon may be told not to watch."""
    trigger = RebuildTrigger(FakeLoop(), "/project", deque())
    trigger.configure(options(use_os_events="1", ignore_watch_globs="*.log").settings)
    trigger.stop()
    assert trigger.state == "not watching"
