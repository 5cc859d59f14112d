"""Which session serves, is prepared, or has to go."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.lifecycle import BUILDING, READY
from pytest_zygote.core.layers.session_choice import (
    REPLACED,
    Collect,
    Resume,
    SessionState,
    next_to_prepare,
    over_budget,
    why_close,
    why_missed,
)

WANTED = SessionState("", is_on_layer=False)
READY_HERE = SessionState(READY, is_on_layer=True)
READY_ELSEWHERE = SessionState(READY, is_on_layer=False)
COLLECTING = SessionState(BUILDING, is_on_layer=True)
STOPPED = COLLECTING.replaced(is_stopped=True)


@pytest.mark.parametrize(
    ("state", "stale", "expected"),
    [
        (READY_HERE, "", ""),
        (READY_HERE, "test_a.py changed", "test_a.py changed"),
        (READY_ELSEWHERE, "", REPLACED),
        (SessionState(BUILDING, is_on_layer=False), "", REPLACED),
        (COLLECTING, "", ""),
        (WANTED, "", ""),
    ],
)
def test_session_is_closed_for_a_reason(state: SessionState, stale: str, expected: str) -> None:
    """Its layer was replaced, or one of its inputs has changed."""
    assert why_close(state, stale) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (READY_HERE, ""),
        (COLLECTING, "it is being collected"),
        (WANTED, "it is not collected yet"),
        (WANTED.replaced(why_closed="others were used since"), "others were used since"),
    ],
)
def test_miss_has_a_reason(state: SessionState, expected: str) -> None:
    """The status shows it."""
    assert why_missed(state) == expected


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([], None),
        ([READY_HERE], None),
        ([WANTED, READY_HERE, WANTED], Collect(2)),
        ([WANTED, READY_HERE], Collect(0)),
        ([READY_ELSEWHERE], Collect(0)),
        ([COLLECTING, WANTED], None),
        ([WANTED, STOPPED], Resume(1)),
        ([COLLECTING, STOPPED], Resume(1)),
        ([SessionState(BUILDING, is_on_layer=False, is_stopped=True)], Collect(0)),
    ],
)
def test_sessions_are_collected_one_at_a_time(sessions: list[SessionState], expected: object) -> None:
    """The one used last comes first; one that was stopped goes on before any other begins."""
    assert next_to_prepare(sessions) == expected


def test_sessions_used_longest_ago_go_when_memory_is_short() -> None:
    """One that alone has too much takes the others with it: they were used before."""
    assert over_budget([10, 10, 10], 30) == []
    assert over_budget([10, 10, 10], 25) == [0]
    assert over_budget([5, 10, 30], 20) == [2, 1, 0]
