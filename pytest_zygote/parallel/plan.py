"""How the tests of a session are run in parallel, or why they are not.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

from pytest_zygote.adapters.pytest.private.configuration import saved_stdin
from pytest_zygote.adapters.self_checks import lost_reason
from pytest_zygote.adapters.system import rlimits
from pytest_zygote.core.internals import Feature
from pytest_zygote.core.parallel.fixed_schedule import FixedSchedule
from pytest_zygote.core.parallel.limits import affordable_workers
from pytest_zygote.core.parallel.stealing_schedule import StealingSchedule
from pytest_zygote.core.parallel.work_units import Unit, parallelism
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.runner_code import TERMINAL
from pytest_zygote.parallel import worker_hooks
from pytest_zygote.parallel.work_units import FIXED, History, Units

if TYPE_CHECKING:
    from collections.abc import Collection

    import pytest

    from pytest_zygote.core.parallel.scheduler import Scheduler
    from pytest_zygote.parallel.feed import Feed

RESTARTS_PER_WORKER = 4
XDIST_INSTEAD = "--no-zygote-workers gives pytest-xdist back"


class ParallelPlan:
    """What is to be run, by how many workers.

    Attributes:
        units: the tests that belong together.
        seconds: index of a test → how long it takes, as far as that is known.
        count: of workers: no more than can have something to do.
        reason: why there are fewer than that; None if there are not.
        feed: gives the tests to be run; None if all are to.
        is_one_piece: whether there is nothing to share out, and so no need for a fork.
        ids: of all tests.
        testrunuid: the name of this run.
        max_restarts: how many dead workers are replaced.
    """

    def __init__(
        self, session: pytest.Session, wanted: int, units: Units | None = None, feed: Feed | None = None
    ) -> None:
        """Look at the tests of a session.

        Args:
            session: with the tests.
            wanted: how many workers the user wants.
            units: found by the collected session that this run was forked from.
            feed: gives the tests to be run, one after the other; None to run all.
        """
        option = session.config.option
        self._history = History(session.config)
        if units is None or not units.are_of(session.items):
            units = Units(session.items, str(option.dist))
        self._units = units
        self.ids = self._units.ids
        self.units: list[Unit] = self._units.priced(self._history.fixtures)
        known = self._history.tests
        self.seconds = {at: known[name] for at, name in enumerate(self.ids) if name in known}
        self._kind = FixedSchedule if option.dist == FIXED else StealingSchedule
        possible = parallelism(self.units)
        wanted = min(wanted, possible)
        self.count = affordable_workers(wanted, rlimits.free_files())
        self.reason = None if self.count == wanted else _few_files(wanted, self.count)
        self.feed = feed
        self.is_one_piece = possible == 1 and feed is None
        self.testrunuid = option.testrunuid or uuid.uuid4().hex
        restarts = option.maxworkerrestart
        self.max_restarts = RESTARTS_PER_WORKER * self.count if restarts is None else int(restarts)

    def schedule(self) -> Scheduler:
        """Return what decides which worker runs which test."""
        if self.feed is not None:
            return self.feed.schedule(self.units, self.seconds, self.count)
        return self._kind(self.units, self.seconds, self.count)

    def receive(self, ready: Collection[object]) -> None:
        """Let the feed put what has come into the schedule, if it is among what is ready."""
        if self.feed is not None and self.feed in ready:
            self.feed.receive()

    def report(self, open_tests: Collection[int]) -> None:
        """Let the feed say what was done, but for tests that workers hold open."""
        if self.feed is not None:
            self.feed.report(open_tests)

    def note_begin(self, item: int, worker: str) -> None:
        """Note which worker runs a test."""
        self._history.note_begin(self.ids[item], worker)

    def note(self, item: int, seconds: float, fixtures: float) -> None:
        """Note what a test took."""
        self._history.note(self.ids[item], seconds, self._units.names[item], fixtures)

    def save(self) -> None:
        """Store durations for the next run."""
        self._history.save()


def _few_files(wanted: int, count: int) -> Reason:
    return Reason("few-descriptors", f"{wanted} would need more open files than the system allows (ulimit -n): {count}")


def _has_terminal(config: pytest.Config) -> bool:
    """Return whether a user can type. Not if stdin is a pipe: each process would read a part of its content."""
    return TERMINAL in os.environ or os.isatty(saved_stdin(config))


def why_not_parallel(session: pytest.Session) -> Reason | None:
    """Return why tests cannot be run by workers, wherever those are forked; None if they can."""
    config = session.config
    if config.getoption("stepwise", default=False):
        return Reason("order-matters", "--stepwise needs the tests one after the other")
    if config.getoption("usepdb", default=False) and not _has_terminal(config):
        return Reason("debugger-without-terminal", "--pdb without a terminal")
    plugin = worker_hooks.incompatible_plugin(config)
    if plugin:
        return Reason("plugin-ends-sessions", f"{plugin} ends a session in each worker; {XDIST_INSTEAD}")
    if config.hook.pytest_xdist_make_scheduler.get_hookimpls():
        return Reason("scheduler-replaced", f"pytest_xdist_make_scheduler is implemented; {XDIST_INSTEAD}")
    return lost_reason(Feature.WORKERS)
