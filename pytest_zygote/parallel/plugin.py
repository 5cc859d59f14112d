"""The plugin of a parallel run: it replaces pytest's own loop over the tests.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.parallel.fork_point import ForkPoint, fork_point
from pytest_zygote.core.parallel.worker_pool import name_of
from pytest_zygote.core.reasons import Reason
from pytest_zygote.fixtures.shared import SharedFixtures
from pytest_zygote.parallel import collection_leftovers, fast_exit, run_limits, worker_hooks
from pytest_zygote.parallel.collection_barrier import DifferentCollections, WorkerLost
from pytest_zygote.parallel.controller import Controller
from pytest_zygote.parallel.django_databases import WorkerDatabases
from pytest_zygote.parallel.feed import NAME as FEED
from pytest_zygote.parallel.plan import ParallelPlan, why_not_parallel
from pytest_zygote.parallel.work_units import Units, items_run_by
from pytest_zygote.parallel.worker_zygote import NAME as ZYGOTE
from pytest_zygote.parallel.xdist_node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_zygote.parallel.collection_leftovers import CollectionLeftovers
    from pytest_zygote.parallel.feed import Feed
    from pytest_zygote.parallel.worker_zygote import WorkerZygote


class ParallelPlugin:
    """Runs the tests of a session by workers."""

    def __init__(self, config: pytest.Config) -> None:
        """Belong to this session."""
        self._config = config
        self._summary = ""
        self._lines: list[str] = []
        self._plan: ParallelPlan | None = None
        self._controller: Controller | None = None
        self._units: Units | None = None
        self._zygote: WorkerZygote | None = None
        self._leftovers: CollectionLeftovers | None = config.pluginmanager.getplugin(collection_leftovers.NAME)
        if self._leftovers is not None:
            self._leftovers.on_configured(config)

    def prepare(self, session: pytest.Session) -> None:
        """Find the units once, for all runs that are forked from a collected session."""
        self._units = Units(session.items, str(session.config.option.dist))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all tests, or leave it to pytest."""
        has_failed = session.testsfailed and not session.config.option.continue_on_collection_errors
        if has_failed or not session.items:
            return None
        reason = why_not_parallel(session) or self._choose_fork_point()
        if reason is not None:
            self._leave_to_pytest(reason)
            return None
        feed: Feed | None = session.config.pluginmanager.getplugin(FEED)
        self._plan = ParallelPlan(session, len(session.config.option.tx), self._units, feed)
        try:
            self._run_all(session, self._plan)
        except WorkerLost as lost:
            self._leave_to_pytest(Reason("worker-lost", str(lost)))
            return None
        except DifferentCollections as error:
            report = pytest.CollectReport(error.worker, "failed", str(error), [])
            self._config.hook.pytest_collectreport(report=report)
        _raise_if_ended(session)
        return True

    def _run_all(self, session: pytest.Session, plan: ParallelPlan) -> None:
        limits = run_limits.of(self._config)
        needs_process = worker_hooks.need_processes(self._config) or (limits is not None and limits.need_processes)
        if plan.is_one_piece and self._zygote is None and not needs_process:
            self._announce(session, 1)
            run_here(session, "gw0", plan.testrunuid)
        else:
            self._run(session, plan)

    def _choose_fork_point(self) -> Reason | None:
        """Find out which process workers are forked from; return why there are to be none."""
        reason = None if self._leftovers is None else self._leftovers.reason
        zygote: WorkerZygote | None = self._config.pluginmanager.getplugin(ZYGOTE)
        has_zygote = zygote is not None and zygote.is_ready
        point = fork_point(self._config.option.fork_workers, is_exact=reason is None, has_zygote=has_zygote)
        if zygote is not None and point is not ForkPoint.CONFIGURED:
            zygote.close()
        if point is ForkPoint.NONE:
            return reason or Reason("threads-running", "no process was there that workers could be forked from")
        if point is ForkPoint.CONFIGURED:
            self._zygote = zygote
            if reason is not None:
                self._print_line(f"zygote: each worker collects the tests [{reason.code}]: {reason.text}")
        return None

    def _leave_to_pytest(self, reason: Reason) -> None:
        """Let pytest run the tests in this process.

        Raises:
            pytest.UsageError: others are to decide which are run.
        """
        if self._config.pluginmanager.hasplugin(FEED):
            raise pytest.UsageError(f"zygote: one process [{reason.code}]: {reason.text}")
        self._print_line(f"zygote: one process [{reason.code}]: {reason.text}")
        # Plugins that look for workers at the end would wait for some that never existed.
        self._config.option.dist, self._config.option.numprocesses, self._config.option.tx = "no", 0, []
        self._plan = self._controller = None

    def _run(self, session: pytest.Session, plan: ParallelPlan) -> None:
        shared_fixtures = SharedFixtures(session)
        databases = WorkerDatabases(session, plan.count, shared_fixtures)
        controller = self._controller = Controller(session, plan, shared_fixtures, self._zygote)
        try:
            reasons = shared_fixtures.set_up()
            if self._zygote is None:  # else each worker makes its own
                reasons += databases.set_up()
            for reason in reasons:
                self._print_line(f"zygote: {reason}")
            if plan.reason is not None:
                self._print_line(f"zygote: fewer workers [{plan.reason.code}]: {plan.reason.text}")
            self._announce(session, plan.count)
            call_setup_nodes(session.config, [name_of(number) for number in range(plan.count)])
            controller.run()
        finally:
            self._summary, self._lines = controller.summary, controller.lines
            databases.tear_down()
            shared_fixtures.tear_down()

    def _announce(self, session: pytest.Session, workers: int) -> None:
        tests = len(session.items)
        self._print_line(f"{workers} worker{'s' * (workers != 1)} [{tests} item{'s' * (tests != 1)}]")

    def _print_line(self, line: str) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(line)

    @pytest.hookimpl
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Show a test that is tried again as pytest-rerunfailures does."""
        return ("rerun", "R", ("RERUN", {"yellow": True})) if str(report.outcome) == "rerun" else None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Store durations for the next run; reap all workers."""
        if self._plan is not None:
            self._plan.save()
        if self._controller is not None:
            self._controller.reap()
            fast_exit.free_no_memory(self._config)

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print why the run ended early; with -v, what each worker did."""
        if self._lines and self._config.option.verbose > 0:
            terminalreporter.write_sep("=", "workers")
            for line in sorted(self._lines):
                terminalreporter.write_line(line)
        if self._summary and self._config.option.verbose >= 0:
            terminalreporter.write_sep("=", f"xdist: {self._summary}")


class WorkerMarks:
    """Marks the reports of this process, which acts as a worker, as that worker's."""

    def __init__(self, node: Node, testrunuid: str) -> None:
        """Stand for this worker."""
        self._node = node
        self._testrunuid = testrunuid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Mark a report before other plugins see it."""
        report.node = self._node  # type: ignore[attr-defined]
        report.worker_id = self._node.gateway.id  # type: ignore[attr-defined]
        report.testrun_uid = self._testrunuid  # type: ignore[attr-defined]


class WorkerReplay:
    """Runs what one worker of the last run ran, in its order, in this process."""

    def __init__(self, config: pytest.Config) -> None:
        """Look up what it ran.

        Raises:
            pytest.UsageError: there was no such worker.
        """
        self._config = config
        self._worker = str(config.option.zygote_replay)
        self._ids = items_run_by(config, self._worker)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Select these tests, in their order."""
        positions = {nodeid: at for at, nodeid in enumerate(self._ids)}
        others = [item for item in items if item.nodeid not in positions]
        if others:
            self._config.hook.pytest_deselected(items=others)
        items[:] = sorted((item for item in items if item.nodeid in positions), key=lambda item: positions[item.nodeid])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests, unless collection has failed or only collection was asked for."""
        if session.testsfailed or session.config.option.collectonly:
            return None
        run_here(session, self._worker, session.config.option.testrunuid or uuid.uuid4().hex)
        _raise_if_ended(session)
        return True


def _raise_if_ended(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def call_setup_nodes(config: pytest.Config, names: Iterable[str]) -> None:
    """Tell plugins which workers there will be, as pytest-xdist does."""
    config.hook.pytest_xdist_setupnodes(config=config, specs=[Spec(name) for name in names])


def run_here(session: pytest.Session, name: str, testrunuid: str) -> None:
    """Run tests in this process, which appears to them as the only worker, with this name."""
    config = session.config
    node = Node(config, name, 1, testrunuid)
    call_setup_nodes(config, [name])
    config.hook.pytest_xdist_newgateway(gateway=node.gateway)
    config.hook.pytest_configure_node(node=node)
    before = {key: os.environ.get(key) for key in node.environ}
    os.environ.update(node.environ)
    config.workerinput = node.workerinput  # type: ignore[attr-defined]
    config.pluginmanager.register(WorkerMarks(node, testrunuid), "zygote_worker_marks")
    try:
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail or session.shouldstop:
                break
    finally:
        del config.workerinput  # type: ignore[attr-defined]
        config.pluginmanager.unregister(name="zygote_worker_marks")
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value
