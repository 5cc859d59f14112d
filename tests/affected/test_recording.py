"""Hooks that record each test; pytest, the recorder and the store are the test's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.affected.database import StoreError
from pytest_zygote.affected.recording import Recording
from pytest_zygote.affected.traces import Traces
from pytest_zygote.core.affected.dependency import DATA, Need

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeVar

    from pytest_zygote.affected.isolation import Isolation
    from pytest_zygote.affected.query import AffectedQuery
    from pytest_zygote.affected.recorder import Recorder
    from pytest_zygote.affected.store import Store

    T = TypeVar("T")

OWN, SHARED = {Need(DATA, "own"): b"1"}, {Need(DATA, "shared"): b"1"}


class Fakes:
    """A recorder and a store.

    Attributes:
        stored: what was stored: name, outcome, needs.
        events: calls of the recorder.
        state: what the process keeps when it is looked at for a test.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.stored: list[tuple[str, str, object, object]] = []
        self.events: list[str] = []
        self.is_broken = False
        self.state: dict[str, object] = {}

    def begin_test(self, _place: object) -> None:
        """Note it."""
        self.events.append("begin")

    def end_test(self, _place: object, *, is_code: bool) -> tuple[bool, object, object]:
        """Return needs."""
        self.events.append(f"end {is_code}")
        return True, OWN, SHARED

    def begin_fixture(self, _place: object, *, is_of_place: bool) -> str:
        """Note it."""
        self.events.append(f"begin fixture {is_of_place}")
        return "before"

    def end_fixture(self, _fixture: object, before: str, *, is_known: bool) -> None:
        """Note it."""
        self.events.append(f"end fixture {before} {is_known}")

    def written(self) -> set[str]:
        """Return no file."""
        return set()

    def shorten(self, _shared: object) -> int:
        """Return a number."""
        return 7

    def spell_out(self, shared: object) -> object:
        """Return what the number stands for."""
        return SHARED if shared == 7 else shared

    def add(
        self, _surroundings: int, nodeid: str, result: tuple[str, bool, float], own: object, shared: object
    ) -> None:
        """Store it."""
        if nodeid == "t::full":
            raise StoreError(nodeid)
        self.stored.append((nodeid, result[0], own, shared))


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    return Fakes()


@pytest.fixture(name="recording")
def _recording(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(configuration, "conftest_modules", lambda *_: ())
    query = SimpleNamespace(surroundings=1, is_frozen=False, ambiguous={})
    config = SimpleNamespace()
    return Recording(
        cast("pytest.Config", config),
        cast("Recorder", fakes),
        cast("Store", fakes),
        cast("AffectedQuery", query),
        Traces(lambda item: fakes.state.get(item.nodeid)),
    )


def item_of(name: str) -> pytest.Item:
    """Return a test."""
    return cast("pytest.Item", SimpleNamespace(nodeid=name, path=Path("t.py"), config=SimpleNamespace()))


def finish(hook: Generator[None, T, T], result: T) -> object:
    """Return what a wrapper returns around this result."""
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(result)
    return ended.value.value


def run(recording: Recording, name: str, *outcomes: str) -> None:
    """Run a test whose phases have these outcomes."""
    item = item_of(name)
    protocol = recording.pytest_runtest_protocol(item)
    next(protocol)
    for outcome in outcomes:
        report = cast("pytest.TestReport", SimpleNamespace(outcome=outcome, skipped=False))
        assert finish(recording.pytest_runtest_makereport(item, cast("pytest.CallInfo[None]", None)), report) is report
    with pytest.raises(StopIteration):
        protocol.send(outcomes)


def test_a_test_is_stored_when_it_has_ended(recording: Recording, fakes: Fakes) -> None:
    """With its outcome and what it depended on."""
    run(recording, "t::a", "passed", "passed", "passed")
    run(recording, "t::b", "passed", "failed", "passed")

    assert fakes.stored == [("t::a", "passed", OWN, SHARED), ("t::b", "failed", OWN, SHARED)]
    assert fakes.events == ["begin", "end False"] * 2


def test_one_without_a_report_is_not(recording: Recording, fakes: Fakes) -> None:
    """It was interrupted."""
    run(recording, "t::a")

    assert fakes.stored == []


def test_a_store_that_fails_does_not_fail_the_test(recording: Recording, fakes: Fakes) -> None:
    """Nor does one that is not used any more."""
    run(recording, "t::full", "passed")
    fakes.is_broken = True
    run(recording, "t::a", "passed")

    assert fakes.stored == []


def test_a_fork_hands_its_record_to_the_run(recording: Recording, fakes: Fakes) -> None:
    """Which stores it, unless the fork died."""
    records: list[tuple[object, bool]] = []
    isolation = SimpleNamespace(is_fork=True, set_record=lambda record, *, has_left: records.append((record, has_left)))
    recording.isolation = cast("Isolation", isolation)
    run(recording, "t::a", "passed")
    fakes.state["t::c"] = 1
    run(recording, "t::c", "passed")
    assert fakes.stored == []

    (record, has_left), (_, has_left_then) = records
    assert (has_left, has_left_then) == (False, True)
    recording.store(item_of("t::a"), record)
    recording.store(item_of("t::b"), None)

    assert fakes.stored == [("t::a", "passed", OWN, SHARED)]


@pytest.mark.parametrize(
    ("scope", "events"), [("function", []), ("session", ["begin", "end"]), ("class", ["begin", "end"])]
)
def test_fixtures_of_wider_scopes_are_recorded_by_themselves(
    recording: Recording, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, scope: str, events: list[str]
) -> None:
    """Others belong to their test."""
    monkeypatch.setattr("pytest_zygote.affected.recording.is_of_module", lambda _: True)
    monkeypatch.setattr("pytest_zygote.affected.recording.is_from_elsewhere", lambda *_: False)
    fixture = cast("pytest.FixtureDef[object]", SimpleNamespace(scope=scope))
    request = cast("pytest.FixtureRequest", SimpleNamespace())

    assert finish(recording.pytest_fixture_setup(fixture, request), "value") == "value"
    assert [event.split()[0] for event in fakes.events] == events


def test_reports_of_workers_say_which_tests_ran(recording: Recording) -> None:
    """A subtest that failed makes its test one that failed."""
    for nodeid, when, outcome in (
        ("t::a", "call", "passed"),
        ("t::b", "teardown", "passed"),
        ("t::c", "call", "failed"),
    ):
        report = SimpleNamespace(nodeid=nodeid, when=when, outcome=outcome)
        recording.pytest_runtest_logreport(cast("pytest.TestReport", report))

    assert recording.ran == {"t::a", "t::c"}
