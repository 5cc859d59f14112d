"""The command that repeats what failed."""

from __future__ import annotations

import pytest

from pytest_zygote.core.output.rerun import MOST_NAMED, OURS, command, without_last

MANY = [f"a.py::test_{number}" for number in range(MOST_NAMED + 1)]


@pytest.mark.parametrize(
    ("args", "paths", "failed", "expected"),
    [
        (["-q"], [], [], ""),
        (["-q"], [], ["a.py::x"], "pytest -q a.py::x"),
        (["-q", "tests"], ["tests"], ["tests/a.py::x[b c]"], "pytest -q 'tests/a.py::x[b c]'"),
        (["-k", "tests", "tests"], ["tests"], ["a.py::x"], "pytest -k tests a.py::x"),
        (["--lf", "--sw", "-x"], [], ["a.py::x"], "pytest -x a.py::x"),
        (["--affected=explain", "--affected-since", "HEAD", "--shard", "1/2"], [], ["a.py::x"], "pytest a.py::x"),
        ([*OURS, "-n", "2"], [], ["a.py::x"], "pz -n 2 a.py::x"),
        (["-q", "tests"], ["tests"], MANY, "pytest -q --lf tests"),
    ],
)
def test_it_is_the_command_with_other_tests(
    args: list[str], paths: list[str], failed: list[str], expected: str
) -> None:
    """Without what would choose others; of many failures pytest's cache knows."""
    assert command("pytest", args, paths, failed) == expected


def test_the_last_of_equal_words_is_the_path() -> None:
    """The first may be a value."""
    assert without_last(["-k", "a", "a", "b"], ["a", "c"]) == ["-k", "a", "b"]
