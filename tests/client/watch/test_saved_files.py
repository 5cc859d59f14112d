"""Which saves are news, by events and without them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.client.watch.saved_files import SHARE, SavedFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.adapters.system.file_watcher import FileWatcher

PAUSE_S = 2.0


class FakeWatcher:
    """Reports what the test says."""

    def __init__(self) -> None:
        """Have nothing to report."""
        self.state = "watching"
        self.must_poll = False
        self.is_settled = True
        self.is_started = False
        self.paths: list[str] = []

    def fileno(self) -> int:
        """Return no descriptor."""
        return -1

    def read(self) -> bool:
        """Return whether there is news."""
        return bool(self.paths) or self.must_poll

    def drain(self) -> list[str]:
        """Return what has changed."""
        paths, self.paths = self.paths, []
        return paths

    @staticmethod
    def matters(path: str) -> bool:
        """Return whether the watcher would report it."""
        return "ignored" not in path

    def start(self) -> None:
        """Note it."""
        self.is_started = True

    def stop(self) -> None:
        """Note it."""
        self.is_started = False


@pytest.fixture(name="watcher")
def _watcher() -> FakeWatcher:
    return FakeWatcher()


@pytest.fixture(name="files")
def _files(tmp_path: Path, watcher: FakeWatcher) -> SavedFiles:
    (tmp_path / "app.py").write_text("x = 1\n")
    return SavedFiles(str(tmp_path), cast("FileWatcher", watcher), lambda path: path == "data.json", PAUSE_S)


def at(now: float) -> tuple[float, Callable[[], float]]:
    """Return a time, and a clock that stands there."""
    return now, lambda: now


def saved(files: SavedFiles, watcher: FakeWatcher, name: str, text: str | None) -> list[str]:
    """Save a file, report it, and return what is news."""
    path = Path(files.root, name)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    watcher.paths.append(str(path))
    return files.drain(*at(0.0))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("app.py", ["app.py"]), ("pytest.ini", ["pytest.ini"]), ("data.json", ["data.json"]), ("out.txt", [])],
)
def test_only_files_count_that_a_run_can_depend_on(
    files: SavedFiles, watcher: FakeWatcher, name: str, expected: list[str]
) -> None:
    """Code, settings, and what tests have read: not what they write."""
    assert saved(files, watcher, name, "new") == expected


def test_only_other_content_is_news(files: SavedFiles, watcher: FakeWatcher) -> None:
    """An editor may save what is there; a file that is gone is other content."""
    assert saved(files, watcher, "app.py", "x = 2\n") == ["app.py"]
    assert saved(files, watcher, "app.py", "x = 2\n") == []
    assert saved(files, watcher, "app.py", None) == ["app.py"]


def test_a_pipe_is_not_read(files: SavedFiles, watcher: FakeWatcher) -> None:
    """It would keep watch mode waiting."""
    os.mkfifo(Path(files.root, "pipe.py"))
    watcher.paths.append(str(Path(files.root, "pipe.py")))

    assert files.drain(*at(0.0)) == []


def test_with_events_nobody_looks_at_files(files: SavedFiles, watcher: FakeWatcher) -> None:
    """The loop sleeps until something happens."""
    files.start(0.0, uses_events=True)
    Path(files.root, "app.py").write_text("x = 2, unreported\n")

    assert watcher.is_started
    assert files.due_s(99.0) is None
    assert files.drain(*at(99.0)) == []


def test_without_events_files_are_looked_at_now_and_then(files: SavedFiles, watcher: FakeWatcher) -> None:
    """As the user asked; what is new, changed or gone is found."""
    files.start(0.0, uses_events=False)
    assert not watcher.is_started
    assert files.due_s(0.5) == PAUSE_S - 0.5

    Path(files.root, "app.py").write_text("x = 2, and longer\n")
    Path(files.root, "ignored.py").write_text("")
    Path(files.root, "package").mkdir()
    Path(files.root, "package", "new.py").write_text("y = 1\n")
    assert files.drain(*at(PAUSE_S - 0.1)) == []
    assert sorted(files.drain(*at(PAUSE_S))) == ["app.py", "package/new.py"]
    assert files.drain(*at(2 * PAUSE_S)) == []

    Path(files.root, "app.py").unlink()
    assert files.drain(*at(3 * PAUSE_S)) == ["app.py"]


def test_looking_takes_its_share_of_the_time(files: SavedFiles) -> None:
    """A folder that takes a second to look at is looked at less often."""
    files.start(0.0, uses_events=False)
    files.drain(PAUSE_S, lambda: PAUSE_S + 1.0)

    assert files.due_s(PAUSE_S + 1.0) == SHARE


def test_events_that_fail_are_made_up_for(files: SavedFiles, watcher: FakeWatcher) -> None:
    """The watcher says why, and from then on files are looked at."""
    files.start(0.0, uses_events=True)
    watcher.must_poll, watcher.state = True, "no file events: no space left"
    assert files.drain(*at(0.0)) == []
    assert files.polls_because == "no file events: no space left"

    Path(files.root, "app.py").write_text("x = 2, and longer\n")
    assert files.drain(*at(PAUSE_S)) == ["app.py"]
