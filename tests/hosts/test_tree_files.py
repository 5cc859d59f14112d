"""The files of a tree, listed, packed and unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.hosts.tree import change
from pytest_zygote.hosts import tree_files

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration  # git is asked


@pytest.fixture(name="here")
def _here(tmp_path: Path) -> Path:
    here = tmp_path / "here"
    (here / "pkg/__pycache__").mkdir(parents=True)
    (here / "pkg/a.py").write_text("1")
    (here / "pkg/__pycache__/a.pyc").write_text("1")
    (here / "run.sh").write_text("#!/bin/sh")
    (here / "run.sh").chmod(0o755)
    (here / "link").symlink_to("pkg/a.py")
    (here / "venv").mkdir()
    (here / "venv/pyvenv.cfg").touch()
    return here


def carry(here: Path, there: Path) -> tuple[str, ...]:
    """Make one folder what the other is; return what was sent."""
    needed = change(tree_files.files_of(here), tree_files.all_files(there))
    tree_files.apply(there, needed, tree_files.packed(here, needed.lacking))
    assert tree_files.files_of(there) == tree_files.files_of(here)
    return needed.lacking


def test_a_tree_is_carried_as_it_is(here: Path, tmp_path: Path) -> None:
    """Modes and links as well; neither caches nor environments."""
    there = tmp_path / "there"
    there.mkdir()
    assert sorted(carry(here, there)) == ["link", "pkg/a.py", "run.sh"]
    assert (there / "run.sh").stat().st_mode & 0o111
    assert (there / "link").is_symlink()


def test_only_changes_are_carried(here: Path, tmp_path: Path) -> None:
    """A folder that became a file, and a file that became a folder, too; what is equal is not touched."""
    there = tmp_path / "there"
    there.mkdir()
    carry(here, there)
    before = (there / "run.sh").stat().st_mtime_ns
    (there / "pkg/__pycache__").mkdir(exist_ok=True)
    (here / "pkg/a.py").unlink()
    (here / "pkg/a.py").mkdir()
    (here / "pkg/a.py/b.py").write_text("2")
    assert carry(here, there) == ("pkg/a.py/b.py",)
    assert (there / "run.sh").stat().st_mtime_ns == before
    (here / "pkg/a.py/b.py").unlink()
    (here / "pkg/a.py").rmdir()
    (here / "pkg/a.py").write_text("3")
    assert carry(here, there) == ("pkg/a.py",)
