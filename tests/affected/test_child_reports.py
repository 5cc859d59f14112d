"""What Python processes have written down, read by the run that a test is in."""

from __future__ import annotations

import marshal
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.child_recorder import BEGUN, FOLDER, REPORT
from pytest_zygote.affected.child_reports import ChildReports
from pytest_zygote.affected.system_questions import is_write, status
from pytest_zygote.core.affected.dependency import (
    BODY,
    DATA,
    ENVIRON,
    FILE,
    IMPORTABLE,
    LISTING,
    PRESENCE,
    STATUS,
    Need,
)
from pytest_zygote.core.affected.fingerprints import compiled_text
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.affected.current_tree import CurrentTree

TEXT = "def f():\n    return 1\n\ndef g():\n    return 2\n"
MODE = {"MODE": "x"}

pytestmark = pytest.mark.skipif(not hasattr(__import__("sys"), "monitoring"), reason="children report from 3.12 on")


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> CurrentTree:
    (tmp_path / "a.py").write_text(TEXT)
    (tmp_path / "data.txt").write_text("1")
    return tree_at(tmp_path, MODE)


@pytest.fixture(name="reports")
def _reports(tree: CurrentTree, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChildReports]:
    monkeypatch.setenv(FOLDER, "")
    below = f"{tree.root}/"
    found = ChildReports(tree, lambda path: path.startswith(below), lambda _: True, time.time_ns() + 10**9)
    found.offer()
    yield found
    found.close()


def begin(number: int) -> Path:
    """Have a child begin; return the beginning of its files' names."""
    name = Path(os.environ[FOLDER], f"{os.getpid()}-{number}")
    Path(f"{name}{BEGUN}").write_text("")
    return name


def end(number: int, **values: object) -> None:
    """Have a child begin and end, with this report."""
    report: dict[str, object] = {"is_anything": False, "modules": [], "rest": [], "read": [], "listed": {}, "asked": {}}
    report.update({"keys": {}, "path": []}, **values)
    Path(f"{begin(number)}{REPORT}").write_bytes(marshal.dumps(report))


def test_without_children_nothing_is_needed(reports: ChildReports) -> None:
    """And nothing awaited."""
    assert (reports.drain(), reports.are_awaited) == ({}, False)


def test_the_functions_that_ran_are_needed(reports: ChildReports, tree: CurrentTree) -> None:
    """With what the import of their module executes, and the names that are searched."""
    path = str(Path(tree.root, "a.py"))
    code = compile(TEXT, path, "exec", dont_inherit=True)
    reports.expect()
    end(1, modules=[(path, False, marshal.dumps(code), [0, 2])], path=[tree.root])

    needs = reports.drain()

    assert needs is not None
    assert needs[Need(BODY, "a.py", "g")] == compiled_text(TEXT.encode(), path)["g"]
    assert Need(BODY, "a.py", "f") not in needs
    assert needs[Need(IMPORTABLE, "")] == tree.now(Need(IMPORTABLE, ""))


def test_other_code_counts_as_a_whole_file(reports: ChildReports, tree: CurrentTree) -> None:
    """It was copied, or made anew."""
    reports.expect()
    end(1, rest=[str(Path(tree.root, "a.py")), "/elsewhere/b.py"])

    assert reports.drain() == {Need(FILE, "a.py"): tree.now(Need(FILE, "a.py"))}


def test_files_folders_and_lookups_are_needed(reports: ChildReports, tree: CurrentTree) -> None:
    """As the child found them."""
    root = tree.root
    reports.expect()
    looks = {
        (f"{root}/flag", "stat", "exists"): (b"", b""),
        (root, "is_dir", ""): (b"folder", b"more"),
        (f"{root}/data.txt", "stat", "getsize"): (b"file", status(f"{root}/data.txt")),
    }
    end(1, read=[f"{root}/data.txt"], listed={root: ["a.py", "data.txt"]}, asked=looks)

    assert reports.drain() == {
        Need(DATA, "data.txt"): tree.now(Need(DATA, "data.txt")),
        Need(LISTING, ""): tree.now(Need(LISTING, "")),
        Need(PRESENCE, "flag"): b"",
        Need(PRESENCE, ""): b"folder",
        Need(STATUS, "data.txt"): tree.now(Need(STATUS, "data.txt")),
    }


def test_environment_keys_count_unless_the_test_set_them(reports: ChildReports, tree: CurrentTree) -> None:
    """Then the child saw another value than the run was started with."""
    reports.expect()
    end(1, keys={"MODE": "x", "OTHER": "set"})

    assert reports.drain() == {Need(ENVIRON, "", "MODE"): tree.now(Need(ENVIRON, "", "MODE"))}


def test_a_child_that_has_not_ended_may_need_anything(reports: ChildReports) -> None:
    """So may one that started a process itself, or left no proper report."""
    reports.expect()
    begin(1)
    assert reports.drain() is None
    reports.expect()
    end(2, is_anything=True)
    assert reports.drain() is None
    reports.expect()
    Path(f"{begin(3)}{REPORT}").write_bytes(b"no report")

    assert reports.drain() is None


def test_after_a_late_child_none_are_counted(reports: ChildReports) -> None:
    """Its report could be taken for that of the next test's child."""
    reports.expect()
    assert reports.drain() is None
    reports.expect()
    end(1)
    end(2)

    assert reports.drain() is None


def test_a_report_counts_once(reports: ChildReports, tree: CurrentTree) -> None:
    """For the test that started the child."""
    reports.expect()
    end(1, read=[f"{tree.root}/data.txt"])
    assert reports.drain()

    assert reports.drain() == {}
    assert reports.are_awaited


def test_the_folder_goes_in_the_end(reports: ChildReports) -> None:
    """And the key that named it."""
    reports.expect()
    folder = Path(os.environ[FOLDER])
    assert folder.is_dir()
    reports.close()

    assert not folder.exists()
    assert FOLDER not in os.environ


@pytest.mark.parametrize(
    ("mode", "flags", "expected"),
    [("r", 0, False), ("w", 0, True), ("a+", 0, True), ("xb", 0, True), (None, os.O_RDONLY, False)]
    + [(None, flag, True) for flag in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_APPEND | os.O_WRONLY)],
)
def test_a_file_is_written_if_its_mode_or_flags_say_so(mode: str | None, flags: int, *, expected: bool) -> None:
    """As the audit event has them."""
    assert is_write(mode, flags) is expected
