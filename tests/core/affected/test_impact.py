"""Judging rows, and the words for it."""

from __future__ import annotations

import pytest

from pytest_zygote.core.affected.dependency import BODY, Need
from pytest_zygote.core.affected.impact import Row, Selected, judge, new_tests, summary, with_companions

CHANGED = Need(BODY, "app.py", "A.method")


def row(outcome: str, *sets: int) -> Row:
    """Make a row."""
    return Row(outcome, is_exact=True, sets=sets, duration_s=0.1)


def broken(number: int) -> Need | None:
    """Sets below 10 hold."""
    return CHANGED if number >= 10 else None


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([], "new"),
        ([row("passed", 1, 2)], None),
        ([row("skipped", 1)], None),
        ([row("failed", 1)], "failed"),
        ([row("passed", 1, 10)], "changed"),
        ([row("failed", 10), row("passed", 1)], None),
        ([row("passed", 10), row("failed", 1)], "failed"),
        ([row("failed", 1), row("passed", 1)], "failed"),
        ([row("failed", 10), row("failed", 11)], "changed"),
    ],
)
def test_the_newest_row_that_holds_decides(rows: list[Row], kind: str | None) -> None:
    """Rows of other trees say nothing."""
    found = judge("test", rows, broken)

    assert (found and found.kind) == kind


def test_the_reason_is_that_of_the_newest_row() -> None:
    """The older ones are of other trees."""
    found = judge("test", [row("passed", 10), row("passed", 11)], broken)

    assert found == Selected("test", "changed", "app.py: A.method() changed")


def test_the_summary_is_one_line() -> None:
    """One line."""
    selected = [Selected("a", "changed", ""), Selected("b", "failed", ""), Selected("c", "changed", "")]

    assert summary(selected, 10) == "affected: 3 of 10 tests (2 by changes, 1 failed the last time)"
    assert summary([], 1) == "affected: 0 of 1 test"


def test_tests_that_find_what_others_leave_run_with_them() -> None:
    """Also what these find in turn; what a changed test leaves may be something else now."""
    makers = {"t.py::b": {"t.py::a"}, "t.py::c": {"t.py::b"}, "u.py::b": {"u.py::a"}}
    names = ["t.py::a", "t.py::b", "t.py::c", "u.py::a", "u.py::b"]

    def together(nodeid: str, kind: str) -> list[str]:
        return list(with_companions({nodeid: Selected(nodeid, kind, "")}, names, makers))

    assert together("t.py::b", "failed") == ["t.py::b", "t.py::a"]
    assert together("t.py::b", "changed") == ["t.py::b", "t.py::a", "t.py::c"]
    assert together("u.py::c", "failed") == ["u.py::c"]
    assert list(with_companions(new_tests(["u.py::c"]), names, makers)) == ["u.py::c", "u.py::a"]
