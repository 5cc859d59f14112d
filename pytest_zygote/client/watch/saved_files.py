"""Which files of a project were saved with other content, and may matter to a test.

Only Python files, ini-files and what recorded tests have read count. So what a test writes starts no run.

Where the system reports no events, or the user wants none, all files below the folder are looked at now and then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_zygote.adapters.system.file_watcher import FileWatcher

CONFIGURATION = frozenset({"pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "pytest.toml", ".pytest.ini"})

POLL_S = 2.0
"""How often files are looked at where there are no events; the user's throttle multiplies it."""

LARGE = 4_000_000
"""Bytes of a file that is not read: its size and time stand for its content."""

SHARE = 20
"""Looking at all files takes at most one part in so many of the time."""


class SavedFiles:
    """The files of one project.

    Attributes:
        root: the project's folder.
        polls_because: why files are looked at now and then; '' where events are reported.
    """

    def __init__(
        self, root: str, watcher: FileWatcher, is_read_by_tests: Callable[[str], bool], pause_s: float
    ) -> None:
        """Watch nothing yet.

        Args:
            root: the project's folder.
            watcher: of that folder.
            is_read_by_tests: returns whether a recorded test has read a path, relative to the folder.
            pause_s: between two looks, where there are no events.
        """
        self.root = root
        self._watcher = watcher
        self._is_read_by_tests = is_read_by_tests
        self._pause_s = pause_s
        self._contents: dict[str, bytes] = {}
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._due = 0.0
        self.polls_because = ""

    def fileno(self) -> int:
        """Return the descriptor that can be read when something has changed."""
        return self._watcher.fileno()

    @property
    def is_settled(self) -> bool:
        """Whether all files that were written are known to be closed."""
        return self._watcher.is_settled

    def start(self, now: float, *, uses_events: bool) -> None:
        """Begin to watch, by events or by looking at the files."""
        if uses_events:
            self._watcher.start()
        else:
            self._start_to_poll(now, "as asked for")

    def _start_to_poll(self, now: float, reason: str) -> None:
        self.polls_because = reason
        self._seen = dict(self._scan())
        self._due = now + self._pause_s

    def stop(self) -> None:
        """End watching."""
        self._watcher.stop()

    def due_s(self, now: float) -> float | None:
        """Return in how many seconds the files are to be looked at; None where events are reported."""
        return max(0.0, self._due - now) if self.polls_because else None

    def drain(self, now: float, clock: Callable[[], float]) -> list[str]:
        """Return the files that were saved since the last time, relative to the project's folder.

        Args:
            now: the time.
            clock: asked again after all files were looked at, so that this takes its share of the time and no more.
        """
        changed: list[str] = []
        if self._watcher.read():
            changed = self._watcher.drain()
            if self._watcher.must_poll and not self.polls_because:
                self._start_to_poll(now, self._watcher.state)
        if self.polls_because and now >= self._due:
            changed += self._look()
            ended = clock()
            self._due = ended + max(self._pause_s, SHARE * (ended - now))
        return list(dict.fromkeys(os.path.relpath(path, self.root) for path in changed if self._is_news(path)))

    def matching(self, text: str) -> str:
        """Return paths as on a command line: a word that is no path stands for the test files that have it."""
        words = text.split()
        if all(os.path.exists(os.path.join(self.root, word.partition("::")[0])) for word in words):
            return text
        names = [os.path.relpath(path, self.root) for path, _ in self._scan()]
        return shlex.join(sorted({name for word in words for name in _named(word, names)}))

    def _look(self) -> list[str]:
        now = dict(self._scan())
        before, self._seen = self._seen, now
        return [path for path in {**before, **now} if before.get(path) != now.get(path)]

    def _scan(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """Give path and identity of all regular files that matter."""
        folders = [self.root]
        while folders:
            try:
                with os.scandir(folders.pop()) as entries:
                    found = [entry for entry in entries if self._watcher.matters(entry.path)]
            except OSError:  # it is gone, or not ours to read
                continue
            folders += [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
            for entry in found:
                with contextlib.suppress(OSError):  # it is gone by now
                    if entry.is_file():
                        status = entry.stat()
                        yield entry.path, (status.st_mtime_ns, status.st_size, status.st_ino)

    def _is_news(self, path: str) -> bool:
        """Return whether a file has other content than before, and may matter to a test."""
        is_code = path.endswith(".py") or os.path.basename(path) in CONFIGURATION
        if not is_code and not self._is_read_by_tests(os.path.relpath(path, self.root)):
            return False
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                return False  # a pipe would keep us waiting
            content = repr((status.st_size, status.st_mtime_ns)).encode()
            if status.st_size <= LARGE:
                with open(path, "rb") as file:
                    content = hashlib.blake2b(file.read()).digest()
        except OSError:
            content = b""
        before, self._contents[path] = self._contents.get(path), content
        return before != content


def _named(word: str, names: Sequence[str]) -> Sequence[str]:
    """Return what a word on a command line stands for: itself if it is a file, else the test files that have it."""
    tests = (name for name in names if name.endswith(".py") and "test" in os.path.basename(name))
    return [word] if word in names else [name for name in tests if word in name] or [word]


class StoreView:
    """What watch mode reads of the store of ``--affected``, which it imports when it needs it."""

    def __init__(self, cache: str, root: str) -> None:
        """Look at nothing yet."""
        from pytest_zygote.affected.store import store_path
        from pytest_zygote.affected.written_files import WrittenFiles

        self._path = store_path(cache)
        self.written = WrittenFiles(self._path, root)

    def is_read_by_tests(self, path: str) -> bool:
        """Return whether a recorded test has read or listed a path."""
        from pytest_zygote.affected.store import reads_path

        return reads_path(self._path, (path, os.path.dirname(path)))

    def last_counts(self) -> str:
        """Return which tests the last run had."""
        from pytest_zygote.affected.store import read_setting

        return read_setting(self._path, "counts")
