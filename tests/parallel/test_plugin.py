"""The plugin of a parallel run, where it needs no worker: one process that stands for one, and replays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel.plugin import ParallelPlugin, WorkerReplay, run_here
from pytest_zygote.parallel.work_units import SCHEDULE
from tests.parallel.fakes import cache_of, make_config, make_items, make_session

if TYPE_CHECKING:
    from pytest_zygote.parallel.xdist_node import Node


class Running:
    """A plugin that runs tests, and sees what they and their reports know of the worker.

    Attributes:
        ran: each test with the next one, and the worker.
        reports: worker and run of each report.
    """

    def __init__(self) -> None:
        """Have run nothing."""
        self.ran: list[tuple[str, str | None, str]] = []
        self.reports: list[tuple[str, str]] = []
        self.configured: list[str] = []
        self.stops_after = ""
        self.deselected: list[str] = []

    @pytest.hookimpl
    def pytest_configure_node(self, node: Node) -> None:
        """Prepare a worker."""
        self.configured.append(node.gateway.id)

    @pytest.hookimpl
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test."""
        following = nextitem.nodeid if nextitem is not None else None
        self.ran.append((item.nodeid, following, os.environ["PYTEST_XDIST_WORKER"]))
        report = pytest.TestReport(item.nodeid, item.location, {}, "passed", None, "call")
        item.config.hook.pytest_runtest_logreport(report=report)
        return True

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whose it is."""
        self.reports.append((vars(report)["worker_id"], vars(report)["testrun_uid"]))

    @pytest.hookimpl
    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note what is left out."""
        self.deselected += [item.nodeid for item in items]


def test_one_process_may_stand_for_a_worker() -> None:
    """Tests, plugins and reports see it; afterwards nothing is left of it."""
    plugin = Running()
    config = make_config(plugin)
    before = dict(os.environ)
    run_here(make_session(make_items(config, "a.py::x", "a.py::y"), config), "gw3", "uid")
    assert plugin.configured == ["gw3"]
    assert plugin.ran == [("a.py::x", "a.py::y", "gw3"), ("a.py::y", None, "gw3")]
    assert plugin.reports == [("gw3", "uid")] * 2
    assert dict(os.environ) == before
    assert not hasattr(config, "workerinput")


def test_tests_that_stay_together_run_here() -> None:
    """There is nothing to share out, and so no need for a fork."""
    plugin = Running()
    config = make_config(plugin, dist="loadfile")
    session = make_session(make_items(config, "a.py::x", "a.py::y"), config)
    assert ParallelPlugin(config).pytest_runtestloop(session) is True
    assert [nodeid for nodeid, _, _ in plugin.ran] == ["a.py::x", "a.py::y"]


def test_a_session_that_stops_is_interrupted() -> None:
    """As pytest's own loop does it."""
    config = make_config(Running(), dist="loadfile")
    session = make_session(make_items(config, "a.py::x", "a.py::y"), config)
    session.Interrupted = pytest.Session.Interrupted
    session.shouldstop = "enough"
    with pytest.raises(pytest.Session.Interrupted, match="enough"):
        ParallelPlugin(config).pytest_runtestloop(session)


def test_what_workers_cannot_do_is_left_to_pytest() -> None:
    """Other plugins then see that there are no workers."""
    config = make_config(stepwise=True)
    session = make_session(make_items(config, "a.py::x", "b.py::y"), config)
    assert ParallelPlugin(config).pytest_runtestloop(session) is None
    assert (config.option.dist, config.option.numprocesses, config.option.tx) == ("no", 0, [])


def test_nothing_is_done_without_tests() -> None:
    """Nor after errors of collection."""
    config = make_config(continue_on_collection_errors=False)
    assert ParallelPlugin(config).pytest_runtestloop(make_session([], config)) is None
    session = make_session(make_items(config, "a.py::x"), config)
    session.testsfailed = 1
    assert ParallelPlugin(config).pytest_runtestloop(session) is None


def test_what_a_worker_ran_can_be_run_again() -> None:
    """In its order, under its name; all else is deselected."""
    plugin = Running()
    config = make_config(plugin, zygote_replay="gw1")
    cache_of(config).set(SCHEDULE, {"gw1": ["b.py::z", "a.py::x"]})
    items = make_items(config, "a.py::x", "a.py::y", "b.py::z")
    replay = WorkerReplay(config)
    replay.pytest_collection_modifyitems(items)
    assert plugin.deselected == ["a.py::y"]
    assert replay.pytest_runtestloop(make_session(items, config)) is True
    assert plugin.ran == [("b.py::z", "a.py::x", "gw1"), ("a.py::x", None, "gw1")]


def test_a_replay_only_collects_where_that_is_asked_for() -> None:
    """Pytest's own loop then shows the tests."""
    config = make_config(zygote_replay="gw0", collectonly=True)
    cache_of(config).set(SCHEDULE, {"gw0": ["a.py::x"]})
    items = make_items(config, "a.py::x")
    assert WorkerReplay(config).pytest_runtestloop(make_session(items, config)) is None


@pytest.mark.parametrize(("outcome", "word"), [("rerun", "rerun"), ("passed", None)])
def test_a_test_that_is_tried_again_has_a_letter(outcome: str, word: str | None) -> None:
    """That of pytest-rerunfailures."""
    report = pytest.TestReport("a.py::x", ("a.py", 1, "x"), {}, "passed", None, "call")
    vars(report)["outcome"] = outcome
    status = ParallelPlugin(make_config()).pytest_report_teststatus(report)
    assert (status and status[0]) == word
