"""The command that makes the environment on a host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.hosts.host_setup import set_up

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration  # the command is run


def test_it_runs_once_for_each_state_of_the_lock_files(tmp_path: Path) -> None:
    """And again if the command is another one."""
    root, made = tmp_path / "tree", tmp_path / "made"
    root.mkdir()
    for text, command in (("1", "echo"), ("1", "echo"), ("2", "echo"), ("2", "echo again")):
        (root / "uv.lock").write_text(text)
        assert set_up(root, f"{command} >> {made}", tmp_path) == sys.executable
    assert len(made.read_text().splitlines()) == 3


def test_what_it_makes_runs_the_tests(tmp_path: Path) -> None:
    """Where tools make it."""
    root = tmp_path / "tree"
    root.mkdir()
    python = set_up(root, "mkdir -p .venv/bin; touch .venv/bin/python", tmp_path)
    assert python == str(root / ".venv/bin/python")


def test_a_command_that_fails_is_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last words are on stderr."""
    root = tmp_path / "tree"
    root.mkdir()
    for _ in range(2):
        with pytest.raises(SystemExit, match="has ended there with 3"):
            set_up(root, "echo no room; exit 3", tmp_path)
        assert capsys.readouterr().err == "no room\n"
