"""Projects in folders with names that are no text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import INI, Project, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project in a folder whose name is not UTF-8."""
    project = Project(Path(os.fsdecode(bytes(tmp_path) + b"/n\xff\xe9")))
    yield project
    project.close()


def test_a_folder_whose_name_is_not_utf_8_is_served_warm(project: Project) -> None:
    """From the layers, and from a collected session; the status is shown."""
    project.write("pytest.ini", INI)
    project.write("lib.py", "ANSWER = 42\n")
    project.write("test_it.py", "import lib\n\ndef test_it():\n    assert lib.ANSWER == 42\n")
    project.environ["PYTEST_DAEMON_SESSIONS"] = "1"
    result = project.warm_up("-q", ".", str(project.root / "test_it.py"))

    assert result.returncode == 0, result.stderr
    assert "1 passed" in result.stdout
    eventually(lambda: any(session.phase == "ready" for session in project.status().sessions), "a session is ready")


@pytest.mark.measured
def test_its_status_is_shown(project: Project) -> None:
    """With escapes, as pytest shows such a folder."""
    project.write("test_it.py", "def test_it(): pass\n")
    project.pytest()

    def status() -> str:
        result = project.pytest("--daemon-status", PYTHONIOENCODING="utf-8:strict")
        assert result.returncode == 0, result.stderr
        return result.stdout

    eventually(lambda: "/n\\udcff\\udce9\n" in status(), "the folder is watched")
