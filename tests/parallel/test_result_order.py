"""The order of collection, for summaries and junit files."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from pytest_zygote.parallel.result_order import ResultOrder
from tests.parallel.fakes import make_config, make_items, make_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Reporter:
    """The terminal's reporter, as far as it collects reports."""

    def __init__(self, *reports: object) -> None:
        """Have seen reports in this order."""
        self.stats: dict[str, list[object]] = {"passed": list(reports)}


class Junit:
    """A plugin of pytest's own module for junit files."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.node_reporters_ordered: list[str] = []
        self.node_reporters: dict[object, str] = {}

    def node_reporter(self, report: pytest.TestReport) -> str:
        """Return what collects the results of a test."""
        if report.nodeid not in self.node_reporters_ordered:
            self.node_reporters_ordered.append(report.nodeid)
            self.node_reporters[report.nodeid, "gw0"] = report.nodeid
        return next(node for node in self.node_reporters_ordered if node == report.nodeid)


Junit.__module__ = "_pytest.junitxml"


def report_of(nodeid: str, index: int | None) -> pytest.TestReport:
    """Make a report of a worker, or of this process if there is no index."""
    marks = {} if index is None else {"item_index": index}
    return cast("pytest.TestReport", SimpleNamespace(nodeid=nodeid, **marks))


def restored(reports: Sequence[pytest.TestReport]) -> list[str]:
    """Return the ids of reports in the order that they have at the end."""
    config, reporter = make_config(), Reporter(*reports)
    config.pluginmanager.register(reporter, "terminalreporter")
    ResultOrder(make_session(make_items(config, "a.py::x", "a.py::y", "b.py::z"), config)).restore()
    return [report.nodeid for report in cast("list[pytest.TestReport]", reporter.stats["passed"])]


def test_reports_of_workers_are_sorted_by_collection() -> None:
    """Whoever was first."""
    reports = [report_of("b.py::z", 2), report_of("a.py::x", 0), report_of("a.py::y", 1)]
    assert restored(reports) == ["a.py::x", "a.py::y", "b.py::z"]


def test_reports_of_this_process_are_found_by_name() -> None:
    """One of no test, which a plugin has made, comes first."""
    reports = [report_of("b.py::z", 2), report_of("a.py::y", None), report_of("nothing", None), report_of("a.py::x", 0)]
    assert restored(reports) == ["nothing", "a.py::x", "a.py::y", "b.py::z"]


def test_what_is_no_report_stays_where_it_is() -> None:
    """A plugin may count things of its own."""
    config, reporter = make_config(), Reporter("b", "a")
    config.pluginmanager.register(reporter, "terminalreporter")
    ResultOrder(make_session([], config)).restore()
    assert reporter.stats["passed"] == ["b", "a"]


def test_junit_files_are_sorted_by_collection() -> None:
    """Though a complete case does not know its name any more."""
    config, junit = make_config(), Junit()
    config.pluginmanager.register(junit)
    order = ResultOrder(make_session(make_items(config, "a.py::x", "a.py::y", "b.py::z"), config))
    for nodeid in ("b.py::z", "a.py::y", "a.py::x"):
        order.note(report_of(nodeid, None))
    order.restore()
    assert junit.node_reporters_ordered == ["a.py::x", "a.py::y", "b.py::z"]


def test_a_test_that_runs_again_in_another_worker_is_one_case() -> None:
    """That of the killed worker is dropped, and its name is free for the next."""
    config, junit = make_config(), Junit()
    config.pluginmanager.register(junit)
    order = ResultOrder(make_session(make_items(config, "a.py::x", "a.py::y"), config))
    for nodeid in ("a.py::y", "a.py::x"):
        order.note(report_of(nodeid, None))
    order.drop(report_of("a.py::x", None))
    assert junit.node_reporters_ordered == ["a.py::y"]
    assert list(junit.node_reporters) == [("a.py::y", "gw0")]
