"""Reduces the outcomes of a test's phases to one."""

from __future__ import annotations

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"

UNSURE = "unsure"
"""Skipped, or expected to fail, by code that ran: earlier tests may have been the reason, or the time of day."""

OUTCOMES = (PASSED, SKIPPED, UNSURE, FAILED)
"""From the best to the worst."""


def worst(known: str, reported: str, *, is_by_mark: bool = True) -> str:
    """Return the outcome of a test after one more report.

    A test that passed only when it was repeated has not passed. What is neither 'passed' nor 'skipped', such as the
    'rerun' of a plugin, counts as a failure.

    Args:
        known: the outcome until now; 'passed' before the first report.
        reported: of one phase.
        is_by_mark: whether a skip, or an expected failure, is due to a mark.
    """
    if reported == SKIPPED and not is_by_mark:
        reported = UNSURE
    return max(known, reported if reported in OUTCOMES else FAILED, key=OUTCOMES.index)
