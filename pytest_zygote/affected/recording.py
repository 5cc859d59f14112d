"""Hooks that record what each test depends on, and store it when the test has ended.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.affected.database import StoreError
from pytest_zygote.affected.declarations import declared
from pytest_zygote.affected.pytest_facts import is_due_to_mark, is_from_elsewhere, is_of_module
from pytest_zygote.affected.shared_state import SharedState
from pytest_zygote.affected.traces import Traces
from pytest_zygote.core.affected.outcomes import FAILED, PASSED, worst

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path
    from typing import TypeAlias

    from pytest_zygote.affected.attribution import Needs, Place
    from pytest_zygote.affected.isolation import Isolation
    from pytest_zygote.affected.query import AffectedQuery
    from pytest_zygote.affected.recorder import Recorder
    from pytest_zygote.affected.store import Store
    from pytest_zygote.core.affected.dependency import Need

    Result: TypeAlias = tuple[str, bool, float]
    """Outcome, exactness and duration of a test."""


class Present(NamedTuple):
    """The test that is running, or ran last."""

    item: pytest.Item | None
    nodeid: str
    place: Place


class Recording:
    """Records the tests of one session.

    Attributes:
        isolation: hooks of the run in which tests have forks, if it is such a run.
        ran: names of the tests that ran, here or in a worker.
    """

    def __init__(
        self,
        config: pytest.Config,
        recorder: Recorder,
        store: Store,
        query: AffectedQuery,
        traces: Traces | None = None,
    ) -> None:
        """Record nothing yet."""
        self.isolation: Isolation | None = None
        self.ran: set[str] = set()
        self._config = config
        self._recorder = recorder
        self._store = store
        self._query = query
        self._outcomes: dict[str, str] = {}
        self._places: dict[Path, Place] = {}
        self._present = Present(None, "", ("", ()))
        self._started_s = 0.0
        self._is_stored = False
        self._declared: dict[pytest.Item, list[Need]] = {}
        if traces is None:
            state = SharedState(recorder.changed)
            traces = Traces(state.of, state.left_keys)
        self._traces = traces

    def declare(self, items: Iterable[pytest.Item]) -> None:
        """Find out what tests say that they depend on.

        Raises:
            UsageError: a mark or a hook names nothing.
        """
        found = ((item, declared(item, self._recorder.need_of)) for item in items)
        self._declared = {item: needs for item, needs in found if needs}

    def prepare(self, items: Iterable[pytest.Item]) -> None:
        """Find out now, once for all forks, what tests share."""
        configuration.basetemp(self._config)
        self._recorder.prepare(map(self._place_of, items))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record one test."""
        self._present = Present(item, item.nodeid, self._place_of(item))
        self._outcomes.pop(self._present.nodeid, None)
        self._traces.begin_test(item)
        self._recorder.begin_test(self._present.place)
        self._started_s = time.perf_counter()
        self._is_stored = False
        outcome = yield
        is_fork = self.isolation is not None and self.isolation.is_fork
        if is_fork or not self._is_stored:
            (result, own, shared), has_left = self._end(item)
            written = self._recorder.written()
            if self.isolation is not None and is_fork:
                self.isolation.set_record((result, own, self._recorder.shorten(shared), written), has_left=has_left)
            else:
                self.store(item, (result, own, shared, written))
        return outcome

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note what the test says that it depends on, in the process that runs it: in no parent of its fork."""
        if item in self._declared:
            self._recorder.declare(self._declared[item])

    def _end(self, item: pytest.Item) -> tuple[tuple[Result, Needs, Needs], bool]:
        duration_s = time.perf_counter() - self._started_s
        nodeid = self._nodeid_of(item)
        is_exact, own, shared = self._recorder.end_test(self._place_of(item), is_code=isinstance(item, pytest.Function))
        before, has_left = self._traces.end_test(item, nodeid, own)
        own = {**own, **before} if before else own
        return ((self._outcomes.get(nodeid, ""), is_exact, duration_s), own, shared), has_left

    def _place_of(self, item: pytest.Item) -> Place:
        """Return the file of a test, and the conftest files that hold for it."""
        known = self._places.get(item.path)
        if known is None:
            modules = configuration.conftest_modules(item.config, item.path)
            known = self._places[item.path] = (str(item.path), tuple(str(module.__file__) for module in modules))
        return known

    def store(self, item: pytest.Item, record: object) -> None:
        """Store how a test ended and what it needed. None stands for a process that died: not passed."""
        self._is_stored = True
        if record is None or self._store.is_broken or self._query.is_frozen or item.nodeid in self._query.ambiguous:
            return
        result, own, shared, written = cast("tuple[Result, Needs, Needs | int, set[str]]", record)
        nodeid = self._nodeid_of(item)
        own = self._traces.named(nodeid, own, written)
        if result[0]:
            needs = self._recorder.spell_out(shared)
            with contextlib.suppress(StoreError):
                self._store.add(self._query.surroundings, nodeid, result, own, needs)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the worst outcome of the phases."""
        report = yield
        nodeid = self._nodeid_of(item)
        is_by_mark = not report.skipped or is_due_to_mark(item, call)
        self._outcomes[nodeid] = worst(self._outcomes.get(nodeid, PASSED), report.outcome, is_by_mark=is_by_mark)
        return report

    def _nodeid_of(self, item: pytest.Item) -> str:
        """Return the node id of an item. pytest composes it at each call; that of the current test is cached."""
        return self._present.nodeid if item is self._present.item else item.nodeid

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Attribute what a fixture of a wider scope does to all tests that follow."""
        if fixturedef.scope == "function":
            return (yield)
        is_of_place = fixturedef.scope in ("class", "module") and is_of_module(request)
        before = self._recorder.begin_fixture(self._present.place, is_of_place=is_of_place)
        try:
            return (yield)
        finally:
            self._recorder.end_fixture(fixturedef, before, is_known=not is_from_elsewhere(self._config, fixturedef))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests ran. A test has failed, too, if only one of its subtests did."""
        if report.when == "teardown" and report.outcome != FAILED:
            return
        self.ran.add(report.nodeid)
        if report.outcome == FAILED:
            self._outcomes[report.nodeid] = FAILED
