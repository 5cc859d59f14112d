"""The command line of the run on a host."""

from __future__ import annotations

import pytest

from pytest_zygote.core.hosts.arguments import hosted_args

BEGIN = ["-p", "pytest_zygote"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--hosts=alpha", "-n", "auto", "-k", "x", "tests"], ["-k", "x", "tests"]),
        (["--hosts", "alpha", "-n8", "--dist=loadfile"], ["--dist=loadfile"]),
        (["--lf", "--junitxml", "out.xml", "--junitxml=out.xml", "-x"], ["-x"]),
        (["/p/tests/test_a.py::test_b", "/p/"], ["tests/test_a.py::test_b", "."]),
        (["-no", "--shard=1/2", "--zygote-output=jsonl", "--affected-since", "main"], ["-no"]),
    ],
)
def test_what_is_about_this_machine_is_left_out(args: list[str], expected: list[str]) -> None:
    """Paths become those of the tree, and the workers are those of the host."""
    assert hosted_args(args, "/p/", 3) == [*BEGIN, *expected, "-n3"]
