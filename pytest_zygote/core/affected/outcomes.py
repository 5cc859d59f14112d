"""Reduces the outcomes of a test's phases to one."""

from __future__ import annotations

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"


def worst(known: str, reported: str) -> str:
    """Return the outcome of a test after one more report.

    A test that passed only when it was repeated has not passed. What is neither 'passed' nor 'skipped', such as the
    'rerun' of a plugin, counts as a failure.

    Args:
        known: the outcome until now; 'passed' before the first report.
        reported: of one phase.
    """
    if known == FAILED or reported not in (PASSED, SKIPPED):
        return FAILED
    return SKIPPED if SKIPPED in (known, reported) else PASSED
