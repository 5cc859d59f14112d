"""Restores the order of collection in what is shown and written at the end of a run.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

from pytest_zygote.parallel.junit import files_of

if TYPE_CHECKING:
    import pytest


_INDEX = attrgetter("item_index")


def _have_indices(reports: list[pytest.TestReport]) -> bool:
    """Return whether all reports came from workers: then thousands are sorted without a call for each."""
    try:
        return set(map(type, map(_INDEX, reports))) == {int}
    except AttributeError:
        return False


class ResultOrder:
    """Puts the terminal's summary and the junit file in the order that they have without workers.

    Attributes:
        has_junit_files: whether `note` must see the reports.
    """

    def __init__(self, session: pytest.Session) -> None:
        """Find the plugins that collect reports."""
        manager = session.config.pluginmanager
        self._items = session.items
        self._terminal = manager.getplugin("terminalreporter")
        self._junits = files_of(session.config)
        self.has_junit_files = bool(self._junits)
        self._cases: dict[int, int] = {}
        self._dropped: list[object] = []

    @cached_property
    def _indices(self) -> dict[str, int]:
        """The index of each test; only reports that did not come from workers, and junit files, need it."""
        return {item.nodeid: at for at, item in enumerate(self._items)}

    def note(self, report: pytest.TestReport) -> None:
        """Note to which test a case of a junit file belongs: a complete case has no node id any more."""
        for junit in self._junits:
            self._cases.setdefault(id(junit.node_reporter(report)), self._indices.get(report.nodeid, -1))

    def drop(self, report: pytest.TestReport) -> None:
        """Have no case of a test in a junit file: the test runs again, in another worker, for which there is one."""
        for junit in self._junits:
            case = junit.node_reporter(report)
            for key in [key for key, known in junit.node_reporters.items() if known is case]:
                del junit.node_reporters[key]
            junit.node_reporters_ordered.remove(case)
            self._dropped.append(case)  # whose `id` must remain its own

    def restore(self) -> None:
        """Sort what was collected."""
        for reports in self._terminal.stats.values() if self._terminal is not None else ():
            with contextlib.suppress(AttributeError):  # a plugin's own, which is no report
                reports.sort(key=_INDEX if _have_indices(reports) else self._index_of)
        for junit in self._junits:
            junit.node_reporters_ordered.sort(key=lambda case: self._cases.get(id(case), -1))

    def _index_of(self, report: pytest.TestReport) -> int:
        index = getattr(report, "item_index", None)
        return index if isinstance(index, int) else self._indices.get(report.nodeid, -1)
