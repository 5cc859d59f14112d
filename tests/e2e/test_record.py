"""The recorder writes down what a run did, and the run does not notice."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.cli.comparison import compare
from pytest_zygote.core.cli.recording import Collector, Phase, RecordedWarning, Recording, Result, decode
from pytest_zygote.run.outcome_recorder import VARIABLE
from scripts.output_comparison import compare_output
from tests.support.daemon import UNIT_S

if TYPE_CHECKING:
    from pathlib import Path

SUITE = {
    "pytest.ini": "[pytest]\n",
    "conftest.py": """
        import warnings

        import pytest

        warnings.warn("from the conftest")

        def pytest_collection_modifyitems(config, items):
            late = [item for item in items if "late" in item.name]
            items[:] = [item for item in items if item not in late]
            if late:
                config.hook.pytest_deselected(items=late)

        @pytest.fixture
        def broken():
            raise LookupError("no such thing")

        @pytest.fixture
        def untidy():
            yield
            raise OSError("cannot tidy up")
        """,
    "test_all.py": """
        import warnings

        import pytest

        warnings.warn("from the module", DeprecationWarning)

        def test_passes():
            warnings.warn("from the test", FutureWarning)

        def test_fails():
            raise ValueError("first line\\nlast line")

        def test_skips():
            pytest.skip("not today")

        @pytest.mark.xfail(reason="known")
        def test_xfails():
            raise ValueError("bad value")

        @pytest.mark.xfail(reason="known")
        def test_xpasses():
            pass

        @pytest.mark.xfail(reason="known", strict=True)
        def test_xpasses_strictly():
            pass

        def test_without_setup(broken):
            pass

        def test_without_teardown(untidy):
            pass

        def test_late():
            pass
        """,
    "test_broken.py": "import there_is_no_such_module",
    "test_skipped.py": "import pytest; pytest.skip('elsewhere', allow_module_level=True)",
}
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:randomly")
"""One leaves a folder, the other (if it is installed) shuffles; both would blur what is tested."""
OK = Phase("setup", "passed")
DONE = Phase("teardown", "passed")
RESULTS = {
    "test_passes": (OK, Phase("call", "passed"), DONE),
    "test_fails": (OK, Phase("call", "failed", "last line"), DONE),
    "test_skips": (OK, Phase("call", "skipped", "Skipped: not today"), DONE),
    "test_xfails": (OK, Phase("call", "xfailed", "ValueError: bad value"), DONE),
    "test_xpasses": (OK, Phase("call", "xpassed", "known"), DONE),
    "test_xpasses_strictly": (OK, Phase("call", "failed", "[XPASS(strict)] known"), DONE),
    "test_without_setup": (Phase("setup", "failed", "LookupError: no such thing"), DONE),
    "test_without_teardown": (OK, Phase("call", "passed"), Phase("teardown", "failed", "OSError: cannot tidy up")),
}


class Project:
    """A folder with a suite, and the runs of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "recording.json"

    def write(self, **files: str) -> None:
        """Add files; a name without a suffix is a Python module."""
        for name, text in files.items():
            (self.path / (name if "." in name else f"{name}.py")).write_text(dedent(text), encoding="utf-8")

    def run(self, *arguments: str, record: bool = True) -> subprocess.CompletedProcess[str]:
        """Run pytest as a user does, in a process of its own."""
        environment = os.environ | ({VARIABLE: str(self.file)} if record else {})
        return subprocess.run(
            [sys.executable, "-m", "pytest", *PLUGINS, *arguments],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=12 * UNIT_S,
            check=False,
        )

    def record(self, *arguments: str) -> Recording:
        """Run pytest with the recorder and give what it wrote."""
        self.file.unlink(missing_ok=True)
        self.run("-p", "pytest_zygote.run.outcome_recorder", *arguments)
        return decode(self.file.read_text(encoding="ascii"))


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write(**SUITE)
    return project


