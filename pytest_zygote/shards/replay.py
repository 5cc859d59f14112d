"""Shows what was reported elsewhere: pytest's own session, whose tests are reports.

Terminal, exit code, cache and other plugins see what they would have seen if the tests had run here.
"""

from __future__ import annotations

import builtins
import warnings
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.shards.recorded_events import KIND, report_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NoReturn

    from pytest_zygote.shards.recorded_events import Event, RecordedEvents


class ReplayedTest(pytest.Item):
    """A test that has run elsewhere: it has nothing but its id."""

    def runtest(self) -> NoReturn:
        """Refuse to run."""
        message = f"{self.nodeid} has run elsewhere"
        raise AssertionError(message)


class Replay:
    """Collects and runs what shards have recorded."""

    def __init__(self, events: RecordedEvents, collected: Sequence[str], left_out: int, summary: Sequence[str]) -> None:
        """Replay these events.

        Args:
            events: what was reported.
            collected: ids of all tests, in the order in which they are shown.
            left_out: how many tests were left out before.
            summary: lines for the end.
        """
        self._events = events
        self._collected = collected
        self._left_out = left_out
        self._summary = summary

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect nothing, and report what was collected."""
        hook = session.config.hook
        items: list[pytest.Item] = [
            ReplayedTest.from_parent(session, name=nodeid, nodeid=nodeid) for nodeid in self._collected
        ]
        for data in self._events.collected:
            report = hook.pytest_report_from_serializable(config=session.config, data=report_data(data))
            hook.pytest_collectreport(report=report)
        for data in self._events.early_warnings:
            _warn(session.config, data)
        left_out = [ReplayedTest.from_parent(session, name=f"left out {at}") for at in range(self._left_out)]
        all_items: list[pytest.Item | pytest.Collector] = [*items, *left_out]
        hook.pytest_collectreport(report=pytest.CollectReport("", "passed", None, all_items))
        if left_out:
            hook.pytest_deselected(items=left_out)
        session.items = items
        session.testscollected = len(items)
        hook.pytest_collection_finish(session=session)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Report what was reported of a test."""
        for data in self._events.of_tests.get(item.nodeid, ()):
            replay_event(item.config, data)
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what did not run, and how long the machines were busy."""
        for line in self._summary:
            terminalreporter.write_line(line)


def replay_event(config: pytest.Config, data: Event) -> None:
    """Call the hook that was called elsewhere."""
    kind = data.get(KIND)
    if kind == "LogStart":
        config.hook.pytest_runtest_logstart(nodeid=data["nodeid"], location=data["location"])
    elif kind == "LogFinish":
        config.hook.pytest_runtest_logfinish(nodeid=data["nodeid"], location=data["location"])
    elif kind == "WarningMessage":
        _warn(config, data)
    else:
        report = config.hook.pytest_report_from_serializable(config=config, data=report_data(data))
        if report is not None:  # None: it is of a plugin that is not installed here
            config.hook.pytest_runtest_logreport(report=report)


def _warn(config: pytest.Config, data: Mapping[str, object]) -> None:
    category = _category(str(data["category"]))
    message = warnings.WarningMessage(
        category(data["message"]), category, str(data["filename"]), int(str(data["lineno"]))
    )
    values = {
        "warning_message": message,
        "when": data["when"],
        "nodeid": data["nodeid"],
        "location": data["location"] and tuple(_items(data["location"])),
    }
    config.hook.pytest_warning_recorded.call_historic(kwargs=values)


def _items(found: object) -> Iterable[object]:
    return found if isinstance(found, list) else ()


def _category(name: str) -> type[Warning]:
    """Return the class of a warning, or one of the same name: it may be of a package that is not installed here."""
    module, _, own = name.rpartition(".")
    found = getattr({"builtins": builtins, "pytest": pytest}.get(module), own, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else type(own, (Warning,), {})
