"""Where HEAD of a repository stands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import git_state
from pytest_zygote.adapters.system.git_state import GitState

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def git(tmp_path: Path) -> Path:
    """Make the files of a repository that are read."""
    directory = tmp_path / ".git"
    (directory / "logs").mkdir(parents=True)
    (directory / "HEAD").write_text("ref: refs/heads/main")
    (directory / "logs" / "HEAD").write_text("0 1 A <a> 1 +0000\tcommit (initial): one\n")
    (directory / "index").touch()
    os.utime(directory / "index", (1, 1))
    return directory


def test_repository_is_found_from_below_and_through_a_worktree(git: Path, tmp_path: Path) -> None:
    """The nearest one counts."""
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    assert git_state.find(str(tmp_path / "inner" / "deep")) == str(git)
    (tmp_path / "inner" / ".git").write_text(f"gitdir: {git}\n")
    assert git_state.find(str(tmp_path / "inner" / "deep")) == str(git)


def test_moves_since_an_earlier_state_are_read(git: Path) -> None:
    """Only what was added counts; a log that shrank was rewritten."""
    before = git_state.read(str(git))
    assert before.moves == ()
    with (git / "logs" / "HEAD").open("a") as log:
        log.write("1 2 A <a> 2 +0000\tcheckout: moving from main to theirs\n2 3 A <a> 3 +0000\tcommit: x\n")
    after = git_state.read(str(git), before)
    assert after.moves == ("checkout", "commit")
    assert git_state.read(str(git), after).moves == ()
    (git / "logs" / "HEAD").write_text("")
    assert git_state.read(str(git), after).moves == ("rewritten",)


def test_without_a_log_head_is_all_that_is_known(git: Path) -> None:
    """Without a repository, nothing is."""
    (git / "logs" / "HEAD").unlink()
    assert git_state.read(str(git)) == GitState(b"ref: refs/heads/main")
    assert git_state.read("") == GitState()
    assert not git_state.is_at_work("")


def test_git_is_at_work_while_it_has_a_lock_and_a_moment_longer(git: Path) -> None:
    """It writes files, then its index, then HEAD; a lock of long ago was left by one that died."""
    assert not git_state.is_at_work(str(git))
    (git / "index.lock").touch()
    assert git_state.is_at_work(str(git))
    os.utime(git / "index.lock", (1, 1))
    assert not git_state.is_at_work(str(git))
    (git / "index").touch()
    os.utime(git / "index")
    assert git_state.is_at_work(str(git))
