"""The watcher on the real system: what wakes the daemon, what does not, and what it costs."""

from __future__ import annotations

import ctypes
import errno
import os
import select
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_zygote.adapters.system import file_watcher, procfs
from pytest_zygote.adapters.system.file_watcher import FileWatcher
from tests.support.daemon import UNIT_S, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# watchdog 6 sees a folder twice that is made while it looks for new ones, and warns in its own thread.
pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[FileWatcher]:
    """Watch a folder that has a package, and folders that do not matter."""
    for folder in ("app", ".git", "app/__pycache__", ".pytest_cache", "node_modules"):
        (tmp_path / folder).mkdir()
    watcher = FileWatcher(str(tmp_path), ("*.sql",))
    watcher.start()
    eventually(lambda: watcher.state.startswith("watching"), "the watcher has started")
    yield watcher
    watcher.stop()


def is_woken(watcher: FileWatcher, within_s: float = UNIT_S) -> bool:
    """Return whether something changed within a time."""
    return bool(select.select([watcher], [], [], within_s)[0]) and watcher.read()


@pytest.mark.parametrize("path", ["app/models.py", "settings.yaml", "new/folder/module.py", ".env"])
def test_file_that_is_written_wakes(watcher: FileWatcher, tmp_path: Path, path: str) -> None:
    """Sources, data files, and files in new folders count."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("x = 1\n")
    assert is_woken(watcher)


def test_file_that_is_replaced_or_removed_wakes(watcher: FileWatcher, tmp_path: Path) -> None:
    """Editors write another file and rename it."""
    (tmp_path / "app" / "a.tmp").write_text("x = 1\n")
    assert not is_woken(watcher, 0.3)
    (tmp_path / "app" / "a.tmp").rename(tmp_path / "app" / "a.py")
    assert is_woken(watcher)
    eventually(lambda: not is_woken(watcher, 0.2), "it is quiet")
    (tmp_path / "app" / "a.py").unlink()
    assert is_woken(watcher)


@pytest.mark.integration
@pytest.mark.parametrize(
    "path",
    [
        ".git/index",
        "app/__pycache__/models.cpython-312.pyc",
        ".pytest_cache/lastfailed",
        "node_modules/left-pad.js",
        "app/.models.py.swp",
        "app/models.py~",
        "app/4913",
        "app/#models.py#",
        "app/.#models.py",
        ".coverage.host.123",
        "queries.sql",
    ],
)
def test_files_that_do_not_matter_do_not_wake(watcher: FileWatcher, tmp_path: Path, path: str) -> None:
    """Version control, caches, editors' temporary files and the user's own globs are left out."""
    (tmp_path / path).write_text("x")
    (tmp_path / path).unlink()
    assert not is_woken(watcher, 0.3)


@pytest.mark.integration
def test_reading_does_not_wake(watcher: FileWatcher, tmp_path: Path) -> None:
    """A run reads all the files, all the time."""
    (tmp_path / "app" / "a.py").write_text("x = 1\n")
    eventually(lambda: not is_woken(watcher, 0.2), "it is quiet")
    (tmp_path / "app" / "a.py").read_text()
    list((tmp_path / "app").iterdir())
    assert not is_woken(watcher, 0.3)


@pytest.mark.integration
def test_many_events_are_one(watcher: FileWatcher, tmp_path: Path) -> None:
    """However many files change, one look at the pipe is enough, and it never fills up."""
    for number in range(500):
        (tmp_path / "app" / f"m{number}.py").write_text("x = 1\n")
    assert is_woken(watcher)
    eventually(lambda: not is_woken(watcher, 0.2), "it is quiet")


@pytest.mark.parametrize(
    ("number", "setting"),
    [
        (errno.ENOSPC, "fs.inotify.max_user_watches"),
        (errno.EMFILE, "fs.inotify.max_user_instances"),
        (errno.EACCES, ""),
    ],
)
def test_limit_of_the_system_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, setting: str
) -> None:
    """Without events there is a line that says what to do; nothing is raised."""

    class FullObserver:
        """An observer on a system that has no more watches."""

        def schedule(self, *_: object, **__: object) -> None:
            """Accept."""

        def start(self) -> None:
            """Fail as inotify does."""
            raise OSError(number, os.strerror(number))

        def stop(self) -> None:
            """Accept."""

    monkeypatch.setattr(file_watcher, "Observer", FullObserver)
    watcher = FileWatcher(str(tmp_path))
    watcher.start()
    assert is_woken(watcher)
    assert watcher.must_poll
    assert setting in watcher.state
    watcher.stop()


def watches() -> int:
    """Return how many folders this process watches."""
    return sum(file_watcher.watch_counts().values())


def test_what_watchdog_leaves_open_when_it_fails_is_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Up to version 6 it keeps the watches that it has got, for as long as the daemon lives."""

    class LeakingObserver:
        """An observer that gets one watch, and no more."""

        def schedule(self, *_: object, **__: object) -> None:
            """Accept."""

        def start(self) -> None:
            """Fail, and forget the descriptor."""
            libc = ctypes.CDLL(None)
            libc.inotify_add_watch(libc.inotify_init(), os.fsencode(tmp_path), file_watcher.IN_DELETE_SELF)
            assert watches() == before + 1
            raise OSError(errno.ENOSPC, "inotify watch limit reached")

        def stop(self) -> None:
            """Accept."""

    before = watches()
    monkeypatch.setattr(file_watcher, "Observer", LeakingObserver)
    watcher = FileWatcher(str(tmp_path))
    watcher.start()
    assert is_woken(watcher)
    eventually(lambda: watches() == before, "nothing is watched")


