"""Which session serves, is prepared, or has to go."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.lifecycle import BUILDING, READY
from pytest_zygote.core.layers.session_choice import (
    EVICTED,
    REPLACED,
    Collect,
    Resume,
    SessionState,
    next_to_prepare,
    over_budget,
    why_close,
    why_missed,
)
from pytest_zygote.core.reasons import Reason

WANTED = SessionState("", is_on_layer=False)
READY_HERE = SessionState(READY, is_on_layer=True)
READY_ELSEWHERE = SessionState(READY, is_on_layer=False)
COLLECTING = SessionState(BUILDING, is_on_layer=True)
STOPPED = COLLECTING.replaced(is_stopped=True)

CHANGED = Reason("file-changed", "test_a.py changed")


@pytest.mark.parametrize(
    ("state", "stale", "expected"),
    [
        (READY_HERE, None, None),
        (READY_HERE, CHANGED, CHANGED),
        (READY_ELSEWHERE, None, REPLACED),
        (SessionState(BUILDING, is_on_layer=False), None, REPLACED),
        (COLLECTING, None, None),
        (WANTED, None, None),
    ],
)
def test_session_is_closed_for_a_reason(state: SessionState, stale: Reason | None, expected: Reason | None) -> None:
    """Its layer was replaced, or one of its inputs has changed."""
    assert why_close(state, stale) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (READY_HERE, None),
        (COLLECTING, Reason("session-collecting", "it is being collected")),
        (WANTED, Reason("session-collecting", "it is not collected yet")),
        (WANTED.replaced(why_closed=EVICTED), Reason("session-evicted", "others were used since")),
    ],
)
def test_miss_has_a_reason(state: SessionState, expected: Reason | None) -> None:
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
