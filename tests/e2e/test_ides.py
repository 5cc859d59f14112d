"""What IDEs do: VS Code's adapter talks over a named pipe, PyCharm's runner gives its plugin to ``pytest.main``.

With the environment variable VSCODE_PYTHON_FILES (the folder ``python_files`` of microsoft/vscode-python), the adapter
is the real one; else a stand-in that speaks the same protocol: JSON behind a header, in a pipe that it opens for each
run, whose name it reads when it is imported.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.daemon import INI, UNIT_S, Result

if TYPE_CHECKING:
    from tests.support.daemon import Project

REAL = os.environ.get("VSCODE_PYTHON_FILES", "")

PLUGIN = """
    import json, os
    TEST_RUN_PIPE = os.getenv("TEST_RUN_PIPE")
    results = {}

    def send(**params):
        body = json.dumps({"jsonrpc": "2.0", "params": params})
        with open(TEST_RUN_PIPE, "wb") as pipe:
            pipe.write(f"content-length: {len(body)}\\ncontent-type: application/json\\n\\n{body}".encode())

    def pytest_runtest_logreport(report):
        if report.when == "call":
            results[report.nodeid] = {"outcome": "success" if report.passed else "failure"}

    def pytest_sessionfinish(session):
        tests = [item.nodeid for item in session.items]
        send(cwd=os.getcwd(), status="success", **({"result": results} if results else {"tests": tests}))
    """

RUNNER = """
    import os, pathlib, sys
    import pytest
    sys.path.append(os.fspath(pathlib.Path(__file__).parent.parent))
    if __name__ == "__main__":
        sys.path.insert(0, os.getcwd())
        ids = pathlib.Path(os.environ["RUN_TEST_IDS_PIPE"])
        pytest.main(["-p", "vscode_pytest", *sys.argv[1:], *ids.read_text().splitlines()])
        ids.unlink()
    """


class Told(NamedTuple):
    """How a command of the IDE ended, and what came through the pipe."""

    result: Result
    outcomes: dict[str, str]
    has_tests: bool


class Adapter:
    """VS Code's side."""

    def __init__(self, project: Project) -> None:
        """Put the adapter's files outside of the project, as an extension's are."""
        self.project = project
        self._numbers = itertools.count()
        self.folder = Path(REAL) if REAL else project.home / "adapter"
        if not REAL:
            (self.folder / "vscode_pytest").mkdir(parents=True)
            (self.folder / "vscode_pytest/__init__.py").write_text(dedent(PLUGIN))
            (self.folder / "vscode_pytest/run_pytest_script.py").write_text(dedent(RUNNER))

    def discover(self) -> Told:
        """Have tests collected."""
        return self._talk([sys.executable, "-m", "pytest", "-p", "vscode_pytest", "--collect-only"])

    def run(self, *ids: str) -> Told:
        """Have tests run."""
        (self.project.home / "ids").write_text("\n".join(ids))
        return self._talk([sys.executable, str(self.folder / "vscode_pytest/run_pytest_script.py")])

    def _talk(self, command: list[str]) -> Told:
        """Run a command; return when it has ended and nobody holds the pipe any more."""
        pipe = self.project.home / f"pipe{next(self._numbers)}"
        os.mkfifo(pipe)
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
        reader.start()
        environ = {"TEST_RUN_PIPE": str(pipe), "RUN_TEST_IDS_PIPE": str(self.project.home / "ids")}
        result = self.project.run(
            [*command, f"--rootdir={self.project.root}"], {**environ, "PYTHONPATH": str(self.folder)}
        )
        reader.join(timeout=4 * UNIT_S)
        assert not reader.is_alive(), "somebody holds the adapter's pipe"
        bodies = [json.loads(part[part.index("{") :]) for part in _parts(b"".join(received).decode())]
        outcomes = {
            name.rpartition("/")[2]: entry["outcome"]
            for body in bodies
            for name, entry in body["params"].get("result", {}).items()
        }
        return Told(result, outcomes, any("tests" in body["params"] for body in bodies))


def _parts(text: str) -> list[str]:
    return [part for part in text.replace("Content-Length", "content-length").split("content-length") if "{" in part]


@pytest.fixture
def adapter(project: Project) -> Adapter:
    """Make a project, and the adapter that is to run its tests."""
    project.write("app.py", "def f():\n    return 1\n")
    project.write("conftest.py", "import app\n")
    project.write(
        "test_app.py",
        """
        import app

        def test_right():
            assert app.f() == 1

        def test_wrong():
            assert app.f() == 2
        """,
    )
    return Adapter(project)


def test_vs_code_discovers_and_runs_warm(adapter: Adapter) -> None:
    """Discovery and runs are served warm by the same layers, and an edit between them is seen."""
    told = adapter.discover()  # starts the daemon, which must hold neither the pipe nor the output
    assert told.has_tests
    ids = ("test_app.py::test_right", "test_app.py::test_wrong")
    for _ in range(3):
        adapter.run(*ids)
        adapter.project.settle()
    before = adapter.project.reloads()
    assert adapter.project.pytest().was_warm
    for told in (adapter.discover(), adapter.run(*ids), adapter.discover(), adapter.run(ids[0])):
        assert told.result.was_warm, told.result.stderr
    assert told.outcomes == {ids[0]: "success"}
    assert adapter.project.reloads() == before
    adapter.project.write("app.py", "def f():\n    return 2\n")
    assert adapter.run(*ids).outcomes == {ids[0]: "failure", ids[1]: "success"}


def test_the_plugin_of_pycharm_may_be_a_module(project: Project) -> None:
    """Its runner gives ``pytest.main`` a module as plugin, which a run imports by name; an object cannot be sent."""
    project.write("pytest.ini", INI)
    project.write("jb/teamcity_plugin.py", "def pytest_report_teststatus(report):\n    return 'x', 'X', 'TEAMCITY'\n")
    project.write("test_it.py", "def test_it():\n    pass\n")
    runner = """
        import sys
        import pytest
        sys.path.insert(0, {folder!r})
        import teamcity_plugin
        class Plugin: pass
        sys.exit(pytest.main(["-v"], [teamcity_plugin{more}]))
        """
    folder = str(project.root / "jb")
    project.write("jb/runner.py", runner.format(folder=folder, more=""))
    project.write("jb/runner_of_objects.py", runner.format(folder=folder, more=", Plugin()"))
    command = [sys.executable, str(project.root / "jb/runner.py")]
    results = [project.run(command) for _ in range(2)]
    assert results[1].was_warm
    assert results[1].returncode == 0
    assert "TEAMCITY" in results[1].stdout
    cold = project.run([sys.executable, str(project.root / "jb/runner_of_objects.py")])
    assert cold.said == ["cold run [plugin-objects]: plugin objects cannot be sent to another process"]
    assert "TEAMCITY" in cold.stdout


def test_the_path_of_the_ini_file_is_added_once(project: Project) -> None:
    """Pytest 9 adds it before we hand over; neither the run nor ``pz`` must find it there already."""
    project.write("pytest.ini", f"{INI}pythonpath = lib\n")
    project.write("lib/app.py", "")
    project.write("test_it.py", "import sys, app\n\ndef test_it():\n    print('PATH', sys.path[1:])\n")
    project.warm_up("-s")
    before = project.reloads()
    paths = {
        line
        for result in (project.plain("-s"), project.pytest("-s"), project.pz("-s"), project.pytest("-s"))
        for line in result.stdout.splitlines()
        if "PATH" in line
    }
    assert len(paths) == 1
    assert project.reloads() == before
