"""Hooks of ``--affected``: leaves out the tests that no change has reached. `recording` has those that record.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.files import drop_bytecode
from pytest_zygote.affected.audit import Audit
from pytest_zygote.affected.covered_lines import CoveredLines, measured, why_inexact
from pytest_zygote.affected.current_tree import CurrentTree
from pytest_zygote.affected.fork_choice import groups_among, may_fork, shared_fixture, why_one_process
from pytest_zygote.affected.isolation import Isolation
from pytest_zygote.affected.pytest_facts import (
    are_forks,
    is_distributed,
    leaves,
    loaded_by,
    opened_files,
    own_roots,
    store_file,
)
from pytest_zygote.affected.query import AffectedQuery
from pytest_zygote.affected.recorder import new_recorder
from pytest_zygote.affected.recording import Recording
from pytest_zygote.affected.store import Store, StoreError
from pytest_zygote.affected.written_files import WrittenFiles
from pytest_zygote.core.affected.impact import Selected, new_tests, summary, widened
from pytest_zygote.core.bytecode import why_unknown
from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_zygote.affected.skip_collection import SkipCollection

NAME = "zygote_affected"
WORDS = frozenset({"1", "explain", "exact", "all", "audit", "failed"})
"""What ``--affected=`` may be followed by; 'all' leaves out nothing, and records; so 'failed', of what failed last."""
DISTRIBUTED = Reason("foreign-workers", "workers of pytest-xdist collect by themselves, and nothing is recorded")
UNCOVERED = "what it covers is not known"
WHOLE_FILES = "each test depends on all loaded modules of the project"


def begin(config: pytest.Config) -> None:
    """Register the hooks for this session.

    Raises:
        UsageError: the options cannot go together.
    """
    options = config.known_args_namespace
    if not WORDS.issuperset(options.affected.split(",")):
        message = f"--affected takes no value, 'explain', 'exact', 'all' or 'audit', not {options.affected!r}"
        raise pytest.UsageError(message)
    if getattr(options, "numprocesses", None) and not are_forks(config):
        config.pluginmanager.register(Bystander(), NAME)
        return
    config.pluginmanager.register(AffectedPlugin(config), NAME)


class Bystander:
    """Says that no tests are selected: workers of pytest-xdist collect by themselves, each in a fresh process."""

    @pytest.hookimpl(trylast=True)
    def pytest_report_collectionfinish(self) -> str:
        """Print it in the place of the counts."""
        return widened(DISTRIBUTED)


class AffectedPlugin:
    """One session."""

    def __init__(self, config: pytest.Config) -> None:
        """Watch imports from here on."""
        self._config = config
        self._unprinted: list[str] = []
        self._store = Store(store_file(config), self._print)
        self._tree = CurrentTree(str(config.rootpath), dict(os.environ), (), self._store.cache)
        self._started_ns = time.time_ns()
        self._recorder = new_recorder(
            self._tree, self._started_ns, loaded_by(config), WrittenFiles(self._store.path, str(config.rootpath)).add
        )
        self._unchanged: SkipCollection | None = None
        self.selected: dict[str, Selected] = {}
        self._total = 0
        self._collected: list[str] = []
        self._saved: list[str] = []
        self._left_out = 0
        self._why_uncovered = ""
        self._query = AffectedQuery(config, self._store, self._tree)
        self._is_whole = True
        self._opened = set(opened_files())
        self._recording = Recording(config, self._recorder, self._store, self._query)
        config.pluginmanager.register(self._recording, f"{NAME}_recording")
        drop_bytecode(self._tree.doubtful())
        self._words = frozenset(config.known_args_namespace.affected.split(","))
        self._audit = Audit() if "audit" in self._words else None
        if self._audit is not None:
            config.pluginmanager.register(self._audit, f"{NAME}_audit")
        self._recorder.start()

    def _print(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:  # it is too early
            self._unprinted.append(text)
        else:
            reporter.ensure_newline()
            reporter.write_line(f"zygote: {text}")

    # Selection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Collect nothing if nothing has changed since a run that left out all tests."""
        if (
            self._words & {"all", "exact", "failed"}
            or is_distributed(self._config)
            or measured(self._config) is not None
            or session.config.option.collectonly
        ):
            return None
        self._unchanged = self._query.unchanged(knows_environ=self._recorder.knows_environ)
        total = 0
        with contextlib.suppress(StoreError):
            total = self._unchanged.total() if self._unchanged is not None else 0
        if total and self._audit is not None:
            self._audit.expect_no_collection()
            return None
        self._total = self._left_out = total
        if not total:
            return None
        self._query.notes.append("affected: nothing has changed, so they were not collected")
        session.items = []
        self._config.hook.pytest_collection_finish(session=session)
        return True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note whether all was collected: what is wrong with a file, or why it skips itself, is no known input."""
        self._is_whole &= report.passed

    def _note_that_nothing_changed(self) -> None:
        if self._unchanged is not None and self._is_whole and not self.selected and self._collected:
            needs = {**self._query.rests_on(self._collected), **self._recorder.collected()}
            with contextlib.suppress(StoreError):
                self._unchanged.note(len(self._collected), needs, self._started_ns)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Leave out the tests that no change has reached since they passed."""
        self._tree.roots = own_roots()
        self._recorder.finish_collection(leaves(session, items))
        if is_distributed(self._config):
            self._print(widened(DISTRIBUTED))
            self._store.is_broken = True
        self._total = len(items)
        self._collected = [item.nodeid for item in items]
        try:
            self.selected = self._query.answer(self._collected, knows_environ=self._recorder.knows_environ)
        except StoreError:
            self.selected = new_tests(self._collected)
        self._cover()
        self._choose(items)
        self._recording.declare(items)
        if not self._query.is_frozen:
            with contextlib.suppress(StoreError):
                self._store.expect(item.nodeid for item in items)

    def _cover(self) -> None:
        """Have tests that will be left out keep the lines that they covered; select those of which none are known."""
        coverage = measured(self._config)
        if coverage is None or self._store.is_broken:
            return
        self._why_uncovered = why_inexact(coverage, self._config)
        if "failed" in self._words:
            self._why_uncovered = "only what failed runs"
        if self._why_uncovered:
            return
        covered = CoveredLines(coverage, self._tree, self._store, self._started_ns)
        self._config.pluginmanager.register(covered, f"{NAME}_covered")
        left_out = [nodeid for nodeid in self._collected if nodeid not in self.selected]
        try:
            known = covered.of_rows(self._query.holding(left_out))
        except StoreError:
            known = {}
        unknown = (nodeid for nodeid in left_out if nodeid not in known)
        self.selected = {**self.selected, **new_tests(unknown, UNCOVERED)}
        if known and not self._words & {"all", "audit"}:
            covered.add(known.values())
            self._query.notes.append(f"affected: the coverage of {counted(len(known), 'test')} comes from the store")

    def _choose(self, items: list[pytest.Item]) -> None:
        if self._audit is not None:
            self._audit.expect(self.selected, self._total, self._query.why_left_out)
        elif "failed" in self._words:
            self.selected = self._query.failures(self._collected)
            self._leave_out(items)
        elif "all" not in self._words:
            self._note_that_nothing_changed()
            self._leave_out(items)
            if self._recorder.is_precise and not self._store.is_broken and may_fork(self._config, items):
                self._isolate(items)

    def _leave_out(self, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if item.nodeid not in self.selected]
        if left_out:
            self._left_out = len(left_out)
            self._config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item.nodeid in self.selected]

    def _isolate(self, items: list[pytest.Item]) -> None:
        """Run tests in forks, in groups, as far as that is cheap and nobody can tell."""
        last_s = {nodeid: rows[0].duration_s for nodeid, rows in self._query.rows.items()}
        groups = groups_among(items, last_s, is_each="exact" in self._words)
        noticed = why_one_process(self._config, set(opened_files()) - self._opened)
        why = noticed or shared_fixture(item for item, group in groups.items() if not group)
        if why:
            self._query.notes.append(widened(Reason("tests-in-one-process", f"{why}; tests depend on whole files")))
        if any(groups.values()) and not noticed:
            recording = self._recording
            isolation = recording.isolation = Isolation(
                groups, recording.prepare, self._recorder.begin_group, recording.store
            )
            self._config.pluginmanager.register(isolation, f"{NAME}_isolation")

    @pytest.hookimpl(trylast=True)
    def pytest_report_collectionfinish(self) -> list[str]:
        """Say how many tests run, and why."""
        for text in self._unprinted:
            self._print(text)
        lines = [self._headline(), *self._query.notes]
        if why_unknown():
            lines.append(widened(Reason("internals-changed", f"{why_unknown()}; {WHOLE_FILES}")))
        elif sys.version_info >= (3, 12) and not self._recorder.is_precise:
            why = f"other tools use all numbers of sys.monitoring; {WHOLE_FILES}"
            lines.append(widened(Reason("functions-unreported", why)))
        if self._recorder.read_early:
            why = f"{self._recorder.read_early} was imported before recording began, and may have read anything"
            lines.append(widened(Reason("plugin-imported-first", why)))
        if self._why_uncovered and self._left_out:
            reason = Reason(
                "coverage-incomplete", f"{self._why_uncovered}; what {self._left_out} tests cover is missing"
            )
            lines.append(f"affected: less coverage [{reason.code}]: {reason.text}")
        if "explain" in self._words:
            lines += [f"  {entry.nodeid}: {entry.reason}" for entry in self.selected.values()]
        return lines

    def _headline(self) -> str:
        if "all" in self._words:
            return f"affected: all {counted(self._total, 'test')}"
        if "failed" in self._words and not self.selected:
            return "affected: none of these tests failed the last time"
        would_run = " would run, and all do" if self._audit is not None else ""
        return summary(self.selected.values(), self._total) + would_run

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Call it a success if there was nothing to run."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._left_out:
            session.exitstatus = pytest.ExitCode.OK
        with contextlib.suppress(StoreError):
            if self._query.is_frozen:
                return (yield)
            is_known = session.exitstatus != pytest.ExitCode.INTERRUPTED or self._is_whole
            self._store.set("counts", f"{session.testscollected} of {counted(self._total, 'test')}" if is_known else "")
            self._saved = self._query.save(self._collected, self._recording.ran)
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was saved under a name, or to a file."""
        for line in self._saved:
            terminalreporter.write_line(line)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self) -> None:
        """Close the store's file: a worker is about to be forked, and SQLite must not have it open then."""
        self._store.close()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Remember what was read of the tree."""
        self._recorder.stop()
        try:
            if not self._query.is_frozen:
                self._tree.save()
                self._store.trim()
        except StoreError:
            return
        finally:
            self._store.close()
