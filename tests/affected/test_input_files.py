"""Which files are inputs of tests, and which ones the run has written itself."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.input_files import InputFiles

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="files")
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputFiles:
    """Return those of a project; they do not lie in pytest's folder for temporary files."""
    root = tmp_path / "p"
    root.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/nowhere")
    return InputFiles(str(root), time.time_ns() - 10**9, lambda _: None)


def test_what_another_test_has_made_is_no_common_file(files: InputFiles, tmp_path: Path) -> None:
    """It holds whatever that test depends on; what the test itself makes, or makes again, is its own."""
    path = str(tmp_path / "p/made")
    files.write(path)
    assert not files.is_of_other_test(path)
    assert not files.is_input(path)
    files.begin_test()
    assert files.is_of_other_test(path)
    files.write(path)
    assert not files.is_of_other_test(path)


def test_a_fresh_file_elsewhere_may_be_made_by_a_test_of_another_fork(files: InputFiles, tmp_path: Path) -> None:
    """Unless it lies in a folder that this test has made."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "made").write_text("1")
    assert files.is_of_other_test(str(folder / "made"))
    files.write(str(folder))
    assert files.is_of_other_test(str(folder / "made")), "the folder was there"
    other = tmp_path / "made"
    files.write(str(other))
    other.mkdir()
    (other / "made").write_text("1")
    assert not files.is_of_other_test(str(other / "made"))


def test_what_is_made_for_all_is_nobodys_input(files: InputFiles, tmp_path: Path) -> None:
    """By a fixture of a wider scope, or while tests were collected."""
    path = str(tmp_path / "p/made")
    files.write(path)
    files.end_fixture()
    files.begin_test()
    assert not files.is_of_other_test(path)
    assert not files.is_input(path)
