"""Limits of a run: its deadline, the memory of workers, and another try for tests whose workers are killed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN

if TYPE_CHECKING:
    from tests.support.daemon import Project, Result

SLOW = """
    import pytest

    @pytest.fixture(scope="module")
    def resource():
        open("set_up", "w").close()
        yield
        open("torn_down", "w").close()

    def test_a(): ...
    def test_hangs(resource): __import__("time").sleep(3600)
    def test_last(): ...
    """


def check_deadline(project: Project, result: Result) -> None:
    """Check a run in which a test hangs until the deadline, or has not begun by then on a busy machine."""
    assert result.returncode == 124
    assert "the deadline of 4s is over" in result.stdout
    has_begun = (project.root / "set_up").exists()
    assert f"{'interrupted' if has_begun else 'not run'}: test_it.py::test_hangs" in result.stdout
    assert (project.root / "torn_down").exists() is has_begun
    for name in ("junit.xml", *(("set_up", "torn_down") if has_begun else ())):
        (project.root / name).unlink()


@pytest.mark.parametrize("args", [(), ("-n2",), ("-n2", "--fork-workers=configured")])
def test_a_run_ends_when_its_time_is_over(project: Project, args: tuple[str, ...]) -> None:
    """Whatever hangs then, what is set up is torn down, and what did not run is named."""
    project.write("test_it.py", SLOW)
    result = project.plain("--deadline", "4s", "--junitxml=junit.xml", *args)
    check_deadline(project, result)
    assert "-n2" in args or "not run: test_it.py::test_last" in result.stdout


def test_a_warm_run_ends_when_its_time_is_over(project: Project) -> None:
    """Whatever time the daemon has had before."""
    project.write("test_it.py", "def test_a(): ...\n")
    project.warm_up()
    project.write("test_it.py", SLOW)
    check_deadline(project, project.pytest("--deadline", "4s", "--junitxml=junit.xml"))
    check_deadline(project, project.pz("--deadline", "4s", "--junitxml=junit.xml", "-n2"))


def test_a_test_whose_worker_is_killed_runs_once_more(project: Project) -> None:
    """It is one case of the junit file; a worker that dies otherwise fails its test."""
    project.write(
        "test_it.py",
        """
        import os
        from pathlib import Path

        def test_killed():
            if not Path("killed").exists():
                Path("killed").touch()
                os.kill(os.getpid(), 9)

        def test_always(): os.kill(os.getpid(), 9)
        def test_exits(): os._exit(3)
        """,
    )
    result = project.plain("-n2", "--retry-killed", "1", "--junitxml=junit.xml")
    assert re.search(r"2 failed, 1 passed, 2 rerun in", result.stdout), result.stdout
    assert "was killed while running test_it.py::test_killed: it runs again (--retry-killed)" in result.stdout
    assert (project.root / "junit.xml").read_text().count("<testcase") == 3


@pytest.mark.parametrize("point", ["collected", "configured"])
def test_a_worker_that_grows_too_large_is_replaced(project: Project, point: str) -> None:
    """After the test that made it so."""
    project.write(
        "test_it.py",
        """
        import os
        import pytest

        KEPT = []

        @pytest.fixture(scope="session", autouse=True)
        def torn_down():
            yield
            with open("torn_down", "a") as file:
                file.write("1")

        def test_grows(): KEPT.append(b"x" * (400 << 20))

        @pytest.mark.parametrize("n", range(6))
        def test_small(n): assert not KEPT
        """,
    )
    result = project.plain("-n1", "--max-worker-memory", "300M", f"--fork-workers={point}")
    assert "7 passed" in result.stdout
    line = r"\[gw0\] has \d+M of memory, more than --max-worker-memory 300M, after test_it.py::test_grows: a new worker"
    assert re.search(line, result.stdout)
    assert (project.root / "torn_down").read_text() == "11"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--deadline", "soon"), "argument --deadline: 'soon' is no time: write hours, minutes or seconds, as in"),
        (("--max-worker-memory=2X", "-n2"), "argument --max-worker-memory: '2X' is no size: write a number of bytes"),
        (("--retry-killed=-1", "-n2"), "argument --retry-killed: '-1' is no number of times: write 0, 1, 2"),
        (("--retry-killed=1",), "--retry-killed is about workers, and there are none: add -n"),
    ],
)
def test_what_cannot_be_is_a_usage_error(project: Project, args: tuple[str, ...], expected: str) -> None:
    """That says what was seen, and what is expected."""
    project.write("test_it.py", "def test_a(): ...\n")
    result = project.plain(*args)
    assert result.returncode == 4
    assert expected in result.stderr


def test_many_workers_where_few_files_may_be_open(project: Project) -> None:
    """There are fewer, and a line says so."""
    project.write("test_it.py", "import pytest\n@pytest.mark.parametrize('n', range(60))\ndef test_a(n): ...\n")
    shell = f"ulimit -n 120; exec {BIN / 'pytest'} -n 60"
    result = project.run(["sh", "-c", shell], {"PYTEST_DAEMON_DISABLE": "1"})
    assert "60 passed" in result.stdout
    assert re.search(r"zygote: fewer workers \[few-descriptors\]: 60 would need more open files.*: \d\n", result.stdout)
