"""How a test ended."""

from __future__ import annotations

from functools import reduce

import pytest

from pytest_zygote.core.affected.outcomes import PASSED, worst


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        (["passed", "passed", "passed"], "passed"),
        (["passed", "skipped", "passed"], "skipped"),
        (["skipped", "passed"], "skipped"),
        (["passed", "failed", "passed"], "failed"),
        (["rerun", "passed", "passed"], "failed"),
        (["passed", "passed", "failed"], "failed"),
        (["skipped", "failed"], "failed"),
    ],
)
def test_the_worst_report_decides(reports: list[str], expected: str) -> None:
    """In whatever order they come."""
    assert reduce(worst, reports, PASSED) == expected
    assert reduce(worst, reversed(reports), PASSED) == expected
