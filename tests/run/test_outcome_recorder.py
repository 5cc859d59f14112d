"""What the recorder writes down of a run."""

from __future__ import annotations

import os
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.cli.recording import Collector, Phase, RecordedWarning, Result, decode
from pytest_zygote.run import outcome_recorder
from pytest_zygote.run.outcome_recorder import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.core.cli.recording import Recording


class Hooks:
    """The hooks of a recorder that writes to a file.

    Attributes:
        plugins: what was registered.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, **config: object) -> None:
        """Configure it."""
        self.path = path
        self.plugins: list[object] = []
        manager = SimpleNamespace(register=self.plugins.append)
        monkeypatch.setenv(VARIABLE, str(path))
        outcome_recorder.pytest_configure(cast("pytest.Config", SimpleNamespace(pluginmanager=manager, **config)))

    def call(self, name: str, *args: object) -> None:
        """Call a hook."""
        getattr(self.plugins[0], f"pytest_{name}")(*args)

    def recording(self) -> Recording:
        """Return what was written."""
        return decode(self.path.read_text(encoding="ascii"))


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hooks:
    """Provide a recorder."""
    return Hooks(monkeypatch, tmp_path / "run.json")


def item(nodeid: str) -> SimpleNamespace:
    """Return a test."""
    return SimpleNamespace(nodeid=nodeid)


def report(nodeid: str, outcome: str, longrepr: object = None, **fields: object) -> SimpleNamespace:
    """Return the report of a test that was called, or of a collector."""
    is_passed = outcome == "passed"
    return SimpleNamespace(nodeid=nodeid, when="call", outcome=outcome, longrepr=longrepr, passed=is_passed, **fields)


def test_a_whole_run_is_written(hooks: Hooks) -> None:
    """What was collected, left out, could not be collected, and how each phase ended."""
    hooks.call("sessionstart", SimpleNamespace(exitstatus=1))
    hooks.call("collectreport", report("a.py", "passed"))
    hooks.call("collectreport", report("b.py", "failed", "Traceback\nSyntaxError: no\n"))
    hooks.call("deselected", [item("a.py::test_slow")])
    hooks.call("collection_finish", SimpleNamespace(items=[item("a.py::test_it")]))
    crash = SimpleNamespace(reprcrash=SimpleNamespace(message="assert 1 == 2"))
    hooks.call("runtest_logreport", report("a.py::test_it", "failed", crash))
    hooks.call("unconfigure")

    found = hooks.recording()

    assert (found.exit_code, found.process) == (1, os.getpid())
    assert (found.collected, found.deselected) == (("a.py::test_it",), ("a.py::test_slow",))
    assert found.collectors == (Collector("b.py", "failed", "SyntaxError: no"),)
    assert found.results == (Result("a.py::test_it", (Phase("call", "failed", "assert 1 == 2"),)),)


@pytest.mark.parametrize(
    ("outcome", "longrepr", "fields", "expected"),
    [
        ("skipped", ("a.py", 3, "Skipped: no network"), {}, Phase("call", "skipped", "Skipped: no network")),
        ("skipped", None, {"wasxfail": "known"}, Phase("call", "xfailed", "known")),
        ("passed", None, {"wasxfail": "known"}, Phase("call", "xpassed", "known")),
        ("rerun", None, {}, Phase("call", "rerun")),
    ],
)
def test_a_phase_is_what_the_user_is_shown(
    hooks: Hooks, outcome: str, longrepr: object, fields: dict[str, object], expected: Phase
) -> None:
    """An expected failure is an attribute of its report, not an outcome."""
    hooks.call("sessionstart", SimpleNamespace(exitstatus=0))
    hooks.call("runtest_logreport", report("a.py::test_it", outcome, longrepr, **fields))
    hooks.call("unconfigure")

    assert hooks.recording().results[0].phases == (expected,)


def test_a_warning_has_no_line(hooks: Hooks) -> None:
    """The output shows that one."""
    hooks.call("sessionstart", SimpleNamespace(exitstatus=0))
    shown = warnings.WarningMessage(UserWarning("old"), UserWarning, "a.py", 3)
    hooks.call("warning_recorded", shown, "runtest", "a.py::test_it")
    hooks.call("unconfigure")

    expected = RecordedWarning("builtins.UserWarning", "old", "a.py", "runtest", "a.py::test_it")
    assert hooks.recording().warnings == (expected,)


def test_without_a_session_nothing_is_written(hooks: Hooks) -> None:
    """As for ``--help``."""
    hooks.call("unconfigure")

    assert not hooks.path.exists()


def test_a_worker_of_xdist_records_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its controller receives all reports."""
    assert Hooks(monkeypatch, tmp_path / "run.json", workerinput={}).plugins == []


def test_nobody_who_does_not_ask_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin may be loaded for other runs."""
    monkeypatch.delenv(VARIABLE, raising=False)
    registered: list[object] = []
    manager = SimpleNamespace(register=registered.append)

    outcome_recorder.pytest_configure(cast("pytest.Config", SimpleNamespace(pluginmanager=manager)))

    assert registered == []