class TestRecording:
    """What a recording holds."""

    def test_it_holds_every_phase_of_every_test(self, project: Project) -> None:
        """In the order in which they ran, with the last line of what went wrong."""
        recording = project.record("test_all.py")

        assert recording.results == tuple(Result(f"test_all.py::{name}", phases) for name, phases in RESULTS.items())

    def test_it_holds_what_was_selected_and_what_was_not(self, project: Project) -> None:
        """Collected and deselected node ids, also when no test runs."""
        recording = project.record("test_all.py", "--collect-only")

        assert recording.collected == tuple(f"test_all.py::{name}" for name in RESULTS)
        assert recording.deselected == ("test_all.py::test_late",)
        assert (recording.exit_code, recording.results) == (0, ())

    def test_it_holds_what_could_not_be_collected(self, project: Project) -> None:
        """A module that fails, and one that skips itself."""
        recording = project.record()

        assert recording.exit_code == pytest.ExitCode.INTERRUPTED
        assert recording.collectors == (
            Collector("test_broken.py", "failed", "E   ModuleNotFoundError: No module named 'there_is_no_such_module'"),
            Collector("test_skipped.py", "skipped", "Skipped: elsewhere"),
        )

    def test_it_holds_the_warnings_of_each_stage(self, project: Project) -> None:
        """Also those of a conftest file, which come before the plugin is configured."""
        recording = project.record("test_all.py")

        conftest, module = str(project.path / "conftest.py"), str(project.path / "test_all.py")
        assert recording.warnings == (
            RecordedWarning("builtins.UserWarning", "from the conftest", conftest, "config", ""),
            RecordedWarning("builtins.DeprecationWarning", "from the module", module, "collect", ""),
            RecordedWarning("builtins.FutureWarning", "from the test", module, "runtest", "test_all.py::test_passes"),
        )

    def test_it_holds_the_final_exit_code(self, project: Project) -> None:
        """A plugin may change the code in the last hook of the session."""
        project.write(
            conftest="""
            import pytest

            @pytest.hookimpl(trylast=True)
            def pytest_sessionfinish(session):
                session.exitstatus = 77
            """
        )

        assert project.record("test_all.py").exit_code == 77

    def test_it_tells_the_process(self, project: Project) -> None:
        """Two runs are two processes, and equal in everything else."""
        first, second = project.record(), project.record()

        assert first.process != second.process
        assert compare(first, second) == ()


class TestInvisible:
    """What the run shows of the recorder: nothing."""

    @pytest.mark.parametrize(
        "arguments", [(), ("test_all.py", "-v"), ("-qq", "-ra", "-W", "error::FutureWarning", "test_all.py")]
    )
    def test_the_output_stays(self, project: Project, arguments: tuple[str, ...]) -> None:
        """Output and exit code are those of a run without the plugin."""
        recorded = project.run("-p", "pytest_zygote.run.outcome_recorder", *arguments)
        plain = project.run(*arguments, record=False)

        assert project.file.exists()
        assert compare_output(plain.stdout, recorded.stdout) == ()
        assert (recorded.stderr, recorded.returncode) == (plain.stderr, plain.returncode)

    def test_it_is_inert_without_the_variable(self, project: Project) -> None:
        """Nothing is written."""
        before = sorted(project.path.glob("*.*"))
        project.run("-p", "pytest_zygote.run.outcome_recorder", "test_all.py", record=False)

        assert sorted(project.path.glob("*.*")) == before

    def test_without_a_session_there_is_nothing_to_tell(self, project: Project) -> None:
        """``--help`` configures plugins but starts no session."""
        assert project.run("-p", "pytest_zygote.run.outcome_recorder", "--help").returncode == 0
        assert not project.file.exists()

    def test_it_leaves_one_file(self, project: Project) -> None:
        """The recording replaces an old one; nothing unfinished stays behind."""
        before = sorted(project.path.glob("*.*"))
        project.record("test_all.py")
        project.record("test_all.py")

        assert sorted(project.path.glob("*.*")) == sorted([*before, project.file])

    @pytest.mark.measured
    def test_it_may_be_imported_before_pytest_loads_it(self, project: Project) -> None:
        """No warning that its assertions cannot be rewritten."""
        project.write(early="import pytest_zygote.run.outcome_recorder")
        project.run("-p", "early", "-p", "pytest_zygote.run.outcome_recorder", "test_all.py::test_skips")

        warnings = decode(project.file.read_text(encoding="ascii")).warnings
        assert [warning.message for warning in warnings] == ["from the conftest", "from the module"]


def test_xdist_workers_leave_recording_to_their_controller(project: Project) -> None:
    """One recording with all tests, though every worker inherits the variable."""
    recording = project.record("-n", "2", "test_all.py")

    assert {result.nodeid for result in recording.results} == {f"test_all.py::{name}" for name in RESULTS}
    assert recording.exit_code == pytest.ExitCode.TESTS_FAILED
