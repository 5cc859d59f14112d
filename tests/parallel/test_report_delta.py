"""Reports that are reduced to what is new in them."""

from __future__ import annotations

from typing import Literal

import pytest

from pytest_zygote.parallel import messages
from pytest_zygote.parallel.report_delta import DeltaDecoder, DeltaEncoder
from tests.parallel.fakes import make_config


def make_report(
    nodeid: str = "a.py::x", when: Literal["setup", "call", "teardown"] = "call", **fields: object
) -> pytest.TestReport:
    """Make a report of a test that went well."""
    report = pytest.TestReport(nodeid, ("a.py", 1, "x"), {"x": 1}, "passed", None, when, (), 0.5, 1.0, 1.5)
    vars(report).update(fields)
    return report


def transfer(reports: list[pytest.TestReport], marks: dict[str, object]) -> list[pytest.TestReport]:
    """Send reports as one worker does."""
    encoder, decoder = DeltaEncoder(make_config()), DeltaDecoder()
    deltas = [encoder.encode(report) for report in reports]
    data = messages.encode([delta for delta in deltas if delta is not None])
    received = messages.decode_from_worker(data)
    return [decoder.decode(delta, marks) for delta in received if isinstance(delta, messages.ReportDelta)]


def test_reports_arrive_as_they_were() -> None:
    """Of several tests, with what is added to them."""
    reports = [make_report(nodeid, when) for nodeid in ("a.py::x", "a.py::y") for when in ("setup", "call", "teardown")]
    received = transfer(reports, {"worker_id": "gw0"})
    assert [vars(report) for report in received] == [{**vars(report), "worker_id": "gw0"} for report in reports]
    assert [report.nodeid for report in received] == [report.nodeid for report in reports]


def test_what_all_reports_of_a_test_have_travels_once() -> None:
    """And again with the next test."""
    encoder = DeltaEncoder(make_config())
    deltas = [encoder.encode(make_report(nodeid)) for nodeid in ("a.py::x", "a.py::x", "a.py::y")]
    assert [delta is not None and delta.common is not None for delta in deltas] == [True, False, True]


def test_reports_of_a_test_share_nothing_that_can_change() -> None:
    """A plugin may add to one of them."""
    first, second = transfer([make_report(when="setup"), make_report()], {})
    first.sections.append(("out", "text"))
    first.user_properties.append(("name", "value"))
    first.keywords["added"] = 1  # type: ignore[index]
    assert (second.sections, second.user_properties, dict(second.keywords)) == ([], [], {"x": 1})


class Subclassed(pytest.TestReport):
    """A report of a plugin."""


def test_anything_else_travels_whole() -> None:
    """What failed, was captured, or was added by a plugin."""
    encoder = DeltaEncoder(make_config())
    reports = [
        make_report(longrepr="failed"),
        make_report(sections=[("out", "text")]),
        make_report(user_properties=[("name", "value")]),
        make_report(wasxfail="reason"),
    ]
    assert [encoder.encode(report) for report in reports] == [None] * len(reports)
    assert encoder.encode(Subclassed("a.py::x", ("a.py", 1, "x"), {}, "passed", None, "call")) is None


class Serializer:
    """A plugin with a form of its own for reports."""

    @pytest.hookimpl
    def pytest_report_to_serializable(self) -> None:
        """Leave this one to pytest."""


def test_a_plugin_that_serialises_reports_gets_all_of_them() -> None:
    """It may add to any."""
    assert DeltaEncoder(make_config(Serializer())).encode(make_report()) is None
