"""What several shards have reported."""

from __future__ import annotations

from pytest_zygote.core.shards.durations import Measured
from pytest_zygote.shards.recorded_events import KIND, Event, RecordedEvents, report_data


def report(nodeid: str, when: str, outcome: str = "passed", duration: float = 1.0) -> Event:
    """Return a report of a test."""
    return {KIND: "TestReport", "nodeid": nodeid, "when": when, "outcome": outcome, "duration": duration}


def end(nodeid: str) -> Event:
    """Return the end of a test."""
    return {KIND: "LogFinish", "nodeid": nodeid}


FAILED_FILE: Event = {KIND: "CollectReport", "nodeid": "broken.py", "outcome": "failed"}
SKIPPED_FILE: Event = {KIND: "CollectReport", "nodeid": "old.py", "outcome": "skipped"}
EARLY: Event = {KIND: "WarningMessage", "when": "collect", "message": "old", "nodeid": ""}
LATE: Event = {KIND: "WarningMessage", "when": "runtest", "message": "old", "nodeid": "a"}


def test_what_all_shards_have_met_counts_once() -> None:
    """Files that cannot be collected, and warnings of collection; what happens in a test happened there."""
    shard = [FAILED_FILE, SKIPPED_FILE, EARLY, LATE, LATE]
    events = RecordedEvents([shard, shard[:3]])
    assert events.collected == [FAILED_FILE, SKIPPED_FILE]
    assert events.early_warnings == [EARLY]
    assert events.of_tests == {"a": [LATE, LATE]}


def test_what_failed_and_what_did_not_end() -> None:
    """In set-up, in the test or after it."""
    events = RecordedEvents(
        [[FAILED_FILE, report("a", "call", "failed"), end("a"), report("b", "teardown", "failed"), end("b")]]
    )
    assert events.failed() == ["broken.py", "a", "b"]
    assert events.unfinished(["a", "b", "c"]) == ["c"]


def test_durations_have_parts() -> None:
    """A test that was repeated counts with all that it took."""
    tries = [report("a", "setup", duration=2.0), report("a", "call", "rerun", 3.0), report("a", "call"), LATE]
    assert RecordedEvents([tries]).measured() == [Measured("a", 2.0, 4.0)]


def test_a_report_has_tuples_where_plugins_expect_them() -> None:
    """JSON knows lists only."""
    data = report_data({"longrepr": ["a.py", 3, "Skipped"], "sections": [["out", "x"]], "user_properties": []})
    assert data["longrepr"] == ("a.py", 3, "Skipped")
    assert (data["sections"], data["user_properties"]) == ([("out", "x")], [])
    assert report_data({"longrepr": {"a": 1}})["longrepr"] == {"a": 1}
