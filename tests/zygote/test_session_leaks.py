"""What collection leaves open that runs would share."""

from __future__ import annotations

import os

import pytest

from pytest_zygote.zygote.session_leaks import opened

BEFORE = {0: "/dev/pts/1", 5: "/project/app.db"}


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({}, ""),
        ({5: "/project/app.db"}, ""),
        ({6: os.devnull}, ""),
        ({7: "/project/known"}, ""),
        ({6: "/project/log.txt"}, "collection leaves /project/log.txt open"),
        ({6: "socket:[1234]"}, "collection leaves socket open"),
        ({5: "/project/other.db"}, "collection leaves /project/other.db open"),
    ],
    ids=["nothing", "as before", "the null device", "one of ours", "file", "socket", "same number"],
)
def test_a_file_that_is_new_and_not_ours_is_named(after: dict[int, str], reason: str) -> None:
    """A descriptor that leads to another file than before is new."""
    assert opened(BEFORE, {0: "/dev/pts/1", **after}, {7}) == reason
