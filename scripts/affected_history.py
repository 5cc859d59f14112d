"""Whether `--affected` finds after each commit of a history what a full run finds.

Each commit is checked out over the one before it. All tests run plain, then `--affected` runs: the tests
that fail must be the same ones, as a failed test runs again until it passes. What differs is tried plain once
more: a test that fails now and then proves nothing. Nor does a suite that cannot be collected: it counts as different.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+.*?)(?: - .*)?$", re.MULTILINE)
COLLECTED = re.compile(r"^(?!ERROR ).*\b\d+ (?:passed|failed)\b", re.MULTILINE)
COUNTS = re.compile(r"^affected: (\d+) of (\d+) tests?", re.MULTILINE)
TIMEOUT_S = 1200


class Checkout:
    """A clone that is taken through the commits."""

    def __init__(self, repository: Path, folder: Path, python: str, options: Iterable[str]) -> None:
        """Clone the repository; what it imports must be there in this Python."""
        self._folder = folder / "checkout"
        clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(repository), str(self._folder)]
        subprocess.run(clone, check=True)
        self._cache = folder / "cache"
        shown = ("-q", "-rfE", "--tb=no", "--no-header", "--color=no")
        self._command = [python, "-m", "pytest", *shown, "-p", "no:randomly", *options]
        kept = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTHONDONTWRITEBYTECODE")}
        self._environ = {**kept, "PYTEST_DAEMON_DISABLE": "1", "COLUMNS": "500"}

    def take(self, commit: str) -> None:
        """Check out a commit."""
        command = ["git", "-C", str(self._folder), "checkout", "--quiet", "--force", commit]
        subprocess.run(command, check=True)

    def plain(self) -> set[str]:
        """Run all tests; return those that fail."""
        output = self._run("-p", "no:cacheprovider")
        return _failed(output) if COLLECTED.search(output) else {"nothing was collected"}

    def affected(self) -> tuple[set[str], int, int]:
        """Run what is affected; return what fails, and how many of how many tests ran."""
        output = self._run("-p", "pytest_zygote", "--affected", "-o", f"cache_dir={self._cache}")
        counts = COUNTS.search(output)
        selected, total = map(int, counts.groups()) if counts else (0, 0)
        return _failed(output), selected, total

    def _run(self, *options: str) -> str:
        command = [*self._command, *options]
        ended = subprocess.run(
            command, cwd=self._folder, env=self._environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        return ended.stdout


def _failed(output: str) -> set[str]:
    return set(FAILED.findall(output))


def replay_affected(repository: Path, commits: list[str], python: str, options: Iterable[str]) -> bool:
    """Take a clone through the commits; tell whether the same tests failed after each."""
    shares, wrong = [], 0
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(repository, Path(folder), python, options)
        for number, commit in enumerate(commits):
            checkout.take(commit)
            plain = checkout.plain()
            affected, selected, total = checkout.affected()
            differ = (plain ^ affected) - (checkout.plain() ^ plain) if plain != affected else set()
            wrong += bool(differ)
            shares += [selected / total] if number and total else []
            print(f"{number:4} {commit[:9]} {len(plain)} fail, {selected} of {total} selected", flush=True)
            print("".join(f"      differs: {nodeid}\n" for nodeid in sorted(differ)), end="", flush=True)
    none = sum(not share for share in shares)
    print(f"{len(commits)} commits: {wrong} different; selected: median {median(shares or [0]):.3f}, none {none} times")
    return not wrong
