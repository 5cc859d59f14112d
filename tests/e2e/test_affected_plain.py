"""With ``--affected`` tests behave as in a plain run, and are green only if a stored row proves it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.support.affected import PRECISE, AffectedProject, precisely, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.affected import Server


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    yield from serve()


@pytest.fixture
def project(tmp_path: Path, server: Server) -> AffectedProject:
    """Give a project without tests."""
    root = tmp_path / "project"
    root.mkdir()
    return AffectedProject(root, server)


def test_a_file_that_cannot_be_collected_is_an_error_in_each_run(project: AffectedProject) -> None:
    """Also after a run in which all other tests were left out; and so is one that skips itself."""
    project.write("test_a.py", "import nosuchmodule\n")
    project.write("test_b.py", "def test_b(): pass\n")
    runs = [project.affected("--continue-on-collection-errors") for _ in range(3)]
    assert [ran.status for ran in runs] == [1, 1, 1]
    project.write("test_a.py", "import pytest\npytest.skip(allow_module_level=True)\n")
    project.affected()

    assert "not collected" not in project.affected().output + project.affected().output


def test_what_a_test_leaves_in_the_process_is_there_for_the_next(project: AffectedProject) -> None:
    """In the environment, as the working folder, or as a seed: tests do not run in forks of their own then."""
    project.write(
        "test_a.py",
        """
        import os, random

        def test_environ(): os.environ["LEFT"] = "1"
        def test_folder(): os.chdir(os.environ["LEFT"] and "/")
        def test_both(): assert (os.environ["LEFT"], os.getcwd()) == ("1", "/")
        def test_seed(): random.seed(7)
        def test_draw(): assert random.random() == random.Random(7).random()
        """,
    )
    assert [project.affected().status for _ in range(2)] == [0, 0]
    assert project.affected().names == set()


def test_a_key_of_the_environment_that_a_test_of_another_file_leaves(project: AffectedProject) -> None:
    """Who reads it runs with who sets it."""
    project.write("test_a.py", 'import os\n\ndef test_sets(): os.environ["LEFT"] = "1"\n')
    project.write("test_b.py", 'import os\n\ndef test_reads(): assert os.environ["LEFT"] == "1"\n')
    assert project.affected().status == 0
    project.replace("test_b.py", '== "1"', '== "1" and True')
    assert project.affected().ran == {"test_sets": "PASSED", "test_reads": "PASSED"}


@precisely
@pytest.mark.parametrize("word", ["explain", "exact"])
def test_a_file_that_one_test_makes_for_another(project: AffectedProject, word: str) -> None:
    """The second depends on what the first does, in forks of their own, too."""
    project.write("app.py", "def value(): return 1\n")
    with tempfile.TemporaryDirectory() as folder:  # that of pytest does not count
        project.write(
            "test_a.py",
            f"""
            import app, pathlib
            PATH = pathlib.Path({folder!r}, "made")
            def test_makes(): PATH.write_text(str(app.value()))
            def test_reads():
                assert PATH.read_text() == "1"
                PATH.unlink()
            """,
        )
        assert project.run(f"--affected={word}").status == 0
        project.write("app.py", "def value(): return 2\n")
        assert project.affected().ran == {"test_makes": "PASSED", "test_reads": "FAILED"}
        project.replace("test_a.py", '== "1"', '== "2"')
        assert project.affected().ran == {"test_makes": "PASSED", "test_reads": "PASSED"}


@precisely
def test_what_tests_of_a_file_keep_for_each_other(project: AffectedProject) -> None:
    """One that is edited, or new, runs after those that leave what it finds; in one process and in forks."""
    text = """
        KEPT = []
        def test_begins(): KEPT.append(1)
        def test_goes_on(): assert KEPT == [1]
        def test_alone(): pass
        """
    many = project.write(
        "test_many.py", "import pytest\n@pytest.mark.parametrize('n', range(45))\ndef test_many(n): ...\n"
    )
    for name in ("test_a.py", "test_b.py"):
        project.write(name, text)
        assert project.affected().status == 0
        project.replace(name, "== [1]", "== [1] and True")
        assert {"test_begins": "PASSED", "test_goes_on": "PASSED"}.items() <= project.affected().ran.items()
        project.write(name, text.replace("test_alone", "test_new", 1).replace("pass", "assert KEPT"))
        assert {"test_begins": "PASSED", "test_new": "PASSED"}.items() <= project.affected().ran.items()
        many.unlink(missing_ok=True)


def test_tests_with_one_name_run_again(project: AffectedProject) -> None:
    """Nobody knows which of them failed."""
    project.write(
        "conftest.py",
        """
        import pytest

        class Rows(pytest.File):
            def collect(self):
                for value in self.path.read_text().split():
                    item = Row.from_parent(self, name="row")
                    item.value = value
                    yield item

        class Row(pytest.Item):
            def runtest(self): assert self.value == "ok"

        def pytest_collect_file(parent, file_path):
            if file_path.suffix == ".rows":
                return Rows.from_parent(parent, path=file_path)
        """,
    )
    project.write("some.rows", "bad ok")

    assert [project.affected().status for _ in range(2)] == [1, 1]


def test_where_hooks_decide_by_results_all_run_or_none(project: AffectedProject) -> None:
    """A test that is left out would count as one that has not passed."""
    project.write(
        "conftest.py",
        """
        import pytest

        PASSED = set()

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if report.when == "call" and report.passed:
                PASSED.add(item.name)
            return report

        def pytest_runtest_setup(item):
            if item.name == "test_use" and "test_login" not in PASSED:
                pytest.skip("not logged in")
        """,
    )
    project.write("test_a.py", "def test_login(): pass\ndef test_use(): assert 0\n")
    first, second = project.affected(), project.affected()

    assert first.ran == second.ran == {"test_login": "PASSED", "test_use": "FAILED"}
    assert "[tests-in-one-process]: pytest_runtest_makereport of conftest" in first.output or not PRECISE
    assert "[results-remembered]" in second.output


@precisely
def test_nobody_can_tell_that_tests_have_forks(project: AffectedProject) -> None:
    """Exit handlers are called, steps of a class find what earlier steps left, properties may be anything."""
    project.write(
        "test_a.py",
        """
        import atexit, pathlib

        def test_leaves_a_handler():
            atexit.register(pathlib.Path("ended").write_text, "")

        def test_property(record_property):
            record_property("function", lambda: 1)

        class TestSteps:
            def test_first(self): type(self).token = "t"
            def test_second(self): assert self.token == "t"

        FOUND = []

        def test_adds(): FOUND.append(1)
        def test_finds(): assert FOUND == [1]
        """,
    )
    ran = project.affected()

    assert set(ran.ran.values()) == {"PASSED"}
    assert "in-one-process" not in ran.output
    assert (project.root / "ended").exists()


def test_a_session_that_is_to_stop_stops(project: AffectedProject) -> None:
    """Whoever says so."""
    project.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def server(request):
            request.session.shouldstop = "no server"
        """,
    )
    project.write("test_a.py", "def test_a(server): pass\ndef test_b(): assert 0\n")

    assert project.affected().ran == {"test_a": "PASSED"}


