"""Which files are inputs of tests: not those of tools and of the system, nor what the run itself writes.

A test that reads what it has written itself, or what the collection or a fixture of a wider scope has written for it,
has no input there: each run writes it anew. A file that was there before, and that an earlier test has written anew, is
an input as it was. One that an earlier test has made holds whatever that test depends on.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING

from pytest_zygote.affected.file_state import changed_ns
from pytest_zygote.affected.project_files import TOOL_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable

_SYSTEM = ("/proc/", "/dev/", "/sys/", "/run/")


class InputFiles:
    """The files of one process."""

    def __init__(self, root: str, started_ns: int, on_written: Callable[[str], None]) -> None:
        """Know of none.

        Args:
            root: of the project.
            started_ns: when this process began.
            on_written: called with a path before it is written for the first time in a test.
        """
        self._root = root
        self._started_ns = started_ns
        self._on_written = on_written
        self._for_all: set[str] = set()
        self._now: set[str] = set()
        self._rewritten: set[str] = set()
        self._earlier: set[str] = set()
        temporary = os.path.join(tempfile.gettempdir(), "pytest-of-")
        self._foreign = (temporary, f"{sys.prefix}/", f"{sys.base_prefix}/", *_SYSTEM)

    def write(self, path: str) -> None:
        """Note that a file is written, or a folder made, before that happens; one that is there is not made."""
        if not (self._is_own(path) or os.path.isdir(path)):
            is_old = os.path.lexists(path) and path not in self._earlier
            (self._rewritten if is_old else self._now).add(path)
            self._on_written(path)

    def written(self) -> set[str]:
        """Return the files that the present test has written, and the folders that it has made."""
        return self._now | self._rewritten

    def begin_test(self) -> None:
        """Forget which files the last test has written anew, and remember which ones it has made."""
        self._earlier |= self._now
        self._now.clear()
        self._rewritten.clear()

    def end_fixture(self) -> None:
        """Keep what is written until now for all tests: each run sets the fixture up before them."""
        self._for_all |= self._now | self._rewritten

    def is_input(self, path: str) -> bool:
        """Return whether a file, or a question about it, is an input."""
        if self._is_own(path):
            return False
        if self._is_below(path):
            return TOOL_FOLDERS.isdisjoint(path.split("/"))
        if path.startswith(self._foreign):
            return False
        # Another program's file that changes all the time is no edit of the project.
        return changed_ns(path) < self._started_ns

    def is_of_other_test(self, path: str) -> bool:
        """Return whether an earlier test has made a file: in this process, or maybe in another fork of the run."""
        if self._is_own(path):
            return False
        is_foreign = self._is_below(path) or path.startswith(self._foreign)
        return path in self._earlier or (
            not is_foreign and os.path.isfile(path) and changed_ns(path) >= self._started_ns
        )

    def _is_own(self, path: str) -> bool:
        """Return whether the present test has written a file, or made a folder around it; or that is done for all."""
        while not (path in self._now or path in self._rewritten or path in self._for_all):
            path, inner = os.path.dirname(path), path
            if path == inner:
                return False
        return True

    def _is_below(self, path: str) -> bool:
        return path == self._root or path.startswith(f"{self._root}/")
