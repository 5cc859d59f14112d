"""Which tests belong together, and how long they took in earlier runs.

Durations are stored in pytest's cache (``--cache-show 'zygote/durations'``).

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.private.fixtures import parameter_scopes
from pytest_zygote.core.parallel.work_units import Unit
from pytest_zygote.parallel import mproc_marks
from pytest_zygote.parallel.test_order import late_tests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_zygote.adapters.pytest.private.running import Node

KEY = "zygote/durations"
SCHEDULE = "zygote/schedule"
"""The cache key of what each worker ran in the last run, in order."""
WEIGHT = 0.5
"""Weight of the last run, against all before it."""
DIGITS = 4

FIXED = "fixed"
WHOLE = ("loadfile", "loadscope", FIXED)
"""Modes of pytest-xdist that promise one worker for a file or a class, and ours whose order stays the same."""


class History:
    """Seconds of tests and of the fixtures of units, from earlier runs and from this one."""

    def __init__(self, config: pytest.Config) -> None:
        """Read what is stored; nothing without pytest's cache."""
        self._cache = getattr(config, "cache", None)
        stored = self._cache.get(KEY, None) if self._cache is not None else None
        self.tests = _seconds(stored, "tests")
        self.fixtures = _seconds(stored, "fixtures")
        self._new: dict[str, float] = {}
        self._new_fixtures: dict[str, float] = {}
        self._schedule: dict[str, list[str]] = {}

    def note(self, test: str, seconds: float, unit: str, fixtures: float) -> None:
        """Note how long a test took, and how long the fixtures that its unit shares."""
        self._new[test] = seconds
        if fixtures:
            self._new_fixtures[unit] = max(fixtures, self._new_fixtures.get(unit, 0.0))

    def note_begin(self, test: str, worker: str) -> None:
        """Note which worker runs a test."""
        self._schedule.setdefault(worker, []).append(test)

    def save(self) -> None:
        """Store it for the next run."""
        if self._cache is not None and self._schedule:
            self._cache.set(SCHEDULE, self._schedule)
        for old, new in ((self.tests, self._new), (self.fixtures, self._new_fixtures)):
            for key, seconds in new.items():
                old[key] = round(WEIGHT * seconds + (1 - WEIGHT) * old.get(key, seconds), DIGITS)
        if self._cache is not None and self._new:
            self._cache.set(KEY, {"tests": self.tests, "fixtures": self.fixtures})


def items_run_by(config: pytest.Config, worker: str) -> list[str]:
    """Return what a worker of the last run with workers ran, in its order.

    Raises:
        pytest.UsageError: there was no such worker.
    """
    cache = getattr(config, "cache", None)
    stored = cache.get(SCHEDULE, None) if cache is not None else None
    known = stored if isinstance(stored, dict) else {}
    if worker not in known:
        workers = ", ".join(sorted(known)) or "none: run with -n first, and with pytest's cache"
        raise pytest.UsageError(f"--replay: there is no worker {worker!r} in the last run with workers ({workers})")
    return list(map(str, known[worker]))


def _seconds(stored: object, key: str) -> dict[str, float]:
    entries = stored.get(key) if isinstance(stored, dict) else None
    if not isinstance(entries, dict):
        return {}
    return {name: float(seconds) for name, seconds in entries.items() if isinstance(seconds, (int, float))}


class Units:
    """What belongs together in a session.

    Attributes:
        ids: of the tests.
        names: of the unit of each test.
    """

    def __init__(self, items: Sequence[pytest.Item], dist: str) -> None:
        """Look at the tests."""
        self._items = list(items)
        self.ids = [item.nodeid for item in items]
        self.names: list[str] = []
        groups: dict[str, list[int]] = {}
        whole: set[str] = set()
        ranks: dict[str, tuple[int, int]] = {}
        priorities: list[int] = []
        marks, tagged, is_late = Marks(), mproc_marks.TagReader(), late_tests(items)
        for at, item in enumerate(items):
            tag, priority = tagged.read(item)
            tag = marks.tag_of(item) or tag
            group, level = _group_and_level(tag, priority)
            priorities.append(priority)
            phase = 0 if group or dist in WHOLE else int(is_late(item))
            name = f"group {group}" if group else _name(_shared_by(item, self.ids[at], dist), level, phase)
            if _is_bound(tag) or dist in WHOLE:
                whole.add(name)
            ranks[name] = min((phase, level), ranks.get(name, (phase, level)))
            self.names.append(name)
            groups.setdefault(name, []).append(at)
        self._units = [
            (name, _unit(sorted(tests, key=priorities.__getitem__), ranks[name], is_whole=name in whole))
            for name, tests in groups.items()  # within a group, the priorities of its tests decide
        ]

    def are_of(self, items: Sequence[pytest.Item]) -> bool:
        """Return whether these are the same tests."""
        return self._items == items

    def priced(self, costs: Mapping[str, float]) -> list[Unit]:
        """Return the units for the schedule, with the time that setting up their fixtures takes."""
        return [unit.replaced(cost_s=costs[name]) if name in costs else unit for name, unit in self._units]


def _group_and_level(tag: mproc_marks.GroupTag | None, priority: int) -> tuple[str, int]:
    return ("", priority) if tag is None else (tag.name, tag.priority)


def _unit(tests: Sequence[int], rank: tuple[int, int], *, is_whole: bool) -> Unit:
    phase, level = rank
    return Unit(tuple(tests), not is_whole, priority=level, phase=phase)


def _name(shared_by: str, level: int, phase: int) -> str:
    if level != mproc_marks.DEFAULT_PRIORITY:
        shared_by = f"{shared_by} priority {level}"
    return f"{shared_by} late" if phase else shared_by


def _is_bound(tag: mproc_marks.GroupTag | None) -> bool:
    return tag is not None and tag.restrict_to is mproc_marks.TestExecutionConstraint.SINGLE_PROCESS


class Marks:
    """Groups that tests were put into by marks, as pytest-xdist has them; each parent is read once."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._names: dict[object, frozenset[str]] = {None: frozenset()}

    def tag_of(self, item: pytest.Item) -> mproc_marks.GroupTag | None:
        """Return the group of a test, several joined as pytest-xdist does it; None for none."""
        names = _named(item) | self._inherited(item.parent)
        return mproc_marks.GroupTag("_".join(sorted(names))) if names else None

    def _inherited(self, parent: Node | None) -> frozenset[str]:
        names = self._names.get(parent)
        if names is None and parent is not None:
            names = self._names[parent] = _named(parent) | self._inherited(parent.parent)
        return names or frozenset()


def _named(node: Node) -> frozenset[str]:
    return frozenset(
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))
        for mark in node.own_markers
        if mark.name == "xdist_group"
    )


def _shared_by(item: pytest.Item, nodeid: str, dist: str) -> str:
    path = nodeid.partition("::")[0]
    if dist == "loadscope":
        return _scope(item)
    if dist in {"loadfile", FIXED}:
        return path
    shared = _shared_parameters(item)
    return f"{path} {shared}" if shared else path


def _scope(item: pytest.Item) -> str:
    """Return the class or module of a test."""
    parent = item.parent
    return parent.nodeid if parent is not None else item.nodeid


def _shared_parameters(item: pytest.Item) -> str:
    """Return which instances of parametrised fixtures a test shares with others."""
    spec = getattr(item, "callspec", None)
    if spec is None:
        return ""
    scopes, indices = parameter_scopes(item), getattr(spec, "indices", {})
    shared = [f"{name}={indices.get(name)}" for name, scope in scopes.items() if scope.value != "function"]
    return ",".join(sorted(shared))
