"""What pytest-mproc and pytest-shared-session-scope document works here, under their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.shared_session_examples import EXAMPLES, PACKAGE
from tests.e2e.test_workers import count

if TYPE_CHECKING:
    from tests.support.daemon import Project

TAGS = """
    import pathlib
    import time

    import pytest
    from pytest_zygote import mproc

    def note(text):
        with pathlib.Path("log").open("a") as file:
            file.write(text + "\\n")

    @mproc.group("one")
    def test_a(worker_id): note(f"one a {worker_id}")

    @mproc.priority(1)
    def test_first(worker_id): note(f"first {worker_id}")

    @mproc.group(mproc.GroupTag("two", priority=1))
    class TestTwo:
        @mproc.priority(12)
        def test_late(self, worker_id): note(f"two late {worker_id}")

        def test_early(self, worker_id): note(f"two early {worker_id}")

    @mproc.group("one")
    def test_b(worker_id): note(f"one b {worker_id}")

    @mproc.group("three")
    @mproc.global_fixture()
    def server():
        note("up")
        yield 3
        note("down")

    def test_c(server, worker_id): note(f"three {worker_id}")
    def test_d(server, worker_id): note(f"three {worker_id}")

    def test_folder(mp_tmp_dir, mp_tmp_dir_factory):
        with mp_tmp_dir_factory.create_tmp_dir() as folder:
            assert folder.is_dir() and mp_tmp_dir.is_dir()
        assert not folder.exists()
