"""Reports of tests that passed, reduced to what is new in them.

Most reports say only when a phase was and how long it took; the rest is the same in all reports of a test, and is not
sent again. What arrives is an exact copy nevertheless: a report with anything else in it, or one that a plugin
serialises itself, is sent whole.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel.messages import ReportDelta

if TYPE_CHECKING:
    from collections.abc import Mapping

SERIALIZERS = ("pytest_report_to_serializable", "pytest_report_from_serializable")
_FIELDS = vars(pytest.TestReport("", ("", None, ""), {}, "passed", None, "call")).keys()
"""What every report has; plugins may add to it."""


class DeltaEncoder:
    """The worker's side."""

    def __init__(self, config: pytest.Config) -> None:
        """Find out whether a plugin serialises reports itself."""
        implementations = (hook for name in SERIALIZERS for hook in getattr(config.hook, name).get_hookimpls())
        self._is_allowed = all(hook.function.__module__.startswith("_pytest.") for hook in implementations)
        self._common: tuple[object, ...] = ()

    def encode(self, report: pytest.TestReport) -> ReportDelta | None:
        """Return what is new in a report; None if it must be sent whole."""
        if (
            not self._is_allowed
            or report.longrepr is not None
            or report.sections
            or report.user_properties
            or type(report) is not pytest.TestReport
            or vars(report).keys() != _FIELDS
        ):
            return None
        common = (report.nodeid, report.location, report.keywords)
        new = None if common == self._common else common
        self._common = common
        return ReportDelta(report.when, report.outcome, report.duration, report.start, report.stop, new)


class DeltaDecoder:
    """The controller's side, for one worker."""

    def __init__(self) -> None:
        """Know no test yet."""
        self._common: dict[str, object] = {}
        self._keywords: Mapping[str, int] = {}

    def decode(self, delta: ReportDelta, marks: Mapping[str, object]) -> pytest.TestReport:
        """Return the report, with these additional attributes."""
        when, outcome, duration, start, stop, common = delta
        if common is not None:
            nodeid, location, self._keywords = common
            self._common = vars(pytest.TestReport(nodeid, location, {}, "passed", None, "call"))
        report = pytest.TestReport.__new__(pytest.TestReport)
        fields = vars(report)
        fields.update(self._common)
        fields.update(marks)
        fields["when"] = when
        fields["outcome"] = outcome
        fields["duration"] = duration
        fields["start"] = start
        fields["stop"] = stop
        fields["keywords"] = dict(self._keywords)
        fields["user_properties"] = []
        fields["sections"] = []
        return report
