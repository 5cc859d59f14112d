"""Makes what is reported in a session events that are JSON, for other processes.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.shards.recorded_events import KIND

if TYPE_CHECKING:
    import warnings

    from pytest_zygote.shards.recorded_events import Event

OF_WORKERS = frozenset({"node", "worker_id", "testrun_uid", "item_index"})
"""Attributes of reports that say which worker ran a test: the whole is shown without workers."""


class EventRecorder:
    """Hands each event on as it comes."""

    def __init__(self, config: pytest.Config) -> None:
        """Record this session."""
        self._config = config

    def _write(self, event: Event) -> None:
        raise NotImplementedError

    def _write_report(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        if data is not None:
            self._write({name: value for name, value in data.items() if name not in OF_WORKERS})

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if not report.passed:
            self._write_report(report)

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Keep it."""
        self._write({KIND: "LogStart", "nodeid": nodeid, "location": location})

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep it."""
        self._write_report(report)

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Keep it."""
        self._write({KIND: "LogFinish", "nodeid": nodeid, "location": location})

    @pytest.hookimpl
    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Keep it, as text."""
        category = warning_message.category
        self._write(
            {
                KIND: "WarningMessage",
                "category": f"{category.__module__}.{category.__qualname__}",
                "message": str(warning_message.message),
                "filename": warning_message.filename,
                "lineno": warning_message.lineno,
                "when": when,
                "nodeid": nodeid,
                "location": location,
            }
        )