"""


@pytest.mark.measured
def test_groups_priorities_and_global_fixtures(project: Project) -> None:
    """A group has one worker; lower priorities run earlier; a global fixture is set up once and torn down."""
    project.write("test_it.py", TAGS)
    assert count(project.plain("--cores", "2")) == "8 passed"
    lines = (project.root / "log").read_text().splitlines()
    for group in ("one", "two", "three"):
        assert len({line.split()[-1] for line in lines if line.startswith(group)}) == 1
    assert lines.index("up") == 0
    assert lines.index("down") == len(lines) - 1
    assert lines.count("up") == lines.count("down") == 1
    two = [line for line in lines if line.startswith("two")]
    assert [line.split()[1] for line in two] == ["early", "late"]
    worker = next(line for line in lines if line.startswith("first")).split()[-1]
    there = [line.split()[0] for line in lines if line.endswith(worker)]
    assert set(there[: there.index("first")]) <= {"two"}


def test_the_options_of_pytest_mproc_are_understood(project: Project) -> None:
    """``--cores`` also by a factor; ``--disable-mproc`` swallows no file name."""
    project.write("test_it.py", "def test_a(worker_id): print(worker_id)\ndef test_b(worker_id): print(worker_id)\n")
    for cores in ("auto", "auto*2", "auto/2", "1", "0"):
        assert count(project.plain(f"--cores={cores}")) == "2 passed"
    assert "master" in project.plain("--cores=2", "--disable-mproc", "-s").stdout
    assert "master" in project.plain("--cores=2", "--disable-mproc", "true", "test_it.py", "-s").stdout
    result = project.plain("--disable-mproc", "test_it.py")
    assert result.returncode == 4
    assert "write --disable-mproc=true test_it.py" in result.stderr


def test_a_test_whose_surroundings_failed_is_tried_once_more(project: Project) -> None:
    """And is a failure the second time; `fatal` lets no other test begin."""
    project.write(
        "test_it.py",
        """
        import pathlib

        from pytest_zygote import mproc

        def test_flaky():
            file = pathlib.Path("tried")
            if not file.exists():
                file.touch()
                raise mproc.TestError("no network")

        def test_broken(): raise mproc.TestError("no network")
        def test_fine(): ...
        """,
    )
    result = project.plain("-n2")
    assert count(result) == "1 failed, 2 passed, 2 rerun", result.stdout
    project.write(
        "test_it.py",
        "from pytest_zygote import mproc\ndef test_a(): raise mproc.TestError('x', fatal=True)\ndef test_b(): ...\n",
    )
    assert "fatal: x" in project.plain("-n2").stdout


@pytest.mark.parametrize("number", [0, 1, 49, 50, 51])
def test_each_test_runs_once_whatever_their_number(project: Project, number: int) -> None:
    """With a session fixture for each worker; collecting starts none; nothing is left in the folder."""
    project.write(
        "test_it.py",
        f"""
        import pathlib

        import pytest

        def note(text):
            with pathlib.Path("log").open("a") as file:
                file.write(text + "\\n")

        @pytest.fixture(scope="session")
        def server(worker_id):
            note(f"up {{worker_id}}")
            yield
            note(f"down {{worker_id}}")

        @pytest.mark.parametrize("n", list(map(str, range({number}))))
        def test_it(n, server):
            note(n)
        """,
    )
    before = {path.name for path in project.root.iterdir()}
    collected = project.plain("--cores=2", "--collect-only", "-q")
    assert "worker" not in collected.stdout
    assert collected.stdout.count("test_it[") == max(number, 1)  # of none there is one, which is skipped
    result = project.plain("--cores=2")
    assert count(result) == (f"{number} passed" if number else "1 skipped"), result.stdout
    assert not result.stderr
    log = project.root / "log"
    lines = log.read_text().splitlines() if number else []
    ups = [line for line in lines if line.startswith("up")]
    assert sorted(lines) == sorted([*map(str, range(number)), *ups, *(f"down{line[2:]}" for line in ups)])
    assert len(ups) == min(number, 2)
    left = {path.name for path in project.root.iterdir()} - before
    assert left <= {"log", "__pycache__", ".pytest_cache"}


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("shared_session_scope_json", "assert n != 3"),
        ("shared_session_scope_pickle", "n == 3 and os._exit(9)"),
        ("shared_session_scope_pickle", "assert request.getfixturevalue('late') == {'n': 7} and n != 3"),
    ],
)
def test_decorators_of_shared_session_scope(project: Project, name: str, end: str) -> None:
    """Computed once; both yields; the cleanup is told once that it is the last, for each parameter, however it ends."""
    project.write(
        "conftest.py",
        f"""
        import pathlib

        from pytest_zygote.shared_session_scope import CleanupToken, SetupToken, {name}

        def note(text):
            with pathlib.Path("log").open("a") as file:
                file.write(text + "\\n")

        @{name}(params=[1, 2])
        def data(request):
            got = yield
            assert got is SetupToken.FIRST
            note(f"up {{request.param}}")
            token = yield {{"n": request.param}}
            note(f"down {{request.param}} {{token is CleanupToken.LAST}}")

        @{name}()
        def late():
            assert (yield) is SetupToken.FIRST
            note("up late")
            token = yield {{"n": 7}}
            note(f"down late {{token is CleanupToken.LAST}}")

        @{name}(parse=lambda value: value["n"])
        def returned():
            note("returned")
            return {{"n": 5}}
        """,
    )
    head = (
        "import os\nimport pytest\n@pytest.mark.parametrize('n', range(4))\ndef test_it(n, data, returned, request):\n"
    )
    project.write("test_it.py", f"{head}    assert data['n'] in (1, 2) and returned == 5\n    {end}\n")
    assert project.plain("-n3", "-x").returncode == 1
    lines = sorted((project.root / "log").read_text().splitlines())
    late = ["down late True", "up late"] if "late" in end else []
    assert lines == sorted(["down 1 True", "down 2 True", "returned", "up 1", "up 2", *late])


def test_documented_examples_of_shared_session_scope(project: Project) -> None:
    """All of them, but for the name of the package; a stand-in takes the place of polars."""
    for name, text in EXAMPLES.items():
        project.write(f"test_{name}.py", text.replace(PACKAGE, "pytest_zygote.shared_session_scope"))
    project.write(
        "polars.py",
        """
        class DataFrame:
            def __init__(self, data): self.data = data
        """,
    )
    result = project.plain("-n2", "-rA")
    passed = {line.partition(" ")[2] for line in result.stdout.splitlines() if line.startswith("PASSED ")}
    assert passed == {
        "test_cache.py::test",
        "test_custom_store.py::test_polars",
        "test_main.py::test",
        "test_main.py::test_return",
        "test_non_serializable.py::test_datetime",
        "test_non_serializable_parse.py::test_connection",
        "test_pickle.py::test_custom_object",
        "test_returning_functions.py::test_thing_with_ids",
    }, result.stdout
    assert "8 passed" in result.stdout
