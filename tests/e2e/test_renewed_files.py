"""A test file was saved: a run collects it again by itself, in a session that stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_sessions import from_session, make_project, without_times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Project, Result

PLAIN = """
    import pytest

    NUMBERS = [1, 2]

    @pytest.fixture
    def number():
        return 7

    @pytest.fixture(autouse=True)
    def every():
        print("every")

    @pytest.mark.parametrize("value", NUMBERS)
    def test_value(value, number):
        assert value < number

    class TestMore:
        def test_method(self, number):
            assert number == 7
    """

EDITS = {
    "body": PLAIN.replace("== 7", "== 8"),
    "a new test": PLAIN + "\n    def test_new(): pass\n",
    "a test less": PLAIN.replace("def test_method", "def method"),
    "other parameters": PLAIN.replace("[1, 2]", "[1, 2, 9]"),
    "another fixture": PLAIN.replace("number", "amount"),
    "no fixture for all": PLAIN.replace("(autouse=True)", "").replace("print(", "raise ValueError("),
    "lines": "\n\n" + PLAIN.replace("== 7", "== 9"),
    "a mark": PLAIN.replace("    class", "    @pytest.mark.skip(reason='not now')\n    class"),
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project whose runs wait for their session."""
    project = make_project(tmp_path / "project", PYTEST_DAEMON_FORCE_SESSIONS="1")
    project.write("test_first.py", "def test_one(): assert True")
    project.write("test_second.py", PLAIN)
    project.write("test_third.py", "import test_helped\ndef test_three(): assert test_helped.VALUE == 1")
    project.write("test_helped.py", "VALUE = 1\ndef test_help(): pass")
    project.write("test_counted.py", "def test_counted(): pass")
    project.write("conftest.py", "import glob, pathlib\n[pathlib.Path(f).read_text() for f in glob.glob('test_c*.py')]")
    yield project
    project.close()


def pid_of_session(project: Project) -> int:
    """Return the process of the session that was used last."""
    return project.status().sessions[-1].pid


def assert_equal(project: Project, warm: Result, *args: str) -> None:
    """See that a run is what plain pytest makes of the files as they are now."""
    plain = project.plain("-p", "no:cacheprovider", *args)
    lines, expected = (re.sub(r"0x\w+", "0x", without_times(result.stdout)).splitlines() for result in (warm, plain))
    assert lines == expected
    assert warm.returncode == plain.returncode


def test_a_saved_file_is_collected_again(project: Project) -> None:
    """Whatever was edited; the session stays, and has not learned of it."""
    from_session(project, "-rA")
    from_session(project, "-rA")  # what the first run has taught may have made another layer
    pid = pid_of_session(project)
    for name, text in EDITS.items():
        project.write("test_second.py", text)
        warm = from_session(project, "-rA")
        assert pid_of_session(project) == pid, name
        assert_equal(project, warm, "-rA")


@pytest.mark.measured
@pytest.mark.parametrize("args", [("-k", "value or new"), ("-m", "not skip"), ("--collect-only",), ("-n", "2")])
def test_tests_are_selected_again(project: Project, args: tuple[str, ...]) -> None:
    """By all options that select, and shown."""
    from_session(project, *args)
    from_session(project, *args)
    pid = pid_of_session(project)
    project.write("test_second.py", EDITS["a new test"])
    warm = from_session(project, *args)
    assert pid_of_session(project) == pid
    if args[0] == "-n":
        assert "1 failed, 9 passed" in warm.stdout
    else:
        assert_equal(project, warm, *args)


@pytest.mark.measured
def test_failures_are_remembered(project: Project) -> None:
    """The cache knows of the tests of now, and of those that failed."""
    from_session(project, "test_second.py")
    pid = pid_of_session(project)
    project.write("test_second.py", PLAIN.replace("test_method", "test_other").replace("== 7", "== 8"))
    from_session(project, "test_second.py")
    assert pid_of_session(project) == pid
    cache = project.root / ".pytest_cache/v/cache"
    assert "test_other" in (cache / "lastfailed").read_text()
    assert "test_other" in (cache / "nodeids").read_text()
    project.write("test_second.py", PLAIN.replace("test_method", "test_other"))
    from_session(project, "test_second.py")
    assert "test_other" not in (cache / "lastfailed").read_text()


REFUSED = {
    "an import": ("test_second.py", "import os\n" + PLAIN.replace("    ", "", 1)),
    "a call": ("test_second.py", PLAIN + "\n    VALUES = list(NUMBERS)\n"),
    "no Python": ("test_second.py", PLAIN + "\n    def test_(:\n"),
    "no tests": ("test_second.py", "VALUE = 1"),
    "somebody imports it": ("test_helped.py", "VALUE = 2\ndef test_help(): pass"),
    "somebody reads it": ("test_counted.py", "def test_counted(): assert 0"),
    "a warning": ("test_second.py", PLAIN + "\n    class TestInit:\n        def test_(self): return 1 is 1\n"),
}


@pytest.mark.measured
def test_other_edits_have_all_collected_again(project: Project) -> None:
    """What may reach further is done by pytest from the start, and nobody can tell."""
    from_session(project)
    for name, (path, text) in REFUSED.items():
        before = (project.root / path).read_text(encoding="utf-8")
        pid = pid_of_session(project)
        project.write(path, text)
        warm = project.pytest()
        assert all(session.pid != pid for session in project.status().sessions), name
        assert_equal(project, warm)
        project.write(path, before)
        from_session(project)


def test_many_saved_files_have_all_collected_again(project: Project) -> None:
    """It would not pay."""
    for number in range(9):
        project.write(f"more/test_more_{number}.py", "def test_more(): assert 1")
    from_session(project)
    pid = pid_of_session(project)
    for number in range(9):
        project.write(f"more/test_more_{number}.py", f"def test_more(): assert {number}")
    warm = project.pytest()
    assert_equal(project, warm)
    assert all(session.pid != pid for session in project.status().sessions)
