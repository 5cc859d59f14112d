"""Debuggers: the IDE's button, a daemon under debugpy, and what stops by itself."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN, UNIT_S, eventually
from tests.support.dap import Debugger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Project

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


def _go_through(debugger: Debugger) -> str:
    """Stop at each breakpoint; return what the run wrote."""
    stop = debugger.wait_for_stop()
    assert stop.place() == ("test_it", 5)
    assert stop.evaluate("value") == "41"
    stop.go_on()
    stop = debugger.wait_for_stop()
    assert stop.place() == ("more", 3)
    stop.go_on()
    return debugger.wait_for_end()


@pytest.mark.measured
def test_the_button_of_an_ide(project: Project, debugger: Debugger) -> None:
    """It debugs a command; the run of that is in another process, and joins the session of the debugger."""
    project.warm_up()
    served = project.runs_served()

    debugger.launch("-q")
    output = _go_through(debugger)

    assert "1 passed" in output
    assert "cold" not in output
    assert project.runs_served() == served + 1
    assert len(debugger.processes) == 2
    assert project.pytest().was_warm  # nothing of the debugger is imported early


def test_the_button_of_an_ide_that_follows_no_process(project: Project, debugger: Debugger) -> None:
    """A run in another process would not be debugged."""
    project.warm_up()

    debugger.launch("-q", "-p", "no:cacheprovider", follows=False)
    output = _go_through(debugger)

    assert "1 passed" in output
    assert "zygote: cold run [debugger-attached]: this debugger cannot follow the run into another process" in output


def test_the_button_of_an_ide_starts_no_daemon(project: Project, debugger: Debugger) -> None:
    """The daemon would be debugged as long as it lives."""
    assert not project.sockets()

    debugger.launch("-q", "-p", "no:cacheprovider")

    assert "zygote: cold run [no-daemon]: no daemon is running" in _go_through(debugger)


def test_a_daemon_under_the_debugger(project: Project, debugger: Debugger) -> None:
    """The debugger attaches to each run; breakpoints are hit from then on in every run of any terminal."""
    debugger.launch("--daemon")
    eventually(project.sockets, "the daemon listens", units=12)
    eventually(lambda: project.status().layers and not project.status().is_building, "it is ready", units=24)
    for line in (3, 3, 4):
        project.write("app.py", "# another line\n" * (line - 3) + dedent(APP).lstrip("\n"))
        debugger.breakpoints[project.root / "app.py"] = [line]
        with project.start([str(BIN / "pytest"), "-q"]) as run:
            for place in (("test_it", 5), ("more", line)):
                stop = debugger.wait_for_stop()
                assert stop.place() == place
                stop.go_on()
            output, said = run.communicate(timeout=12 * UNIT_S)
        assert "1 passed" in output
        assert "cold" not in said
    project.pytest("--stop-daemon")
    debugger.wait_for_end()


@pytest.mark.parametrize(("hook", "shown"), [("0", ""), ("builtins.print", "\n"), ("app.stop", "stopped in test_hook")])
def test_the_hook_of_the_environment(project: Project, hook: str, shown: str) -> None:
    """``breakpoint()`` does what PYTHONBREAKPOINT says at the client."""
    project.write("app.py", "import sys\n\ndef stop():\n    print('stopped in', sys._getframe(1).f_code.co_name)\n")
    project.write("test_hook.py", "def test_hook():\n    breakpoint()\n")
    project.pytest("-s", "-q", PYTHONBREAKPOINT=hook)
    warm, plain = (command("-s", "-q", PYTHONBREAKPOINT=hook) for command in (project.pytest, project.plain))
    assert warm.was_warm
    assert shown in warm.stdout
    assert warm.stdout.partition(" in ")[0].split("passed")[0] == plain.stdout.partition(" in ")[0].split("passed")[0]


def test_the_documented_configurations() -> None:
    """The launch configuration is what the test above has launched; both are JSON."""
    docs = Path(__file__).parents[2] / "docs"
    pages = [docs.joinpath(name).read_text(encoding="utf-8") for name in ("debuggers.md", "containers.md")]
    examples = [json.loads(part.partition("```")[0]) for page in pages for part in page.split("```json\n")[1:]]
    launch, container = examples
    (launch,) = launch["configurations"]
    assert (launch["module"], launch["args"], launch["subProcess"]) == ("pytest", ["--daemon"], True)
    assert container["postStartCommand"].endswith("pytest --daemon --detach")
