"""The words of watch mode: command lines, filters, and the status line."""

from __future__ import annotations

import pytest

from pytest_zygote.core.cli import watch_mode
from pytest_zygote.core.cli.watch_mode import Filters, Summary, status_line


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ("-q", "tests")),
        (Filters(pattern="a or b"), ("-q", "tests", "-k", "a or b")),
        (Filters(pattern="a or b", name="c"), ("-q", "tests", "-k", "(a or b) and c")),
        (Filters(stops=True), ("-q", "tests", "-x")),
        (Filters(path="one.py"), ("-q", "one.py")),
    ],
)
def test_filters_narrow_the_command_line(filters: Filters, expected: tuple[str, ...]) -> None:
    """A chosen path stands in place of those that were given."""
    assert filters.arguments(("-q", "tests"), {"tests"}) == expected


@pytest.mark.parametrize(
    ("key", "expected"), [("k", Filters(pattern="x")), ("t", Filters(name="x")), ("p", Filters(path="x"))]
)
def test_each_question_is_about_one_filter(key: str, expected: Filters) -> None:
    """The others stay."""
    assert Filters().answered(key, "x") == expected


def test_the_status_of_a_run_names_its_kind() -> None:
    """And what it is narrowed to."""
    line = status_line(Summary(running="all", changed=("a.py", "b.py", "c.py")), Filters(pattern="x"), 100)

    assert line == "watch: running all | a.py and 2 more changed | -k 'x'"


def test_the_status_between_runs_says_how_the_last_ended() -> None:
    """And how to get help."""
    summary = Summary(outcome="failed", selected="1 of 2 tests", duration_s=1.234, changed=("a.py",))

    assert (
        status_line(summary, Filters(), 100) == "watch: idle | failed | 1 of 2 tests | 1.23 s | a.py changed | w: help"
    )


def test_the_status_fits_the_window() -> None:
    """What is cut off is shown to be."""
    line = status_line(Summary(outcome="passed", selected="100 of 10000 tests"), Filters(), 30)

    assert (len(line), line[-1]) == (29, "…")


@pytest.mark.parametrize(("status", "word"), [(0, "passed"), (1, "failed"), (5, "no tests"), (-9, "ended with -9")])
def test_an_exit_code_has_a_word(status: int, word: str) -> None:
    """Pytest's own, or the number."""
    assert watch_mode.outcome_of(status) == word


def test_status_where_there_is_no_terminal_is_whole_and_offers_no_keys() -> None:
    """Nobody could press one."""
    summary = Summary(outcome="passed", selected="100 of 10000 tests", changed=("a" * 100,))

    assert status_line(summary, Filters(), None).endswith(f" | {'a' * 100} changed")
