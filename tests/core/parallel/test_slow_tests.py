"""Tests that have been running for long."""

from __future__ import annotations

from pytest_zygote.core.parallel.slow_tests import LONG_S, SlowTests


def test_a_test_that_runs_for_long_is_named() -> None:
    """When it has run for long, and each time that it has run twice as long; not when it is over."""
    slow = SlowTests()
    assert slow.due_s(0.0) is None
    slow.begin("gw0", "test_a", 0.0)
    slow.begin("gw1", "test_b", 1.0)
    slow.end("gw1")
    assert slow.due_s(1.0) == LONG_S - 1
    assert slow.overdue(LONG_S - 1) == []
    lines = [line for now in (LONG_S, LONG_S + 1, 2 * LONG_S, 3 * LONG_S) for line in slow.overdue(now)]
    assert lines == [f"[gw0] has been running test_a for {seconds} s" for seconds in (5, 10)]
