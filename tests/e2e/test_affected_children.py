"""Python processes that tests start: what they run and read counts, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.child_recorder import FOLDER
from tests.support.affected import AffectedProject, Server, calculator, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTER = Path(sysconfig.get_path("purelib"), "pytest_zygote_children.pth")

reported = pytest.mark.skipif(
    sys.version_info < (3, 12) or not STARTER.exists(),
    reason="Python processes report from 3.12 on, where the package was installed with the file for it",
)

TEST = """
import os, subprocess, sys

def run(*args, **options):
    subprocess.run([sys.executable, *args], check=True, **options)

def test_other():
    {start}
"""


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    yield from serve()


@pytest.fixture
def project(tmp_path: Path, server: Server) -> AffectedProject:
    """Give a project of two functions, and a program that calls one of them."""
    project = calculator(tmp_path, server)
    project.write("tests/test_calc.py", "def test_calc(): pass\n")
    project.write("program.py", "from app import calc\nassert calc.add(1, 2) == 3\n")
    return project


def record(project: AffectedProject, start: str) -> None:
    """Write a test that starts a process, and record it."""
    project.write("tests/test_other.py", TEST.format(start=start))
    assert project.affected().ran["test_other"] == "PASSED"
    again = project.affected()
    assert again.names == set(), again.output


@pytest.mark.measured
@pytest.mark.parametrize(
    "start",
    [
        "run('program.py')",
        "run('-m', 'program')",
        "run('-c', 'import program')",
        "run('-', input=b'import program')",
        "run('program.py', env=dict(os.environ))",
        "run(os.path.abspath('program.py'), cwd='app', env={**os.environ, 'PYTHONPATH': os.getcwd()})",
        "subprocess.run([os.path.abspath('program')], check=True)",
        "run('-c', 'import program, os; os.chdir(\\'/\\')')",
    ],
)
@reported
def test_functions_that_it_runs(project: AffectedProject, start: str) -> None:
    """However it is started."""
    project.write("program", f"#!{sys.executable}\nimport program\n").chmod(0o755)
    record(project, start)
    project.replace("app/calc.py", "a - b", "a - b - 0")
    project.replace("app/calc.py", "value * self.factor", "self.factor * value")
    assert project.affected().names == set()
    project.replace("app/calc.py", "a + b", "a * b")

    assert project.affected().ran == {"test_other": "FAILED"}


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 10", "LIMIT = 11"), ("factor = 2", "factor = 3"), ("def add(a, b)", "def add(a, b, c=0)")],
)
def test_what_an_import_executes(project: AffectedProject, old: str, new: str) -> None:
    """Constants, classes and parameters belong to all who import the module."""
    record(project, "run('program.py')")
    project.replace("app/calc.py", old, new)

    assert project.affected().names == {"test_other"}


def test_the_program_itself(project: AffectedProject) -> None:
    """It is a module like others."""
    record(project, "run('program.py')")
    project.write("program.py", "1 / 0\n")

    assert project.affected().ran == {"test_other": "FAILED"}


@pytest.mark.parametrize("path", ["calc.py", "app.py", "app/calc/__init__.py"])
def test_a_module_that_comes(project: AffectedProject, path: str) -> None:
    """It may be found first, or have been missing."""
    project.write("program.py", "try: import calc\nexcept ImportError: from app import calc\n")
    record(project, "run('program.py')")
    project.write(path, "")

    assert project.affected().names == {"test_other"}


@pytest.mark.measured
@pytest.mark.parametrize(
    "text",
    [
        "print(open('data.txt').read())",
        "import os; assert 'data.txt' in os.listdir('.')",
        "import os; assert os.path.exists('data.txt')",
        "import pathlib; assert pathlib.Path('data.txt').exists()",
        "import os; os.stat('data.txt', dir_fd=os.open(os.getcwd(), os.O_RDONLY)); os.chdir('/')",
    ],
)
def test_files_that_it_reads(project: AffectedProject, text: str) -> None:
    """And folders, and questions whether something is there."""
    project.write("data.txt", "one")
    project.write("program.py", f"{text}\n")
    record(project, "run('program.py')")
    (project.root / "data.txt").unlink()

    assert project.affected().ran == {"test_other": "FAILED"}


@pytest.mark.measured
def test_environment_keys_that_it_reads(project: AffectedProject) -> None:
    """But for those that the test has set."""
    project.write("program.py", "import os\nassert os.environ.get('COLOUR', '') + os.environ['SIZE'] == '1'\n")
    record(project, "run('program.py', env={**os.environ, 'SIZE': '1'})")

    assert project.affected(SIZE="2", SHAPE="round").names <= {"test_other"}
    project.affected()
    assert project.affected(COLOUR="red").ran == {"test_other": "FAILED"}


@pytest.mark.measured
@pytest.mark.parametrize(
    ("args", "text"),
    [
        ("'program.py'", "import os; os._exit(0)"),
        ("'program.py'", "import os; os.system('true')"),
        ("'program.py'", "import os; os.execv('/bin/true', ['true'])"),
        ("'program.py'", "import os, subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'])"),
        ("'-S', 'program.py'", "pass"),
        ("'program.py', env={}", "pass"),
        ("'program.py', preexec_fn=lambda: None", "pass"),
    ],
)
def test_what_cannot_be_told(project: AffectedProject, args: str, text: str) -> None:
    """Then it may have read any file, and each key of the environment."""
    project.write("program.py", f"{text}\n")
    record(project, f"run({args})")
    project.write("notes.txt", "two")

    assert project.affected().ran == {"test_other": "PASSED"}
    assert project.affected(MODE="other").ran == {"test_other": "PASSED"}
    assert project.affected(MODE="other").ran == {}


def test_a_child_that_outlives_its_test(project: AffectedProject) -> None:
    """Nobody knows what it will read."""
    project.write("program.py", "import sys; sys.stdin.read()\n")  # until the process of the tests has ended
    project.write(
        "tests/test_other.py",
        """
        import subprocess, sys

        started = []

        def test_start():
            started.append(subprocess.Popen([sys.executable, "program.py"], stdin=subprocess.PIPE))

        def test_stop():
            if started:
                started[0].communicate()
                assert started[0].returncode == 0
        """,
    )
    project.affected("-n0")
    project.affected("-n0")
    project.write("notes.txt", "two")

    assert "test_start" in project.affected("-n0").names


@reported
@pytest.mark.parametrize("options", [(), ("-I",), ("-S",), ("-E",)])
def test_programs_do_not_see_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    """No module, argument or line of output is another than without it."""
    show = "import sys; print(sorted(sys.modules), sys.argv, sys.path, sys.flags, sys.meta_path)"
    command = [sys.executable, *options, "-c", show]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    shown = [
        subprocess.run(command, env={**environ, **more}, capture_output=True, check=True)
        for more in ({}, {FOLDER: str(tmp_path)}, {FOLDER: str(tmp_path / "missing")})
    ]

    assert len({(ended.stdout, ended.stderr) for ended in shown}) == 1
    assert bool(list(tmp_path.glob("*.report"))) == ("-S" not in options)


def test_folders_that_it_searches_by_its_environment(project: AffectedProject) -> None:
    """The interpreter reads where they are before any code of ours runs."""
    project.write("program.py", "try: import extra\nexcept ImportError: pass\n")
    project.write("more/extra.py", "1 / 0\n")
    record(project, "run('program.py')")

    assert project.affected(PYTHONPATH="more").ran["test_other"] == "FAILED"
