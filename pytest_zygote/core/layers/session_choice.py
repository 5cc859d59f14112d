"""Which collected session serves a request, is collected next, or is closed: pure decisions of the session cache.

Sessions are given in the order in which they were last used, the most recent one at the end.
"""

from __future__ import annotations

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ATTEMPTS = 3
"""Times that a session is collected again because its inputs changed meanwhile."""

REPLACED = Reason("layer-replaced", "the project layer was replaced")
EVICTED = Reason("session-evicted", "others were used since")


class SessionState(Record):
    """What decides about a session.

    Attributes:
        phase: of its process (`lifecycle`); '' without one.
        is_on_layer: whether it was forked from the project layer that serves now.
        is_stopped: whether its collection is suspended while something else needs the processor.
        why_closed: why it has no process any more; None if it never had one.
    """

    phase: str
    is_on_layer: bool
    is_stopped: bool = False
    why_closed: Reason | None = None


class Collect(Record):
    """Fork this session from the project layer that serves now, and collect."""

    position: int


class Resume(Record):
    """Let this session continue its collection."""

    position: int


def why_close(state: SessionState, stale: Reason | None) -> Reason | None:
    """Return why a session must be closed before it is used; None if it need not be.

    Args:
        state: of the session.
        stale: which of its inputs has changed; None if none has.
    """
    if state.phase and not state.is_on_layer:
        return REPLACED
    return stale if state.phase == lifecycle.READY else None


def why_missed(state: SessionState) -> Reason | None:
    """Return why no run can be forked from a session; None if one can."""
    if state.phase == lifecycle.READY:
        return None
    if state.phase == lifecycle.BUILDING:
        return Reason("session-collecting", "it is being collected")
    return state.why_closed or Reason("session-collecting", "it is not collected yet")


def next_to_prepare(sessions: Sequence[SessionState]) -> Collect | Resume | None:
    """Return what to do while no client waits; None if nothing, or if a session is being collected already.

    One at a time: of two that are collected at once, neither would be ready as early as the first of two in turn.
    """
    collecting = [n for n, one in enumerate(sessions) if one.phase == lifecycle.BUILDING and one.is_on_layer]
    if collecting:
        return next((Resume(number) for number in collecting if sessions[number].is_stopped), None)
    missing = [number for number, one in enumerate(sessions) if not one.phase or not one.is_on_layer]
    return Collect(missing[-1]) if missing else None


def over_budget(private_kib: Sequence[int], limit_kib: int) -> list[int]:
    """Return the positions of sessions to close because all of them together use too much memory of their own."""
    left_kib, found = limit_kib, []
    for number in reversed(range(len(private_kib))):
        left_kib -= private_kib[number]
        if left_kib < 0:
            found.append(number)
    return found
