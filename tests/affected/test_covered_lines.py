"""Lines that tests covered, from one run to the next; coverage is the test's own."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected.covered_lines import CoveredLines, measured, why_inexact
from pytest_zygote.affected.store import Store, store_path
from tests.affected.fakes import config_of, tree_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from coverage import Coverage

    from pytest_zygote.affected.covered_lines import Lines

APP = "def f(x):\n    if x:\n        return 1\n    return 2\n"


class FakeCoverage:
    """Measures what a test says.

    Attributes:
        context: of what is measured now.
        covered: file → line → contexts.
        added: file → lines.
        added_arcs: file → arcs.
    """

    def __init__(self, **options: object) -> None:
        """Have these settings."""
        self.context = ""
        self.covered: dict[str, dict[int, list[str]]] = {}
        self.added: dict[str, set[int]] = {}
        self.added_arcs: dict[str, set[tuple[int, int]]] = {}
        self._asked = ""
        self._options = {"concurrency": [], "core": "CTracer", **options}
        self.is_stopped = False

    def get_option(self, name: str) -> object:
        """Return a setting."""
        return self._options.get(name.removeprefix("run:"))

    def sys_info(self) -> list[tuple[str, object]]:
        """Return what measures."""
        return [("core", self._options["core"])]

    def switch_context(self, context: str) -> None:
        """Measure in another context."""
        if self.is_stopped:
            raise RuntimeError
        self.context = context

    def cover(self, file: str, *lines: int) -> None:
        """Have lines run."""
        for line in lines:
            self.covered.setdefault(file, {}).setdefault(line, []).append(self.context)

    def get_data(self) -> FakeCoverage:
        """Return what was measured."""
        return self

    def measured_files(self) -> set[str]:
        """Return the files."""
        return set(self.covered)

    def contexts_by_lineno(self, file: str) -> dict[int, list[str]]:
        """Return what covered the lines of a file."""
        return self.covered[file]

    def set_query_context(self, context: str) -> None:
        """Ask of one test."""
        self._asked = context

    def set_query_contexts(self, _contexts: None) -> None:
        """Ask of all."""
        self._asked = ""

    def arcs(self, file: str) -> list[tuple[int, int]]:
        """Return the way through the lines of a file."""
        lines = [line for line, contexts in self.covered[file].items() if self._asked in contexts]
        return list(zip([-1, *lines], [*lines, -1], strict=True))

    def add_arcs(self, arcs: dict[str, set[tuple[int, int]]]) -> None:
        """Note what is added."""
        self.added_arcs.update(arcs)

    def add_lines(self, lines: dict[str, set[int]]) -> None:
        """Note what is added."""
        self.added.update(lines)


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "app.py").write_text(APP)
    store = Store(store_path(str(tmp_path / "cache")), pytest.fail)
    yield store
    store.close()


def lines_of(root: Path, store: Store, coverage: FakeCoverage, later_ns: int = 10**9) -> CoveredLines:
    """Return the hooks of a run that begins later than all files were written."""
    return CoveredLines(cast("Coverage", coverage), tree_at(root), store, time.time_ns() + later_ns)


def run(covered: CoveredLines, coverage: FakeCoverage, nodeid: str, file: str, *lines: int) -> None:
    """Have a test cover lines."""
    hook = covered.pytest_runtest_protocol(cast("pytest.Item", SimpleNamespace(nodeid=nodeid)))
    next(hook)
    coverage.cover(file, *lines)
    with pytest.raises(StopIteration):
        hook.send(None)


def end(covered: CoveredLines) -> None:
    """End the run."""
    hook = covered.pytest_runtestloop()
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(None)


def recorded(root: Path, store: Store, coverage: FakeCoverage, later_ns: int = 10**9) -> None:
    """Have a test cover the lines of a file."""
    covered = lines_of(root, store, coverage, later_ns)
    coverage.cover(str(root / "app.py"), 1)
    run(covered, coverage, "t::a", str(root / "app.py"), 2, 3)
    store.add(1, "t::a", ("passed", True, 0.1), {}, {})
    end(covered)


def known(root: Path, store: Store, coverage: FakeCoverage) -> dict[str, Lines]:
    """Return the lines that are known in the next run."""
    rows = {nodeid: found[0] for nodeid, found in store.rows(1).items()}
    return lines_of(root, store, coverage).of_rows(rows)


def test_lines_are_those_of_the_test_alone(store: Store, tmp_path: Path) -> None:
    """What an import has covered is covered in each run. They are added where they stand now."""
    recorded(tmp_path, store, FakeCoverage())
    assert known(tmp_path, store, FakeCoverage()) == {"t::a": {"app.py": {2, 3}}}
    (tmp_path / "app.py").write_text(f"# moved\n{APP}")
    coverage = FakeCoverage()

    covered = lines_of(tmp_path, store, coverage)
    covered.add(known(tmp_path, store, coverage).values())
    end(covered)

    assert coverage.added == {str(tmp_path / "app.py"): {3, 4}}


def test_branches_are_added_as_such(store: Store, tmp_path: Path) -> None:
    """Where they stand now."""
    recorded(tmp_path, store, FakeCoverage(branch=True))
    (tmp_path / "app.py").write_text(f"# moved\n{APP}")
    coverage = FakeCoverage(branch=True)

    covered = lines_of(tmp_path, store, coverage)
    covered.add(known(tmp_path, store, coverage).values())
    end(covered)

    assert coverage.added_arcs == {str(tmp_path / "app.py"): {(-2, 3), (3, 4), (4, -2)}}


@pytest.mark.parametrize("settings", [{"source": ["other"]}, {"omit": ["a*"]}, {"branch": True}])
def test_with_other_settings_nothing_is_known(store: Store, tmp_path: Path, settings: dict[str, object]) -> None:
    """Other files were measured."""
    recorded(tmp_path, store, FakeCoverage())

    assert known(tmp_path, store, FakeCoverage(**settings)) == {}


def test_a_file_that_changed_in_the_run_is_not_known(store: Store, tmp_path: Path) -> None:
    """Which text ran?"""
    recorded(tmp_path, store, FakeCoverage(), later_ns=-(10**9))

    assert known(tmp_path, store, FakeCoverage()) == {}


def test_a_test_that_stops_coverage_makes_all_unknown(store: Store, tmp_path: Path) -> None:
    """Lines after it belong to nobody."""
    coverage = FakeCoverage()
    covered = lines_of(tmp_path, store, coverage)
    coverage.is_stopped = True
    run(covered, coverage, "t::a", str(tmp_path / "app.py"), 2)
    store.add(1, "t::a", ("passed", True, 0.1), {}, {})
    end(covered)

    assert known(tmp_path, store, FakeCoverage()) == {}


def test_lines_of_rows_that_are_gone_are_removed(store: Store, tmp_path: Path) -> None:
    """With their rows."""
    recorded(tmp_path, store, FakeCoverage())
    with store.writing() as connection:
        connection.execute("DELETE FROM row")
    store.trim()

    with store.using() as connection:
        assert connection.execute("SELECT count(*) FROM covered").fetchone() == (0,)


@pytest.mark.parametrize(
    ("settings", "options", "plugins", "why"),
    [
        ({}, {}, {}, ""),
        ({"concurrency": ["thread"]}, {}, {}, ""),
        ({"branch": True}, {}, {}, ""),
        ({"plugins": ["jinja"]}, {}, {}, "coverage is measured with plugins"),
        ({"concurrency": ["gevent"]}, {}, {}, "coverage is measured with concurrency"),
        ({"core": "SysMonitor"}, {}, {}, "coverage is measured by sys.monitoring"),
        ({}, {"cov_context": "test"}, {}, "--cov-context is given"),
        ({}, {}, {"dsession": None}, "each worker measures by itself"),
    ],
)
def test_why_lines_cannot_be_added(
    tmp_path: Path, settings: dict[str, object], options: dict[str, object], plugins: dict[str, object], why: str
) -> None:
    """Coverage does more than to measure lines, or somebody else does."""
    config = config_of(tmp_path, options=options, plugins=plugins)

    assert why_inexact(cast("Coverage", FakeCoverage(**settings)), config) == why


@pytest.mark.parametrize("options", [{}, {"cov_source": []}, {"cov_source": ["app"], "no_cov": True}])
def test_without_pytest_cov_nothing_is_measured(tmp_path: Path, options: dict[str, object]) -> None:
    """Or if it is switched off."""
    assert measured(config_of(tmp_path, options=options)) is None
