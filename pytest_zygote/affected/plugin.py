"""Hooks of ``--affected``: records what tests depend on, and leaves out those that nothing has reached.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.adapters.system.files import drop_bytecode
from pytest_zygote.affected.current_tree import CurrentTree
from pytest_zygote.affected.isolation import Isolation, groups_among, may_fork
from pytest_zygote.affected.pytest_facts import (
    are_forks,
    is_distributed,
    is_from_elsewhere,
    is_of_module,
    leaves,
    loaded_by,
    own_roots,
    store_file,
)
from pytest_zygote.affected.query import AffectedQuery
from pytest_zygote.affected.recorder import Recorder
from pytest_zygote.affected.store import Store, StoreError
from pytest_zygote.core.affected.impact import NEW, Selected, summary
from pytest_zygote.core.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import TypeAlias

    from pytest_zygote.affected.recorder import Needs, Place
    from pytest_zygote.affected.skip_collection import SkipCollection

    Record: TypeAlias = tuple[tuple[str, bool, float], Needs, Needs | int]

NAME = "zygote_affected"
WORDS = frozenset({"1", "explain", "exact", "all", "failed"})
"""What ``--affected=`` may be followed by; 'all' leaves out nothing, and records; so 'failed', of what failed last."""
DISTRIBUTED = "affected: with workers of pytest-xdist all tests run, and nothing is recorded"
IMPRECISE = (
    "affected: other tools use all numbers of sys.monitoring, so it is not known which code a test runs: each test "
    "depends on all loaded modules of the project"
)


def begin(config: pytest.Config) -> None:
    """Take part in this session from now on.

    Raises:
        UsageError: the options cannot go together.
    """
    options = config.known_args_namespace
    if not WORDS.issuperset(options.affected.split(",")):
        message = f"--affected takes no value, 'explain', 'exact' or 'all', not {options.affected!r}"
        raise pytest.UsageError(message)
    if options.collectonly or getattr(options, "setuponly", False) or getattr(options, "setupplan", False):
        return
    if getattr(options, "numprocesses", None) and not are_forks(config):
        config.pluginmanager.register(Bystander(), NAME)
        return
    config.pluginmanager.register(AffectedPlugin(config), NAME)


class Bystander:
    """Says that nothing is chosen: workers of pytest-xdist collect by themselves, each in a process begun anew."""

    @pytest.hookimpl(trylast=True)
    def pytest_report_collectionfinish(self) -> str:
        """Say it where the counts would stand."""
        return DISTRIBUTED


class Present(NamedTuple):
    """The test that runs, or has run last."""

    item: pytest.Item | None
    nodeid: str
    place: Place


class AffectedPlugin:
    """One session."""

    def __init__(self, config: pytest.Config) -> None:
        """Watch imports from here on."""
        self._config = config
        self._unsaid: list[str] = []
        self._store = Store(store_file(config), self._say)
        self._tree = CurrentTree(str(config.rootpath), dict(os.environ), (), self._store.cache)
        self._started_ns = time.time_ns()
        self._recorder = Recorder(self._tree, self._started_ns, loaded_by(config))
        self._unchanged: SkipCollection | None = None
        self._outcomes: dict[str, str] = {}
        self._places: dict[Path, Place] = {}
        self._present = Present(None, "", ("", ()))
        self._selected: dict[str, Selected] = {}
        self._isolation: Isolation | None = None
        self._started = 0.0
        self._is_stored = False
        self._total = 0
        self._collected: list[str] = []
        self._ran: set[str] = set()
        self._kept: list[str] = []
        self._left_out = 0
        self._question = AffectedQuery(config, self._store, self._tree)
        self._is_frozen = self._question.is_frozen
        drop_bytecode(self._tree.doubtful())
        self._words = frozenset(config.known_args_namespace.affected.split(","))
        self._recorder.start()

    def _say(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:  # it is too early
            self._unsaid.append(text)
        else:
            reporter.ensure_newline()
            reporter.write_line(f"zygote: {text}")

    # Selection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Collect nothing if nothing has changed since a run that left out all tests."""
        if self._words & {"all", "exact", "failed"} or is_distributed(self._config):
            return None
        self._unchanged = self._question.unchanged(knows_environ=self._recorder.knows_environ)
        with contextlib.suppress(StoreError):
            self._total = self._left_out = self._unchanged.total() if self._unchanged is not None else 0
        if not self._total:
            return None
        self._question.notes.append("affected: nothing has changed, so they were not collected")
        session.items = []
        self._config.hook.pytest_collection_finish(session=session)
        return True

    def _note_that_nothing_changed(self) -> None:
        if self._unchanged is not None and not self._selected and self._collected:
            needs = {**self._question.rests_on(self._collected), **self._recorder.collected()}
            with contextlib.suppress(StoreError):
                self._unchanged.note(len(self._collected), needs, self._started_ns)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Leave out the tests that nothing has reached since they passed."""
        self._tree.roots = own_roots()
        self._recorder.finish_collection(leaves(session, items))
        if is_distributed(self._config):
            self._say(DISTRIBUTED)
            self._store.is_broken = True
        self._total = len(items)
        self._collected = [item.nodeid for item in items]
        try:
            self._selected = self._question.answer(self._collected, knows_environ=self._recorder.knows_environ)
        except StoreError:
            self._selected = {item.nodeid: Selected(item.nodeid, NEW, NEW) for item in items}
        if "failed" in self._words:
            self._selected = self._question.failures(self._collected)
            self._leave_out(items)
        elif "all" not in self._words:
            self._note_that_nothing_changed()
            self._leave_out(items)
            if self._recorder.is_precise and not self._store.is_broken and may_fork(self._config, items):
                self._isolate(items)
        if not self._is_frozen:
            with contextlib.suppress(StoreError):
                self._store.expect(item.nodeid for item in items)

    def _leave_out(self, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if item.nodeid not in self._selected]
        if left_out:
            self._left_out = len(left_out)
            self._config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item.nodeid in self._selected]

    def _isolate(self, items: list[pytest.Item]) -> None:
        """Have tests run in forks, in groups, as far as that is cheap and changes nothing."""
        last_s = {nodeid: rows[0].duration_s for nodeid, rows in self._question.rows.items()}
        groups = groups_among(items, last_s, is_each="exact" in self._words)
        if not any(groups.values()):
            return
        configuration.basetemp(self._config)  # made once, not in each fork
        self._recorder.prepare(map(self._place_of, items))
        self._isolation = Isolation(groups, self._recorder.begin_group, self._store_record)
        self._config.pluginmanager.register(self._isolation, f"{NAME}_isolation")

    @pytest.hookimpl(trylast=True)
    def pytest_report_collectionfinish(self) -> list[str]:
        """Say how many tests run, and why."""
        for text in self._unsaid:
            self._say(text)
        lines = [self._headline(), *self._question.notes]
        if sys.version_info >= (3, 12) and not self._recorder.is_precise:
            lines.append(IMPRECISE)
        if "explain" in self._words:
            lines += [f"  {entry.nodeid}: {entry.reason}" for entry in self._selected.values()]
        return lines

    def _headline(self) -> str:
        if "all" in self._words:
            return f"affected: all {counted(self._total, 'test')}"
        if "failed" in self._words and not self._selected:
            return "affected: none of these tests failed the last time"
        return summary(self._selected.values(), self._total)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Call it a success if there was nothing to run."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._left_out:
            session.exitstatus = pytest.ExitCode.OK
        with contextlib.suppress(StoreError):
            if self._is_frozen:
                return (yield)
            self._store.set("counts", f"{session.testscollected} of {counted(self._total, 'test')}")
            self._kept = self._question.keep(self._collected, self._ran)
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was kept."""
        for line in self._kept:
            terminalreporter.write_line(line)

    # Recording

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record one test."""
        self._present = Present(item, item.nodeid, self._place_of(item))
        self._outcomes.pop(self._present.nodeid, None)
        self._recorder.begin_test(self._present.place)
        self._started = time.perf_counter()
        self._is_stored = False
        outcome = yield
        if self._isolation is not None and self._isolation.is_fork:
            result, own, shared = self._record(item)
            self._isolation.keep((result, own, self._recorder.shorten(shared)))
        elif not self._is_stored:
            self._store_record(item, self._record(item))
        return outcome

    def _record(self, item: pytest.Item) -> tuple[tuple[str, bool, float], Needs, Needs]:
        duration_s = time.perf_counter() - self._started
        is_exact, own, shared = self._recorder.end_test(self._place_of(item), is_code=isinstance(item, pytest.Function))
        return (self._outcomes.get(self._nodeid_of(item), ""), is_exact, duration_s), own, shared

    def _place_of(self, item: pytest.Item) -> Place:
        """Return the file of a test, and the conftest files that hold for it."""
        known = self._places.get(item.path)
        if known is None:
            modules = configuration.conftest_modules(item.config, item.path)
            known = self._places[item.path] = (str(item.path), tuple(str(module.__file__) for module in modules))
        return known

    def _store_record(self, item: pytest.Item, record: object) -> None:
        self._is_stored = True
        if record is None or self._store.is_broken or self._is_frozen:  # its process died: it has not passed
            return
        result, own, shared = cast("Record", record)
        if result[0]:
            needs = self._recorder.spell_out(shared)
            with contextlib.suppress(StoreError):
                self._store.add(self._question.surroundings, self._nodeid_of(item), result, own, needs)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the worst outcome of the phases: a test that passed only when repeated has not passed."""
        report = yield
        nodeid = self._nodeid_of(item)
        known = self._outcomes.get(nodeid, "passed")
        if report.outcome not in ("passed", "skipped") or known == "failed":
            self._outcomes[nodeid] = "failed"
        else:
            self._outcomes[nodeid] = "skipped" if "skipped" in (report.outcome, known) else "passed"
        return report

    def _nodeid_of(self, item: pytest.Item) -> str:
        """Return what an item says of itself, which pytest puts together each time, of the present one at once."""
        return self._present.nodeid if item is self._present.item else item.nodeid

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Let what a fixture of a wider scope does belong to all tests that follow."""
        if fixturedef.scope == "function":
            return (yield)
        is_of_place = fixturedef.scope in ("class", "module") and is_of_module(request)
        before = self._recorder.begin_fixture(self._present.place, is_of_place=is_of_place)
        try:
            return (yield)
        finally:
            self._recorder.end_fixture(fixturedef, before, is_known=not is_from_elsewhere(self._config, fixturedef))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self) -> None:
        """Let go of the store's file: a worker is about to be forked, and SQLite must not have it open then."""
        self._store.close()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests ran, here or in a worker; and that one has failed of which only a part did: a subtest."""
        if report.when == "teardown" and report.outcome != "failed":
            return
        nodeid = report.nodeid
        self._ran.add(nodeid)
        if report.outcome == "failed":
            self._outcomes[nodeid] = "failed"

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Remember what was read of the tree."""
        self._recorder.stop()
        try:
            if not self._is_frozen:
                self._tree.save()
                self._store.trim()
        except StoreError:
            return
        finally:
            self._store.close()
