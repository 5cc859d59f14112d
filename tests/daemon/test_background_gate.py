"""When the daemon holds back what would execute code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import git_state
from pytest_zygote.adapters.system.git_state import GitState
from pytest_zygote.core.layers.background import Permission
from pytest_zygote.daemon.background_gate import BackgroundGate
from tests.daemon.fakes import options

if TYPE_CHECKING:
    from pathlib import Path


class Head:
    """What git says, as the test wants it."""

    state = GitState(b"main")
    is_at_work = False


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Head:
    """Stand in the place of a repository."""
    head = Head()
    monkeypatch.setattr(git_state, "read", lambda _directory, _since=None: head.state)
    monkeypatch.setattr(git_state, "is_at_work", lambda _directory: head.is_at_work)
    return head


def test_gate_stays_closed_until_a_run_is_asked_for(head: Head, tmp_path: Path) -> None:
    """Also if HEAD is where it was again."""
    gate = BackgroundGate(str(tmp_path))
    assert gate.permission() is Permission.GRANTED
    head.state = GitState(b"theirs")
    assert gate.permission() is Permission.DENIED
    head.state = GitState(b"main")
    assert gate.permission() is Permission.DENIED
    gate.open()
    assert gate.permission() is Permission.GRANTED


def test_gate_waits_while_git_is_at_work(head: Head, tmp_path: Path) -> None:
    """It moves HEAD last."""
    head.is_at_work = True
    assert BackgroundGate(str(tmp_path)).permission() is Permission.LATER


@pytest.mark.parametrize(
    ("mode", "expected"), [("all", Permission.GRANTED), ("saves", Permission.DENIED), ("never", Permission.DENIED)]
)
def test_project_of_another_user_is_executed_ahead_only_if_all_is(
    mode: str, expected: Permission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they save would run as us."""
    gate = BackgroundGate(str(tmp_path))
    gate.configure(options(background=mode).settings)
    monkeypatch.setattr(BackgroundGate, "_is_foreign", True)
    assert gate.permission() is expected
    assert gate.is_silent is (mode != "all")


def test_project_that_is_gone_is_nobody_s(tmp_path: Path) -> None:
    """Nothing can be known of its owner."""
    assert BackgroundGate(str(tmp_path / "gone")).is_silent
