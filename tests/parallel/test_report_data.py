"""Reports that can be sent, and those that cannot."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel import report_data
from tests.parallel.fakes import make_config

if TYPE_CHECKING:
    from typing import Literal

LOCATION = ("a.py", 1, "x")


class Unloadable(Exception):  # noqa: N818 - one of a user's
    """It can be pickled, and not be made again."""

    def __init__(self, one: str, two: str) -> None:
        """Need two arguments."""
        super().__init__(one + two)


class Serializer:
    """pytest's part in sending reports, or a plugin's.

    Attributes:
        fails: whether reports cannot be serialised, or not be made again.
    """

    def __init__(self, fails: str = "") -> None:
        """Fail at one end, or at none."""
        self.fails = fails

    @pytest.hookimpl
    def pytest_report_to_serializable(self, report: pytest.TestReport) -> dict[str, object]:
        """Return what is in the report."""
        if self.fails == "dump":
            raise TypeError("not this one")
        return report._to_json()  # noqa: SLF001

    @pytest.hookimpl
    def pytest_report_from_serializable(self, data: dict[str, object]) -> pytest.TestReport:
        """Return a report with this in it."""
        if self.fails == "load":
            raise KeyError("missing")
        return pytest.TestReport._from_json(data)  # noqa: SLF001


def report_of(outcome: Literal["passed", "failed", "skipped"], **more: object) -> pytest.TestReport:
    """Make a report."""
    longrepr = {"passed": None, "failed": "assert 1 == 2", "skipped": ("a.py", 1, "Skipped: why")}[outcome]
    return pytest.TestReport("a.py::x", LOCATION, {"x": 1}, outcome, longrepr, "call", duration=0.5, **more)  # type: ignore[arg-type]


def sent(report: pytest.TestReport, fails: str = "") -> tuple[pytest.TestReport, str]:
    """Return what arrives of a report, and what is said of it."""
    config = make_config(Serializer(fails))
    data, changed = report_data.dump_report(config, report)
    received, lost = report_data.load_report(config, None, data)
    return received, changed or lost


def test_a_report_arrives_as_it_was() -> None:
    """With all that was put there."""
    report = report_of("failed", user_properties=[("n", 1)], own={"a": (1, 2)})
    received, said = sent(report)
    assert vars(received) == vars(report)
    assert said == ""


@pytest.mark.parametrize("value", [threading.Lock(), Unloadable("a", "b")], ids=["lock", "exception"])
def test_what_cannot_be_sent_is_text(value: object) -> None:
    """Only this; and it is named."""
    received, said = sent(report_of("passed", user_properties=[("n", 1), ("it", value)], own=[value]))
    assert received.user_properties == [("n", 1), ("it", repr(value))]
    assert received.outcome == "passed"
    name = type(value).__name__
    assert said == f"what cannot be sent to another process is text now: user_properties ({name}), own ({name})"


@pytest.mark.parametrize("fails", ["dump", "load"])
@pytest.mark.parametrize("outcome", ["passed", "failed", "skipped"])
def test_a_report_that_a_plugin_cannot_send_keeps_its_outcome(
    fails: str, outcome: Literal["passed", "failed", "skipped"]
) -> None:
    """And says why there is no more of it."""
    received, said = sent(report_of(outcome), fails)
    assert said.endswith(
        {"dump": "serialised (TypeError: not this one)", "load": "run process (KeyError: 'missing')"}[fails]
    )
    assert (received.nodeid, received.outcome, received.when, received.duration) == ("a.py::x", outcome, "call", 0.5)
    if outcome == "failed":
        assert received.longrepr == f"assert 1 == 2\n{said}"
    elif outcome == "skipped":
        assert received.longrepr == ("a.py", 1, f"Skipped: {said}")


def test_an_expected_failure_is_one_also_then() -> None:
    """An attribute tells it."""
    received, _ = sent(report_of("skipped", wasxfail="reason"), "dump")
    assert received.wasxfail == "reason"


def test_a_text_that_cannot_be_made_is_described() -> None:
    """Whatever a plugin has put into the place of the error."""

    class Broken:
        def __str__(self) -> str:
            raise ValueError("no text")

    report = report_of("failed")
    report.longrepr = Broken()  # type: ignore[assignment]
    received, said = sent(report, "dump")
    assert received.longrepr == f"ValueError: no text\n{said}"
