"""What several shards have reported, by test."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.shards.durations import Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Event: TypeAlias = dict[str, object]
KIND = "$report_type"
"""The key of an event's kind: pytest's own, in what it makes of reports."""


def report_data(event: Event) -> Event:
    """Return what pytest makes a report of: JSON has made lists of the tuples that plugins expect."""
    data = dict(event)
    for name in ("longrepr", "location"):  # a list is the place and the reason of a test that was skipped
        found = data.get(name)
        data[name] = tuple(found) if isinstance(found, list) else found
    for name in ("sections", "user_properties"):
        found = data.get(name)
        data[name] = [tuple(pair) for pair in found] if isinstance(found, list) else found
    return data


class RecordedEvents:
    """The events of several shards, put together.

    Attributes:
        of_tests: node id → what was reported of it, in order.
        collected: reports of what could not be collected, each once: all shards have met it.
        early_warnings: from before the first test, each once.
    """

    def __init__(self, shards: Iterable[Iterable[Event]]) -> None:
        """Read the events of each shard."""
        self.of_tests: dict[str, list[Event]] = {}
        self.collected: list[Event] = []
        self.early_warnings: list[Event] = []
        self._seen: set[str] = set()
        for events in shards:
            counts: Counter[str] = Counter()  # a module and the doctests of its file have one id
            for event in events:
                self._add(event, counts)

    def _add(self, event: Event, counts: Counter[str]) -> None:
        kind = event.get(KIND)
        if kind == "CollectReport":
            nodeid = str(event.get("nodeid"))
            counts[nodeid] += 1
            self._add_once(self.collected, event, f"{counts[nodeid]} {nodeid}")
        elif kind == "WarningMessage" and event.get("when") != "runtest":
            self._add_once(self.early_warnings, event, repr(sorted(event.items())))
        else:
            self.of_tests.setdefault(str(event.get("nodeid")), []).append(event)

    def _add_once(self, to: list[Event], event: Event, key: str) -> None:
        if key not in self._seen:
            self._seen.add(key)
            to.append(event)

    def measured(self) -> list[Measured]:
        """Return how long the tests have taken, in their order."""
        found = []
        for nodeid, events in self.of_tests.items():
            reports = [(event.get("when"), _number(event["duration"])) for event in events if "duration" in event]
            setup_s = sum(seconds for when, seconds in reports if when == "setup")
            if reports:
                found.append(Measured(nodeid, setup_s, sum(seconds for _, seconds in reports) - setup_s))
        return found

    def failed(self) -> list[str]:
        """Return the tests and files with a report that failed, as they came."""
        failed = [nodeid for nodeid, events in self.of_tests.items() if _has_failed(events)]
        return [*(str(event["nodeid"]) for event in self.collected if event.get("outcome") == "failed"), *failed]

    def unfinished(self, selected: Sequence[str]) -> list[str]:
        """Return the tests of these that did not come to their end."""
        finished = {
            nodeid
            for nodeid, events in self.of_tests.items()
            if any(event.get(KIND) == "LogFinish" for event in events)
        }
        return [nodeid for nodeid in selected if nodeid not in finished]


def _has_failed(events: Iterable[Event]) -> bool:
    return any(event.get("outcome") == "failed" for event in events)


def _number(found: object) -> float:
    return float(found) if isinstance(found, (int, float)) else 0.0
