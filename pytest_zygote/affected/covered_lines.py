"""Coverage together with selection: tests that are left out keep the lines that they covered when they last ran.

pytest-cov measures the tests that run, and one total of all. So each test gets a context of coverage's own, its lines
are stored with its row, and added to what is measured when the test is left out. A test whose lines are not known runs.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import json
import sys
import zlib
from typing import TYPE_CHECKING, TypeAlias, cast

import pytest

from pytest_zygote.affected.database import StoreError
from pytest_zygote.affected.file_state import TICK_NS, changed_ns
from pytest_zygote.core.affected.fingerprints import checksum
from pytest_zygote.core.affected.line_places import arcs_at, lines_at, places_of, places_of_arcs, units_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from coverage import Coverage, CoverageData

    from pytest_zygote.affected.current_tree import CurrentTree
    from pytest_zygote.affected.store import Store
    from pytest_zygote.core.affected.impact import Row
    from pytest_zygote.core.affected.line_places import Arc, Places, Units

    Lines: TypeAlias = "dict[str, set[int] | set[Arc]]"
    """File, as needs have it → lines, or arcs where branches are measured."""

_NEVER = ("dynamic_context", "context", "plugins", "relative_files", "patch")
"""Settings with which coverage measures by other contexts, or other processes, or names files in another way."""

_COUNTING = ("branch", "source", "source_pkgs", "source_dirs", "include", "omit", "cover_pylib")


def measured(config: pytest.Config) -> Coverage | None:
    """Return what measures coverage in this run; None if nothing does."""
    if not getattr(config.option, "cov_source", None) or getattr(config.option, "no_cov", False):
        return None
    library = sys.modules.get("coverage")
    return None if library is None else library.Coverage.current()


def why_inexact(coverage: Coverage, config: pytest.Config) -> str:
    """Return why lines of tests that are left out cannot be added to those of others; '' if they can."""
    if config.pluginmanager.has_plugin("dsession"):
        return "each worker measures by itself"
    if getattr(config.option, "cov_context", None):
        return "--cov-context is given"
    for name in _NEVER:
        if _option(coverage, name):
            return f"coverage is measured with {name}"
    if _option(coverage, "concurrency") not in ([], ["thread"]):
        return "coverage is measured with concurrency"
    core = dict(coverage.sys_info()).get("core")
    return "coverage is measured by sys.monitoring" if core == "SysMonitor" else ""


def _option(coverage: Coverage, name: str) -> object:
    try:
        return coverage.get_option(f"run:{name}")
    except Exception:  # noqa: BLE001 - a version that does not have the setting: its error has no public name
        return None


class CoveredLines:
    """Hooks of a run in which coverage is measured."""

    def __init__(self, coverage: Coverage, tree: CurrentTree, store: Store, started_ns: int) -> None:
        """Know of no test yet; `started_ns` is when the run began."""
        self._coverage = coverage
        self._tree = tree
        self._store = store
        self._started_ns = started_ns
        self._units: dict[str, Units | None] = {}
        self._ran: set[str] = set()
        self._added: dict[str, set[object]] = {}
        self._is_lost = False
        self._has_arcs = bool(_option(coverage, "branch"))
        version = getattr(sys.modules.get("coverage"), "__version__", "")
        settings = "\n".join(f"{name}={_option(coverage, name)!r}" for name in _COUNTING)
        self._settings = checksum(f"{version}\n{settings}".encode("utf-8", "surrogateescape"))

    # Tests that are left out

    def of_rows(self, rows: Mapping[str, Row]) -> dict[str, Lines]:
        """Return the lines that tests covered, where they stand now; those of which they are not known are missing.

        Raises:
            StoreError: they cannot be read.
        """
        known = _stored(self._store, self._settings)
        found = {}
        for nodeid, row in rows.items():
            packed = known.get((nodeid, row.sets))
            lines = None if packed is None else self._lines(json.loads(zlib.decompress(packed)))
            if lines is not None:
                found[nodeid] = lines
        return found

    def _lines(self, stored: dict[str, Places]) -> Lines | None:
        found: Lines = {}
        for path, places in stored.items():
            units = self._units_in(path)
            lines = None if units is None else (arcs_at if self._has_arcs else lines_at)(units, places)
            if lines is None:
                return None
            found[path] = lines
        return found

    def add(self, tests: Iterable[Lines]) -> None:
        """Count these lines as covered, at the end of the run: only then does coverage look for what has no data."""
        for lines in tests:
            for path, found in lines.items():
                self._added.setdefault(self._tree.absolute(path), set()).update(found)

    def _units_in(self, path: str) -> Units | None:
        """Return the lines of a file's units; None if it is no Python file, or has changed since the run began."""
        if path not in self._units:
            self._units[path] = None
            file = self._tree.absolute(path)
            if file.endswith(".py") and changed_ns(file) < self._started_ns - TICK_NS:
                with contextlib.suppress(OSError, SyntaxError, ValueError), open(file, "rb") as source:
                    self._units[path] = units_of(compile(source.read(), file, "exec", dont_inherit=True))
        return self._units[path]

    # Tests that run

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Have coverage keep the lines of a test by themselves."""
        self._switch(item.nodeid)
        try:
            return (yield)
        finally:
            self._ran.add(item.nodeid)
            self._switch("")

    def _switch(self, context: str) -> None:
        try:
            self._coverage.switch_context(context)
        except Exception:  # noqa: BLE001 - a test has stopped coverage: its error has no public name
            self._is_lost = True

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Store the lines before pytest-cov puts them together, and add those of other tests."""
        try:
            return (yield)
        finally:
            if self._ran or self._added:
                data = self._coverage.get_data()
                if not self._is_lost:
                    with contextlib.suppress(StoreError):
                        _add(self._store, self._settings, dict(self._packed(data)))
                if self._has_arcs:
                    data.add_arcs(cast("dict[str, set[Arc]]", self._added))
                else:
                    data.add_lines(cast("dict[str, set[int]]", self._added))

    def _packed(self, data: CoverageData) -> Generator[tuple[str, bytes], None, None]:
        found: dict[str, dict[str, set[int]]] = {nodeid: {} for nodeid in self._ran}
        for file in data.measured_files():
            path = self._tree.relative(file)
            for line, contexts in data.contexts_by_lineno(file).items():
                for nodeid in self._ran.intersection(contexts):
                    found[nodeid].setdefault(path, set()).add(line)
        for nodeid, lines in found.items():
            data.set_query_context(nodeid)
            places = {path: self._places(data, path, numbers) for path, numbers in lines.items()}
            if None not in places.values():
                yield nodeid, zlib.compress(json.dumps(places).encode())
        data.set_query_contexts(None)

    def _places(self, data: CoverageData, path: str, lines: set[int]) -> Places | None:
        """Return what the test that is asked for has covered in a file; None if that cannot be found again."""
        units = self._units_in(path)
        if units is None or not self._has_arcs:
            return None if units is None else places_of(units, lines)
        return places_of_arcs(units, data.arcs(self._tree.absolute(path)) or [])


def _add(store: Store, settings: bytes, lines: dict[str, bytes]) -> None:
    """Store the lines of tests that have rows of this run."""
    known = ((nodeid, packed) for nodeid, packed in lines.items() if nodeid in store.added)
    values = ((store.tests[nodeid], *store.added[nodeid], settings, packed) for nodeid, packed in known)
    with store.writing() as connection:
        connection.executemany("INSERT OR REPLACE INTO covered VALUES (?, ?, ?, ?, ?)", values)


def _stored(store: Store, settings: bytes) -> dict[tuple[str, tuple[int, ...]], bytes]:
    """Return what is stored: (name of a test, the sets of a row) → lines."""
    nodeids = {number: nodeid for nodeid, number in store.tests.items()}
    with store.using() as connection:
        found = connection.execute("SELECT test, own, shared, lines FROM covered WHERE settings = ?", (settings,))
        return {(nodeids[test], (shared, own)): lines for test, own, shared, lines in found if test in nodeids}