def test_options_count_by_their_values(project: AffectedProject) -> None:
    """Whatever their type; one that cannot be compared has all tests run."""
    project.write(
        "conftest.py",
        """
        import pathlib

        class Thing:
            def __init__(self, text): pass

        def pytest_addoption(parser):
            parser.addoption("--data", type=pathlib.Path, default=pathlib.Path("a"))
            parser.addoption("--thing", type=Thing)
        """,
    )
    project.write("test_a.py", "def test_a(pytestconfig): assert str(pytestconfig.getoption('--data')) == 'a'\n")
    project.affected()
    assert project.affected("--data=b").ran == {"test_a": "FAILED"}
    runs = [project.affected("--thing=x") for _ in range(2)]

    assert [ran.names for ran in runs] == [{"test_a"}] * 2
    assert "[options-unknown]: nobody can tell whether --thing are as before" in runs[1].output


def test_a_plugin_imported_before_recording_may_have_read_anything(project: AffectedProject) -> None:
    """Unless it only defines functions."""
    project.write("pytest.ini", "[pytest]\naddopts = -p plug -p pytest_zygote\npythonpath = .\n")
    project.write("data.txt", "1")
    project.write("plug.py", "import os\nDATA = open('data.txt').read()\n")
    project.write("test_a.py", "import plug\n\ndef test_a(): assert plug.DATA == '1'\n")
    first = project.affected(PYTHONPATH=str(project.root))
    assert "[plugin-imported-first]: plug.py was imported before recording" in first.output
    project.write("data.txt", "2")

    assert project.affected(PYTHONPATH=str(project.root)).ran == {"test_a": "FAILED"}


def test_what_would_run_is_listed(project: AffectedProject) -> None:
    """With ``--collect-only``."""
    project.write("test_a.py", "def test_a(): pass\n")
    project.write("test_b.py", "def test_b(): pass\n")
    project.affected()
    project.write("test_b.py", "def test_b(): assert str(1)\n")
    listed = project.run("--affected", "--collect-only", "-q", "-q")

    assert ("test_b" in listed.output, "test_a" in listed.output) == (True, False)


@pytest.mark.parametrize(
    ("read", "environ", "is_read"),
    [
        ("os.environ.get('PYTEST_RUN_SLOW')", {"PYTEST_RUN_SLOW": "1"}, True),
        ("os.environb.get(b'COLUMNS')", {"COLUMNS": "1"}, True),
        ("mock.patch.dict(os.environ, A='1').start()", {"ANY": "1"}, False),
        ("dict(os.environ)", {"TMUX_PANE": "%1"}, False),
        ("dict(os.environ)", {"ANY": "1"}, True),
    ],
)
def test_keys_of_the_environment_are_known_by_name(
    project: AffectedProject, read: str, environ: dict[str, str], *, is_read: bool
) -> None:
    """Only those that differ from terminal to terminal do not count when all are read."""
    project.write("test_a.py", f"import os\nfrom unittest import mock\n\ndef test_a():\n    {read}\n")
    project.affected()

    assert bool(project.affected(**environ).names) is is_read


@precisely
@pytest.mark.parametrize("way", ["in the test", "in a process"])
def test_sizes_and_times_are_inputs(project: AffectedProject, way: str) -> None:
    """Asked by whatever function; who only wants to know whether a file is there does not depend on them."""
    project.write("data.bin", "12345")
    project.write(
        "test_a.py",
        f"""
        import os, subprocess, sys

        def see(code):
            if {way == "in the test"}:
                return str(eval(code))
            run = ["-c", f"import os; print({{code}})"]
            return subprocess.run([sys.executable, *run], capture_output=True, text=True).stdout.strip()

        def test_size(): assert see("os.path.getsize('data.bin')") == "5"
        def test_stat(): assert see("os.stat('data.bin').st_size") == "5"
        def test_entry(): assert see("[e.stat().st_size for e in os.scandir() if e.name == 'data.bin']") == "[5]"
        def test_exists(): assert see("os.path.exists('data.bin')") == "True"
        """,
    )
    project.affected()
    assert project.affected().names == set()
    project.write("data.bin", "123456")

    assert project.affected().ran == dict.fromkeys(("test_size", "test_stat", "test_entry"), "FAILED")
