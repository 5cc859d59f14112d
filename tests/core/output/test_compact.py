"""What is printed of each event, for those who pay by the word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.output.compact import MOST_LETTERS, MOST_LINES, Compact, ending, essentials
from pytest_zygote.core.output.events import KIND

if TYPE_CHECKING:
    from pytest_zygote.core.output.events import Event


def entry(place: tuple[str, int], *lines: str, args: tuple[tuple[str, str], ...] = ()) -> dict[str, object]:
    """Return a part of a traceback, as pytest serialises it."""
    location = {"path": place[0], "lineno": place[1], "message": ""}
    data = {"lines": list(lines), "reprfuncargs": {"args": [list(pair) for pair in args]}, "reprfileloc": location}
    return {"type": "ReprEntry", "data": data}


def failure(message: str, *entries: dict[str, object], causes: tuple[str, ...] = ()) -> dict[str, object]:
    """Return what pytest serialises of a failure."""
    chain = [[{}, {"message": text}, None] for text in (*causes, message)]
    return {"reprcrash": {"message": message}, "reprtraceback": {"reprentries": list(entries)}, "chain": chain}


def report(nodeid: str, longrepr: object, when: str = "call", **fields: object) -> Event:
    """Return the event of a test that failed."""
    return {KIND: "TestReport", "nodeid": nodeid, "outcome": "failed", "when": when, "longrepr": longrepr, **fields}


OWN = entry(("tests/a.py", 9), "    def test_x():", ">       run(0)")
DEEP = entry(("shop.py", 4), ">       return 1 / n", args=(("n", "0"),))


def test_the_line_of_the_test_and_the_line_that_failed() -> None:
    """In the test's own file, the number is enough; arguments stand behind."""
    found = list(essentials(failure("ZeroDivisionError: division by zero", OWN, DEEP), "tests/a.py"))

    assert found == ["9: run(0)", "shop.py:4: return 1 / n  # n=0", "ZeroDivisionError: division by zero"]


def test_one_place_is_said_once() -> None:
    """Where the test itself fails."""
    assert list(essentials(failure("Failed: no", OWN), "tests/a.py")) == ["9: run(0)", "Failed: no"]


def test_a_failure_without_a_place_has_its_message() -> None:
    """As of `pytest.fail` without a traceback."""
    bare: dict[str, object] = {"type": "ReprEntry", "data": {"lines": ["because"], "reprfileloc": None}}

    assert list(essentials(failure("Failed: because", bare), "a.py")) == ["Failed: because"]
    assert list(essentials({**failure("", bare), "reprcrash": None}, "a.py")) == ["because"]


def test_objects_are_called_as_the_code_calls_them() -> None:
    """Addresses tell nobody anything."""
    message = (
        "AssertionError: assert 4 == 5\n +  where 4 = <function price at 0x7f01>(2)\n"
        " +    where <function price at 0x7f01> = shop.price\n +  and   <A object at 0x7f02> is empty"
    )

    assert list(essentials(failure(message), "a.py")) == [
        "assert 4 == 5",
        "+  where 4 = shop.price(2)",
        "+  and   <A object> is empty",
    ]


def test_long_messages_are_cut() -> None:
    """To so many lines, of so many letters; hints of pytest's own are left out."""
    lines = [f"line {number}" for number in range(MOST_LINES + 2)]
    found = list(essentials(failure("\n".join(["x" * 500, "Use -v to get more diff", "", *lines])), "a.py"))

    assert found[0] == "x" * MOST_LETTERS + "…"
    assert found[-1] == "… 3 lines more"
    assert len(found) == MOST_LINES + 1


def test_causes_follow() -> None:
    """The nearest first, each with the first line of its message."""
    found = list(essentials(failure("C: c", causes=("A: a\nmore", "B: b")), "a.py"))

    assert found == ["C: c", "caused by B: b", "caused by A: a"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "ImportError\nHint: names\na.py:1: in <module>\n    import gone\nE   ModuleNotFoundError: gone",
            ["a.py:1: in <module>", "ModuleNotFoundError: gone"],
        ),
        ("something\n\nelse", ["something", "else"]),
    ],
)
def test_a_text_is_searched_for_errors(text: str, lines: list[str]) -> None:
    """Of what could not be collected pytest has made what could not be collected."""
    assert list(essentials(text, "a.py")) == lines


def test_the_same_failure_is_said_once() -> None:
    """Another test that fails so has one line; what was printed is shown below the first."""
    compact = Compact()
    longrepr = failure("Failed: no", OWN)
    sections = [["Captured stdout call", "1\n2\n3\n4\n"]]

    assert list(compact.lines(report("tests/a.py::x", longrepr, sections=sections))) == [
        "FAILED tests/a.py::x",
        "9: run(0)",
        "Failed: no",
        *(f"stdout call: {number}" for number in (2, 3, 4)),
    ]
    assert list(compact.lines(report("tests/a.py::y", longrepr))) == ["FAILED tests/a.py::y: as x"]
    assert next(compact.lines(report("tests/a.py::z", failure("F: other"), "setup"))) == (
        "ERROR at setup of tests/a.py::z"
    )


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        ({KIND: "TestReport", "outcome": "passed", "nodeid": "a.py::x"}, []),
        ({KIND: "SessionStart"}, []),
        (
            {KIND: "Selection", "notes": ["affected: 1 of 3 tests"], "tests": ["a.py::x"]},
            ["a.py::x", "affected: 1 of 3 tests"],
        ),
        ({KIND: "UsageError", "text": "no such file\nreally\n"}, ["no such file", "really"]),
        (
            {KIND: "CollectReport", "outcome": "failed", "nodeid": "a.py", "longrepr": "E   X: y"},
            ["ERROR in a.py", "X: y"],
        ),
    ],
)
def test_other_events(event: Event, lines: list[str]) -> None:
    """Only what somebody must know."""
    assert list(Compact().lines(event)) == lines


@pytest.mark.parametrize(
    ("status", "counts", "rerun", "lines"),
    [
        (0, {"passed": 2, "warnings": 1}, "", ["ok: 2 passed, 1 warnings in 0.25 s"]),
        (1, {"passed": 2, "failed": 1}, "pytest x", ["1 failed, 2 passed in 0.25 s", "rerun: pytest x"]),
        (5, {}, "", ["no tests in 0.25 s, exit code 5"]),
        (1, {"rerun": 1, "error": 1}, "", ["1 error, 1 rerun in 0.25 s"]),
    ],
)
def test_the_end(status: int, counts: dict[str, int], rerun: str, lines: list[str]) -> None:
    """One line if all is well, else the command that repeats it."""
    event: Event = {"exitstatus": status, "counts": counts, "phases": {"total": 0.25}, "rerun": rerun}

    assert list(ending(event)) == lines
