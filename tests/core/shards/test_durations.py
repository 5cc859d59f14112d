"""Files of durations."""

from __future__ import annotations

import pytest

from pytest_zygote.core.shards.durations import (
    Durations,
    Measured,
    measured_durations,
    read_durations,
    write_durations,
)
from pytest_zygote.core.shards.errors import ShardError

IDS = ("tests/test_a.py::TestA::test_x[a::b/c.py]", "tests/test_a.py::test_y")
KNOWN = {IDS[0]: 0.5, IDS[1]: 2.0}


@pytest.mark.parametrize(
    "text",
    [
        '{"tests/test_a.py::TestA::test_x[a::b/c.py]": 0.5, "tests/test_a.py::test_y": 2}',
        '[["tests/test_a.py::TestA::test_x[a::b/c.py]", 0.5], ["tests/test_a.py::test_y", 2.0]]',
        '{"tests": {"tests/test_a.py::TestA::test_x[a::b/c.py]": 0.5, "tests/test_a.py::test_y": 2}}',
        (
            '<testsuites><testsuite><testcase classname="tests.test_a.TestA" name="test_x[a::b/c.py]" time="0.2"/>'
            '<testcase classname="tests.test_a.TestA" name="test_x[a::b/c.py]" time="0.3"/>'
            '<testcase classname="tests.test_a" name="test_y" time="2"/><testcase name="other" time="x"/>'
            "</testsuite></testsuites>"
        ),
    ],
    ids=["pytest-split", "pairs", "ours", "junit"],
)
def test_each_kind_of_file(text: str) -> None:
    """All say the same."""
    assert read_durations(text, IDS).tests == pytest.approx(KNOWN)


def test_what_is_written_can_be_read() -> None:
    """In an order that never changes: such files are committed."""
    durations = Durations({"b": 0.1234567891, "a": 1.0}, {"a.py": 3.0})
    text = write_durations(durations)
    assert read_durations(text, ()) == Durations({"a": 1.0, "b": 0.123457}, {"a.py": 3.0})
    assert text == write_durations(Durations(dict(reversed(durations.tests.items())), durations.fixtures))


def test_the_first_test_of_a_file_pays_for_what_all_share() -> None:
    """Each shard sets that up; the longest says what it costs."""
    first = [Measured("a.py::x", 5.0, 1.0), Measured("b.py::x", 1.0, 1.0), Measured("a.py::y", 1.0, 1.0)]
    second = [Measured("a.py::z", 4.0, 1.0), Measured("a.py::v", 1.0, 2.0), Measured("a.py::w", 2.0, 1.0)]
    assert measured_durations([first, second]) == Durations(
        {"a.py::x": 2.0, "a.py::y": 2.0, "b.py::x": 2.0, "a.py::z": 2.5, "a.py::v": 3.0, "a.py::w": 3.0},
        {"a.py": 4.0},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("no", "it is neither JSON nor XML"), ("<a", "it is no XML"), ("3", "it is JSON, but says nothing about tests")],
)
def test_what_is_no_file_of_durations(text: str, expected: str) -> None:
    """It is said what is wrong."""
    with pytest.raises(ShardError, match=expected):
        read_durations(text, IDS)


def test_values_that_are_no_durations_are_left_out() -> None:
    """The others count."""
    assert read_durations('{"a": -1, "b": "x", "c": 1, "d": Infinity, "e": 1' + "0" * 400 + "}", ()).tests == {"c": 1.0}
