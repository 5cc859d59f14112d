"""Which files are the project's."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from pytest_zygote.affected.project_files import owner_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_file_in_the_temporary_folder_is_the_projects_if_it_was_there_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sandbox project and libraries lie there; what a test has written is no input of the project."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "lib.py").touch()
    changed = (tmp_path / "lib.py").stat().st_ctime_ns
    assert owner_of("/project", changed + 1)(str(tmp_path / "lib.py"))
    assert not owner_of("/project", changed)(str(tmp_path / "lib.py"))
