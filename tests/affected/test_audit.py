"""Which failures selection would have left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.affected.audit import NOT_COLLECTED, Audit


def report(nodeid: str, *, failed: bool = True) -> pytest.TestReport:
    """Return a report of a phase, or of a collector."""
    return cast("pytest.TestReport", SimpleNamespace(nodeid=nodeid, failed=failed))


def why(nodeid: str) -> str:
    """Return a reason."""
    return f"{nodeid} is as before"


def exit_code(audit: Audit, **config: object) -> object:
    """Return the exit code of a session whose own is that of an interruption."""
    session = SimpleNamespace(exitstatus=pytest.ExitCode.INTERRUPTED, config=SimpleNamespace(**config))
    next(audit.pytest_sessionfinish(cast("pytest.Session", session)))
    return session.exitstatus


def test_failures_that_selection_would_have_run_are_pytests_own() -> None:
    """So is the exit code."""
    audit = Audit()
    audit.expect({"t::a"}, 3, why)
    audit.pytest_runtest_logreport(report("t::a"))
    audit.pytest_runtest_logreport(report("t::b", failed=False))

    assert audit.lines() == ["affected: audit: no failure would have been left out, 1 of 3 tests would have run"]
    assert exit_code(audit) == pytest.ExitCode.INTERRUPTED


def test_others_are_named() -> None:
    """Once for each test, with the reason; the exit code is 1, but in a worker."""
    audit = Audit()
    audit.expect({"t::a"}, 3, why)
    for _ in ("call", "teardown"):
        audit.pytest_runtest_logreport(report("t::b"))

    headline, *failures = audit.lines()
    assert headline == "affected: audit: 1 failure would have been left out, 1 of 3 tests would have run"
    assert failures == ["  t::b: t::b is as before"]
    assert exit_code(audit) == pytest.ExitCode.TESTS_FAILED
    assert exit_code(audit, workerinput={}) == pytest.ExitCode.INTERRUPTED


def test_if_nothing_had_changed_any_failure_counts() -> None:
    """Errors of the collection, too: there would have been none."""
    audit = Audit()
    audit.pytest_collectreport(cast("pytest.CollectReport", report("seen.py")))
    audit.expect_no_collection()
    audit.expect({"t::a"}, 3, why)
    audit.pytest_collectreport(cast("pytest.CollectReport", report("t.py")))
    audit.pytest_runtest_logreport(report("t::a"))

    headline, *failures = audit.lines()
    assert headline == "affected: audit: 2 failures would have been left out, 0 of 3 tests would have run"
    assert failures == [f"  t.py: {NOT_COLLECTED}", f"  t::a: {NOT_COLLECTED}"]
