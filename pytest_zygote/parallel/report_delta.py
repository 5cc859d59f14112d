"""Reports of tests that went well, in few words.

Most reports say nothing but when it was and how long it took, beside what all reports of a test
have in common. Of those only that is sent. What arrives is an exact copy nevertheless: a report
with anything else in it, or one that a plugin has its own words for, travels whole.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_zygote.fixtures.transfer import Event

SERIALIZERS = ("pytest_report_to_serializable", "pytest_report_from_serializable")
_FIELDS = vars(pytest.TestReport("", ("", None, ""), {}, "passed", None, "call")).keys()
"""What every report has; plugins may add to it."""


class Shortener:
    """The worker's side."""

    def __init__(self, config: pytest.Config) -> None:
        """Look whether somebody else has a say in how reports are sent."""
        makers = (
            implementation.function.__module__
            for name in SERIALIZERS
            for implementation in getattr(config.hook, name).get_hookimpls()
        )
        self._is_allowed = all(module.startswith("_pytest.") for module in makers)
        self._common: tuple[object, ...] = ()

    def shorten(self, report: pytest.TestReport) -> Event | None:
        """Return what is worth telling about a report; None if that is all of it."""
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
        told = None if common == self._common else common
        self._common = common
        return ("brief", report.when, report.outcome, report.duration, report.start, report.stop, told)


class Restorer:
    """The run process's side, for one worker."""

    def __init__(self) -> None:
        """Know no test yet."""
        self._common: dict[str, object] = {}
        self._keywords: dict[str, int] = {}

    def restore(self, event: Event, marks: dict[str, object]) -> pytest.TestReport:
        """Return the report that was shortened, with these attributes beside its own."""
        _, when, outcome, duration, start, stop, told = event
        if isinstance(told, tuple):
            nodeid, location, self._keywords = told
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
        fields["keywords"] = self._keywords.copy()
        fields["user_properties"] = []
        fields["sections"] = []
        return report
