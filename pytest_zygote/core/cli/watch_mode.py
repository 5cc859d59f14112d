"""The words of watch mode: what each key asks for, what a run's command line is, what the status line says."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

AFFECTED, ALL, FAILED, DEBUG = "affected", "all", "failed", "debug"

RUNS: dict[str, tuple[str, ...]] = {
    AFFECTED: ("--affected",),
    ALL: ("--affected=all",),
    FAILED: ("--affected=failed", "--lf", "--lfnf=none"),
    DEBUG: ("--affected=failed", "--lf", "--lfnf=none", "--pdb", "-x"),
}
"""What each kind of run adds to the command line.

``--lf`` saves collecting files in which nothing failed, but alone runs all if only tests that are not chosen did.
"""

LAST = "last"
"""The kind of the run before."""

KEYS = {"\n": AFFECTED, "\r": AFFECTED, "a": ALL, "f": FAILED, "d": DEBUG, "l": LAST}

PROMPTS = {"k": "pattern (-k), empty for none: ", "t": "test name, empty for none: ", "p": "path, empty for none: "}

HELP = """\
  Enter  run what is affected        k  only tests that match a pattern
  a      run all                     t  only tests of a name
  f      run those that failed       p  only tests of a file or folder
  l      repeat the last run         x  stop at the first failure, on and off
  d      debug the last failure      u  run again and update snapshots
  i      interrupt the run           w  show this         q  quit
"""

UPDATES = {
    "syrupy": "--snapshot-update",
    "pytest_snapshot": "--snapshot-update",
    "inline_snapshot": "--inline-snapshot=fix",
    "pytest_regressions": "--regen-all",
}
"""Plugins that keep snapshots, with the option that has them written anew."""

USAGE_ERROR = 4
"""The exit code of a run that pytest has refused; of the first one, it ends watch mode."""


@dataclass(frozen=True)
class Filters:
    """What the user narrowed the runs to, until it is changed.

    Attributes:
        pattern: for ``-k``.
        name: part of a test's name.
        path: files and folders, as on a command line.
        stops: whether a run ends at the first failure.
    """

    pattern: str = ""
    name: str = ""
    path: str = ""
    stops: bool = False

    def describe(self) -> str:
        """Return ' -k PATTERN path -x', as on a command line; '' if nothing is narrowed."""
        parts = [f"-k {self._expression()!r}" if self._expression() else "", self.path, "-x" if self.stops else ""]
        return " ".join(part for part in parts if part)

    def _expression(self) -> str:
        if self.pattern and self.name:
            return f"({self.pattern}) and {self.name}"
        return self.pattern or self.name

    def arguments(self, given: tuple[str, ...], paths: Collection[str]) -> tuple[str, ...]:
        """Return a command line that is narrowed: the chosen path stands in place of those given."""
        others = tuple(arg for arg in given if not (self.path and arg in paths))
        expression = self._expression()
        return (
            *others,
            *(("-k", expression) if expression else ()),
            *(("-x",) if self.stops else ()),
            *shlex.split(self.path),
        )

    def answer_to(self, key: str) -> str:
        """Return what a question was answered by the last time."""
        return {"k": self.pattern, "t": self.name}.get(key, self.path)

    def answered(self, key: str, text: str) -> Filters:
        """Return the filters after a question was answered: `key` is one of `PROMPTS`."""
        match key:
            case "k":
                return replace(self, pattern=text)
            case "t":
                return replace(self, name=text)
            case _:
                return replace(self, path=text)


@dataclass(frozen=True)
class Summary:
    """What the status line speaks of.

    Attributes:
        running: kind of the current run; '' for none.
        outcome: of the last run that ended by itself: 'passed', 'failed' …
        selected: of the last run: '2 of 10 tests'.
        duration_s: of the last run.
        changed: files that changed and led to the last run.
    """

    running: str = ""
    outcome: str = ""
    selected: str = ""
    duration_s: float = 0.0
    changed: tuple[str, ...] = ()


def status_line(summary: Summary, filters: Filters, width: int | None) -> str:
    """Return one line that fits the terminal; where there is none (`width` is None), all of it, and no keys."""
    if summary.running:
        parts = [f"running {summary.running}"]
    else:
        duration = f"{summary.duration_s:.2f} s" if summary.outcome else ""
        parts = ["idle", summary.outcome, summary.selected, duration]
    parts += [describe_files(summary.changed), filters.describe()]
    parts += [] if summary.running or width is None else ["w: help"]
    line = f"watch: {' | '.join(part for part in parts if part)}"
    return line if width is None or len(line) < width else f"{line[: max(0, width - 2)]}…"


def describe_files(paths: tuple[str, ...]) -> str:
    """Return 'app.py and 2 more changed'."""
    if not paths:
        return ""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more} changed"


def outcome_of(status: int) -> str:
    """Return the words for the exit code of a run that nobody has interrupted."""
    words = {0: "passed", 1: "failed", 2: "errors in collection", 3: "internal error", 4: "usage error", 5: "no tests"}
    return words.get(status, f"ended with {status}")
