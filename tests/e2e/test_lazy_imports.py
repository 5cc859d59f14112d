"""What is imported lazily (Python 3.15) is imported when plain pytest would, and is never stale."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import Project

pytestmark = pytest.mark.skipif(sys.version_info < (3, 15), reason="the syntax came with 3.15")

TESTS = """
import sys
import user

def test_before():
    print("before", "late" in sys.modules)

def test_use():
    print("used", user.ask())

def test_after():
    print("after", "late" in sys.modules)
"""

FILTER = """
import sys

sys.set_lazy_imports_filter(lambda importing, *_: importing in ("user", "late"))
"""


@pytest.fixture
def lazy(project: Project) -> Project:
    """Make a project with a module that is imported when a test uses it."""
    project.write("late.py", "print('late is executed')\nVALUE = 1\n")
    project.write("user.py", "lazy import late\nlazy from late import VALUE\n\ndef ask(): return late.VALUE, VALUE\n")
    project.write("conftest.py", "")
    project.write("test_it.py", TESTS)
    return project


def test_a_lazy_import_happens_where_it_would(lazy: Project) -> None:
    """In the test that uses it, in every run; and an edit of the module counts."""
    plain = lazy.run([str(BIN / "pytest"), "-q", "-s"], {"PYTEST_DAEMON_DISABLE": "1"}).stdout.split(" passed")[0]
    warm = lazy.warm_up("-q", "-s")

    assert "before False" in plain
    assert "after True" in plain
    assert warm.stdout.split(" passed")[0] == plain

    lazy.write("late.py", "print('late is executed')\nVALUE = 'changed'\n")
    assert "used ('changed', 'changed')" in lazy.pytest("-q", "-s").stdout


def test_all_imports_of_a_project_are_lazy(project: Project, tmp_path: Path) -> None:
    """By the environment; a filter leaves out pytest, which cannot be imported lazily."""
    tmp_path.joinpath("sitecustomize.py").write_text(FILTER)
    project.environ |= {"PYTHONPATH": str(tmp_path), "PYTHON_LAZY_IMPORTS": "all"}
    project.write("late.py", "VALUE = 1\n")
    project.write("user.py", "import late\n\ndef ask(): return late.VALUE\n")
    project.write("test_it.py", TESTS)
    plain = project.plain("-q", "-s").stdout.split(" passed")[0]

    assert "before False" in plain
    assert "after True" in plain
    assert project.warm_up("-q", "-s").stdout.split(" passed")[0] == plain

    project.write("late.py", "VALUE = 'changed'\n")
    edited = project.pytest("-q", "-s")
    assert edited.was_warm
    assert "used changed" in edited.stdout
