"""Junit files of shards."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from pytest_zygote.core.shards import junit
from pytest_zygote.core.shards.errors import ShardError

FIRST = """<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="0" tests="2"
 time="1.5" timestamp="2026-01-01T00:00:02" hostname="alpha">
<properties><property name="db" value="up" /></properties>
<testcase classname="test_a" name="test_3" time="1.0"><failure message="no">text</failure></testcase>
<testcase classname="test_a" name="test_1" time="0.5" mark="x" /></testsuite></testsuites>"""
SECOND = """<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="0" skipped="0" tests="2"
 time="0.25" timestamp="2026-01-01T00:00:01" hostname="beta">
<properties><property name="db" value="up" /></properties>
<testcase classname="test_a" name="test_2" time="0.25"><error>text</error></testcase></testsuite></testsuites>"""
IDS = ("test_a.py::test_1", "test_a.py::test_2", "test_a.py::test_3")


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/unit/test_a.py::TestA::test_x", ("tests.unit.test_a.TestA", "test_x")),
        ("test_a.py::test_x[a::b/c.py]", ("test_a", "test_x[a::b/c.py]")),
        ("README.md::README.md", ("README.md", "README.md")),
    ],
)
def test_a_test_has_the_name_that_pytest_gives_it(nodeid: str, expected: tuple[str, str]) -> None:
    """Also with parameters that look like parts of an id."""
    assert junit.key_of(nodeid) == expected


def test_files_are_put_together() -> None:
    """Cases in the order of the whole, counts added, what all have said once."""
    whole = ET.fromstring(junit.merged([FIRST, SECOND], IDS))  # noqa: S314 - it is our own
    (suite,) = whole
    assert [case.get("name") for case in suite.iter("testcase")] == ["test_1", "test_2", "test_3"]
    counts = {name: suite.get(name) for name in (*junit.COUNTS, "time", "timestamp")}
    assert counts == {
        "errors": "1",
        "failures": "1",
        "skipped": "0",
        "tests": "4",
        "time": "1.750",
        "timestamp": "2026-01-01T00:00:01",
    }
    assert [(one.get("name"), one.get("value")) for one in suite.iter("property")] == [("db", "up")]
    assert suite.find("testcase[@mark='x']") is not None
    assert suite.findtext("testcase/failure") == "text"


BROKEN = """<testsuites><testsuite errors="1" failures="0" skipped="0" tests="1" time="0" timestamp="">
<testcase classname="" name="broken"><error message="collection failure">text</error></testcase>
</testsuite></testsuites>"""


def test_what_all_shards_could_not_collect_counts_once() -> None:
    """As in one run."""
    (suite,) = ET.fromstring(junit.merged([BROKEN, BROKEN], IDS))  # noqa: S314 - it is our own
    assert (suite.get("errors"), suite.get("tests"), len(list(suite))) == ("1", "1", 1)


@pytest.mark.parametrize(("text", "expected"), [("<a/>", "it has no <testsuite>"), ("x", "it is no XML")])
def test_what_is_no_junit_file(text: str, expected: str) -> None:
    """It is said what is wrong."""
    with pytest.raises(ShardError, match=expected):
        junit.merged([text], IDS)
