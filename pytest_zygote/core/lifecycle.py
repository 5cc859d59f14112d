"""The life of a layer: one table decides, everything else obeys.

A layer is a process that imports (BUILDING), forks runs (READY), forks no more but still has
runs (RETIRED), and is gone (GONE). What cannot happen is not in the table, and asking for it is
a bug of ours that changes nothing.
"""

from __future__ import annotations

from pytest_zygote.core.errors import LocalProtocolError

BUILDING = "building"
READY = "ready"
RETIRED = "retired"
GONE = "gone"

BUILT = "built"
FAILED = "failed"
INVALIDATED = "invalidated"
EXITED = "exited"

TRANSITIONS: dict[tuple[str, str], str] = {
    (BUILDING, BUILT): READY,
    (BUILDING, FAILED): RETIRED,
    # An input changed while the layer was being built: nobody waits for it any more.
    (BUILDING, INVALIDATED): RETIRED,
    (BUILDING, EXITED): GONE,
    (READY, INVALIDATED): RETIRED,
    (READY, EXITED): GONE,
    # It had finished building when it was told to retire; the messages crossed.
    (RETIRED, BUILT): RETIRED,
    (RETIRED, FAILED): RETIRED,
    (RETIRED, INVALIDATED): RETIRED,
    (RETIRED, EXITED): GONE,
}


def step(phase: str, event: str) -> str:
    """Return the phase that follows.

    Raises:
        LocalProtocolError: the event cannot happen in this phase.
    """
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        message = f"a layer that is {phase} cannot be {event}"
        raise LocalProtocolError(message) from None
