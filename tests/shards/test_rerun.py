"""The command line that repeats a shard."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.result import ShardResult
from pytest_zygote.shards import rerun
from pytest_zygote.shards.result_folder import ResultFolder

if TYPE_CHECKING:
    from pathlib import Path

OWN = ("--shard=1/1", "--shard-result=")
TESTS = ("tests/test_a.py::x", "tests/test_a.py::y[a b]", "tests/test_b.py::z")


def make(**values: object) -> ShardResult:
    """Return a result that differs in these values."""
    return ShardResult(1, 2, "plan", "", TESTS, TESTS, TESTS, **{"status": 1, **values})  # type: ignore[arg-type]  # any of them


@pytest.fixture(name="root")
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests").mkdir()
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / "tests" / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept(root: Path, result: ShardResult, *events: dict[str, object]) -> ResultFolder:
    """Return a folder with a result."""
    folder = ResultFolder(str(root / "results"))
    folder.clear()
    folder.write(result)
    folder.events.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return folder


def test_options_and_seeds_are_those_of_the_shard(root: Path) -> None:
    """But for those that would choose by what is left here."""
    result = make(args=("-q", "--lf", "-m", "slow"), seeds={"--randomly-seed": "7"})
    assert rerun.command_line(result, TESTS[:1], root) == [
        *("-q", "-m", "slow", "--randomly-seed=7", "--randomly-dont-reorganize", *OWN),
        TESTS[0],
    ]


def test_tests_are_found_from_a_folder_below(root: Path) -> None:
    """Node ids are relative to rootdir, paths to the folder of the command."""
    assert rerun.command_line(make(folder="tests"), TESTS[:1], root / "tests") == [*OWN, "../tests/test_a.py::x"]


def test_a_file_that_is_not_here_is_named(root: Path) -> None:
    """The command belongs to the folder where the shard ran."""
    with pytest.raises(ShardError, match=r"tests/test_a\.py is not here: .* It was run in the folder sub\."):
        rerun.command_line(make(folder="sub"), TESTS, root / "elsewhere" / "sub")


@pytest.mark.parametrize("status", [1, 2, None])
def test_only_what_failed(root: Path, status: int | None) -> None:
    """And what did not come to its end: the shard died, was interrupted, or had `-x`."""
    events: list[dict[str, object]] = [
        {"$report_type": "LogFinish", "nodeid": TESTS[0]},
        {"$report_type": "LogFinish", "nodeid": TESTS[1]},
        {"$report_type": "TestReport", "nodeid": TESTS[1], "outcome": "failed"},
        {"$report_type": "CollectReport", "nodeid": "tests/test_b.py", "outcome": "failed"},
    ]
    result = make(status=status)
    folder = kept(root, result, *events)
    assert rerun.chosen(folder, result, only_failed=True) == ["tests/test_b.py", *TESTS[1:]]
    assert rerun.chosen(folder, result, only_failed=False) == list(TESTS)


def test_pytest_takes_the_place_of_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the environment that was kept, and after what differs was said."""
    kept(root, make(environ={"PYTHONHASHSEED": "3"}, surroundings={"Python": "CPython 2.7"}, args=("-q",)))
    started: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: started.append(call))
    rerun.rerun(["results", "-x"])

    ((program, command, environ),) = started
    assert (program, command) == (sys.executable, [sys.executable, "-m", "pytest_zygote", "-q", *OWN, *TESTS, "-x"])
    assert environ["PYTHONHASHSEED"] == "3"
    assert "zygote: not as it was there: Python: CPython 2.7 there, " in capsys.readouterr().err


def test_too_many_tests_for_a_command_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system's word is passed on."""

    def refuse(*_: object) -> None:
        raise OSError(7, "Argument list too long")

    kept(root, make())
    monkeypatch.setattr(os, "execve", refuse)
    assert rerun.rerun(["results"]) == 4
    assert "ERROR: pz rerun: Argument list too long" in capsys.readouterr().err


def test_nothing_to_repeat(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That is no failure; a folder that holds nothing is."""
    ends: list[dict[str, object]] = [{"$report_type": "LogFinish", "nodeid": nodeid} for nodeid in TESTS]
    kept(root, make(status=0), *ends)
    assert rerun.rerun(["results", "--failed"]) == 0
    assert capsys.readouterr().err == "zygote: no test of shard 1/2 has failed\n"
    assert rerun.rerun(["elsewhere"]) == 4
    assert "ERROR: elsewhere holds no result of a shard" in capsys.readouterr().err