@pytest.mark.integration
@pytest.mark.parametrize("is_full_at_once", [True, False])
def test_the_last_watch_of_the_system_is_left_to_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_full_at_once: bool
) -> None:
    """Watchdog keeps those that it has and says nothing: neither editors nor new folders would get any."""
    (tmp_path / "app").mkdir()
    room = [not is_full_at_once]
    monkeypatch.setattr(file_watcher, "has_room", lambda: room[0])
    before = watches()
    watcher = FileWatcher(str(tmp_path))
    watcher.start()
    if not is_full_at_once:
        eventually(lambda: watcher.state.startswith("watching"), "the watcher has started")
        assert watches() == before + 2
        room[0] = False
        (tmp_path / "new").mkdir()
    eventually(lambda: watcher.must_poll and "fs.inotify.max_user_watches" in watcher.state, "it has given up")
    eventually(lambda: watches() == before, "nothing is watched")
    assert is_woken(watcher)
    watcher.stop()


@pytest.mark.parametrize(
    ("instance", "watch", "number", "expected"),
    [(1, 1, 0, True), (-1, -1, errno.EMFILE, True), (1, -1, errno.ENOSPC, False), (1, -1, errno.ENOMEM, True)],
)
def test_room_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, instance: int, watch: int, number: int, *, expected: bool
) -> None:
    """By a watch that is given back; only the limit of watches counts."""

    class Libc:
        """A library of these answers."""

        def inotify_init1(self, _flags: int) -> int:
            """Give a descriptor."""
            return os.open(os.devnull, os.O_RDONLY) if instance > 0 else -1

        def inotify_add_watch(self, *_: object) -> int:
            """Give a watch."""
            return watch

    before = procfs.open_descriptors()
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Libc())
    monkeypatch.setattr(ctypes, "get_errno", lambda: number)
    assert file_watcher.has_room() is expected
    assert procfs.open_descriptors() == before


def test_a_file_that_is_written_is_not_settled_until_it_is_closed(watcher: FileWatcher, tmp_path: Path) -> None:
    """More may come as long as it is open."""
    with (tmp_path / "app" / "models.py").open("w") as file:
        file.write("x = 1\n")
        file.flush()
        eventually(lambda: not watcher.is_settled, "the file is known to be open")

    eventually(lambda: watcher.is_settled, "the file is known to be closed")


@pytest.mark.integration
def test_watching_costs_nothing_while_nothing_happens(tmp_path: Path) -> None:
    """5,000 files are watched with hardly any time of the processor."""
    for folder in range(50):
        (tmp_path / f"p{folder}").mkdir()
        for number in range(100):
            (tmp_path / f"p{folder}" / f"m{number}.py").touch()
    watcher = FileWatcher(str(tmp_path))
    watcher.start()
    eventually(lambda: watcher.state.startswith("watching"), "the watcher has started")
    before = sum(psutil.Process().cpu_times()[:2])
    assert not is_woken(watcher, 2)
    assert sum(psutil.Process().cpu_times()[:2]) - before < 0.1
    watcher.stop()
