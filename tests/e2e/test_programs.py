"""pytest inside another program, under a tracer, or started as a module: the right result, warm where that is exact."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN, INI

if TYPE_CHECKING:
    from tests.support.daemon import Project, Result

PYTHON = sys.executable

PROGRAM = """
    import os, sys
    import pytest

    class Plugin:
        def pytest_runtest_logreport(self, report):
            if report.when == "call":
                print("seen by the plugin:", report.nodeid)

    if __name__ == "__main__":
        environ, path = dict(os.environ), list(sys.path)
        if sys.argv[1:] == ["with-plugin"]:
            code = pytest.main(["-q"], plugins=[Plugin()])
        else:
            code = pytest.main(sys.argv[1:])
        print(f"the program got {code!r}")
        code = pytest.main(["-q", "test_passes.py"])
        print(f"then it got {code!r}")
        print("conftest is", "loaded" if "conftest" in sys.modules else "not loaded")
        print("tests are", "loaded" if "test_passes" in sys.modules else "not loaded")
        print("the environment is", "the same" if dict(os.environ) == environ else "another")
    """


@pytest.fixture(name="project")
def _project(project: Project) -> Project:
    """Give the project tests, options of its own, and a program that runs them."""
    project.write(
        "conftest.py",
        """
        def pytest_addoption(parser):
            parser.addoption("--mine")
        """,
    )
    project.write("test_passes.py", "def test_passes(): pass\n")
    project.write("test_fails.py", "def test_fails(): assert 0\n")
    project.write("program.py", PROGRAM)
    return project


def program(project: Project, *args: str) -> Result:
    """Run the program."""
    return project.run([PYTHON, "program.py", *args])


class TestMain:
    """``pytest.main``, called by a program."""

    def test_the_program_gets_the_exit_code(self, project: Project) -> None:
        """Of a warm run, again and again; nothing of the run is left in the program."""
        result = program(project, "-q")

        assert "the program got <ExitCode.TESTS_FAILED: 1>" in result.stdout
        assert "then it got <ExitCode.OK: 0>" in result.stdout
        assert "conftest is not loaded" in result.stdout
        assert "tests are not loaded" in result.stdout
        assert "the environment is the same" in result.stdout
        assert result.returncode == 0
        assert result.was_warm
        assert project.runs_served() == 2

    def test_it_is_what_plain_pytest_gives(self, project: Project) -> None:
        """The same kinds of exit code."""
        for args in (
            ["-q"],
            ["-q", "test_passes.py", "--mine=1"],
            ["--no-such-option"],
            ["no_such_file.py"],
            ["-k", "no"],
        ):
            command = [PYTHON, "program.py", *args]
            warm = project.run(command).stdout
            plain = project.run(command, {"PYTEST_DAEMON_DISABLE": "1"}).stdout

            assert _line(warm, "the program got") == _line(plain, "the program got")

    def test_options_of_conftest_files_are_no_concern_of_the_program(self, project: Project) -> None:
        """They are known in the run alone."""
        result = program(project, "-q", "test_passes.py", "--mine", "value")

        assert "the program got <ExitCode.OK: 0>" in result.stdout
        assert "conftest is not loaded" in result.stdout

    def test_plugin_objects_make_it_cold(self, project: Project) -> None:
        """They live in the program; a line says so, and the next call may be warm."""
        result = program(project, "with-plugin")

        assert result.said[0] == "cold run [plugin-objects]: plugin objects cannot be sent to another process"
        assert "seen by the plugin: test_passes.py::test_passes" in result.stdout
        assert "the program got <ExitCode.TESTS_FAILED: 1>" in result.stdout
        assert "then it got <ExitCode.OK: 0>" in result.stdout
        assert "the environment is the same" in result.stdout
        assert project.runs_served() == 1

    def test_a_usage_error_is_an_exit_code(self, project: Project) -> None:
        """Not the end of the program."""
        project.write("pytest.ini", f"{INI}zygote_start = perhaps\n")
        result = program(project, "-q")

        assert "zygote_start (ini-file) is 'perhaps'" in result.stderr
        assert "the program got <ExitCode.USAGE_ERROR: 4>" in result.stdout

    def test_a_run_that_dies_of_a_signal_ends_the_program_like_it(self, project: Project) -> None:
        """As it would have, had the test run in the program."""
        project.write("test_fails.py", "import os, signal\n\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)\n")
        result = program(project, "-q", "test_fails.py")

        assert result.returncode == -9
        assert "the program got" not in result.stdout


def _line(text: str, start: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line


class TestModules:
    """``python -m``."""

    @pytest.mark.measured
    @pytest.mark.parametrize("module", ["pytest", "pytest_zygote"])
    def test_it_is_as_warm_as_the_script(self, project: Project, module: str) -> None:
        """With the current folder in `sys.path`, as ``python -m`` has it."""
        project.write(
            "pytest.ini", f"{INI}addopts = -p pytest_zygote --import-mode=importlib\n".replace(INI, "[pytest]\n")
        )
        project.write("lib.py", "")
        project.write("test_passes.py", "import lib\n\ndef test_passes(): pass\n")
        command = [PYTHON, "-m", module, "test_passes.py"]
        first = project.run(command)
        second = project.run(command)

        assert (first.returncode, first.was_warm) == (0, True)
        assert (second.returncode, second.was_warm) == (0, True)

    def test_what_a_test_sees_of_it_is_the_same(self, project: Project) -> None:
        """`sys.argv`, `__main__`, its spec and file."""
        project.write(
            "test_passes.py",
            """
            import sys

            def test_shows():
                main = sys.modules["__main__"]
                print(sys.argv, main.__spec__.name, main.__file__, main.__package__)
            """,
        )
        command = [PYTHON, "-m", "pytest", "-sq", "test_passes.py", "-p", "no:cacheprovider"]
        warm = project.run(command)
        plain = project.run(command, {"PYTEST_DAEMON_DISABLE": "1"})

        assert warm.was_warm
        assert warm.stdout.partition("\n")[0] == plain.stdout.partition("\n")[0]
        assert "pytest.__main__" in warm.stdout


TRACED = "[tracer-active]: a tracer is active in this process"


class TestObservers:
    """Who watches this process would see nothing of a run in another."""

    @pytest.mark.parametrize(
        "command",
        [
            ["-m", "coverage", "run", "--source=.", "-m", "pytest", "test_passes.py"],
            ["-m", "coverage", "run", "--source=.", "program.py", "test_passes.py"],
        ],
    )
    def test_coverage_is_told_everything(self, project: Project, command: list[str]) -> None:
        """The run is cold, with a line; the report is that of plain pytest."""
        result = project.run([PYTHON, *command])
        report = project.run([PYTHON, "-m", "coverage", "report", "--include=test_passes.py"])

        assert result.said[0] == "cold run [coverage-started]: coverage was started before pytest"
        assert "1 passed" in result.stdout
        assert "100%" in report.stdout
        assert not project.sockets()

    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            (["-m", "trace", "--count", "--coverdir=counts", "--module", "pytest", "test_passes.py"], TRACED),
            (["-m", "cProfile", "-o", "profile", "-m", "pytest", "test_passes.py"], TRACED),
            (["traced.py"], TRACED),
            (["debugged.py"], "[debugger-attached]: this debugger cannot follow the run into another process"),
        ],
    )
    def test_a_tracer_is_told_everything(self, project: Project, command: list[str], reason: str) -> None:
        """The run is cold, with a line."""
        project.write(
            "traced.py",
            "import sys, pytest\nsys.settrace(lambda *_: None)\nsys.exit(pytest.main(['test_passes.py']))\n",
        )
        project.write("pydevd.py", "")
        project.write("debugged.py", "import sys, pydevd, pytest\nsys.exit(pytest.main(['test_passes.py']))\n")
        result = project.run([PYTHON, *command])

        assert result.said[0] == f"cold run {reason}"
        assert "1 passed" in result.stdout
        assert result.returncode == 0
        assert not project.sockets()

    def test_coverage_as_a_plugin_is_in_the_run(self, project: Project) -> None:
        """pytest-cov measures there: warm, with the report of plain pytest."""
        project.write("lib.py", "def used():\n    return 1\n\ndef unused():\n    return 2\n")
        project.write("test_passes.py", "import lib\n\ndef test_passes(): lib.used()\n")
        args = ("--cov=lib", "--cov-report=term-missing", "test_passes.py")
        project.warm_up("test_passes.py")
        warm = project.pytest(*args)
        plain = project.plain(*args)

        assert warm.was_warm
        assert _line(warm.stdout, "lib.py") == _line(plain.stdout, "lib.py")
        assert _line(warm.stdout, "lib.py").split()[1:] == ["4", "1", "75%", "5"]


class TestPrograms:
    """The console scripts."""

    def test_there_are_two(self) -> None:
        """One of pytest, and ours."""
        assert (BIN / "pz").exists()
        assert (BIN / "pytest").exists()

    def test_a_pytest_of_a_test_is_plain(self, project: Project) -> None:
        """A run that runs pytest, in its process or in another, does not come back to the daemon."""
        project.write(
            "test_passes.py",
            """
            import subprocess, sys
            import pytest

            def test_in_a_process(tmp_path):
                (tmp_path / "test_inner.py").write_text("def test_inner(): pass")
                subprocess.run([sys.executable, "-m", "pytest", "-p", "pytest_zygote", tmp_path], check=True)

            def test_in_this_process(tmp_path):
                (tmp_path / "test_inmost.py").write_text("def test_inmost(): pass")
                assert pytest.main(["-p", "pytest_zygote", str(tmp_path)]) == 0
            """,
        )
        result = project.pytest("-s", "test_passes.py")

        assert result.returncode == 0, result.stdout + result.stderr
        assert result.was_warm
        assert project.runs_served() == 1
