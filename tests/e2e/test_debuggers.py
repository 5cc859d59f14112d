"""Debuggers: the IDE's button, a daemon under debugpy, and what stops by itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support_dap import Debugger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support_daemon import Project

pytest.importorskip("debugpy")

TEST = """
    import app

    def test_it():
        value = 41
        assert app.more(value) == 42
    """

APP = """
    def more(value):
        result = value + 1
        return result
    """


@pytest.fixture
def debugger(project: Project) -> Iterator[Debugger]:
    """Make a project with breakpoints in a test and in the application."""
    project.write("test_it.py", TEST.lstrip("\n"))
    project.write("app.py", APP.lstrip("\n"))
    project.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    debugger = Debugger(project.root, project.environ)
    debugger.breakpoints = {project.root / "test_it.py": [5], project.root / "app.py": [3]}
    with contextlib.closing(debugger):
        yield debugger


def test_the_button_of_an_ide_debugs_a_cold_run(project: Project, debugger: Debugger) -> None:
    """The debugger sits in the client and would not see a run in another process."""
    project.warm_up()
    debugger.launch("-q", "-p", "no:cacheprovider")
    stop = debugger.wait_for_stop()
    assert stop.place() == ("test_it", 5)
    assert stop.evaluate("value") == "41"
    stop.go_on()
    stop = debugger.wait_for_stop()
    assert stop.place() == ("more", 3)
    stop.go_on()
    output = debugger.wait_for_end()
    assert "1 passed" in output
    assert "zygote: cold run: a debugger or tracer is active in this process" in output
