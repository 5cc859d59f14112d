"""The events of a run, as ``--zygote-output=jsonl`` prints them: docs/output.schema.json describes each.

Those that pytest-reportlog has bear its names. Each is one line, and `SessionFinish` is always the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_zygote.core.reasons import Reason

Event: TypeAlias = dict[str, object]

FORMAT = 1
"""Raised if a reader of an older one would misunderstand an event; a new event or field is no reason."""
KIND = "$report_type"
"""The key of an event's kind: pytest's own, in what it makes of reports."""


def served(layer: str, reason: Reason | None) -> Event:
    """Return how a run was served.

    Args:
        layer: from which it was forked; '' for none.
        reason: why it is plain pytest, if it is and that is known.
    """
    how: Event = {"how": "warm" if layer else "cold", "layer": layer}
    return how if reason is None or layer else {**how, "code": reason.code, "reason": reason.text}


def warning(category: type, message: object, place: tuple[str, int], when: str, nodeid: str) -> Event:
    """Return the event of a warning."""
    return {
        KIND: "WarningMessage",
        "category": f"{category.__module__}.{category.__qualname__}",
        "message": str(message),
        "filename": place[0],
        "lineno": place[1],
        "when": when,
        "nodeid": nodeid,
    }


def selection(collected: int, selected: int, why: Mapping[str, tuple[str, str]], notes: Iterable[str]) -> Event:
    """Return the event of what will run.

    Args:
        collected: how many tests there are.
        selected: how many of them run.
        why: id → kind and reason, of those that changes select.
        notes: what ``--affected`` says besides.
    """
    reasons = {nodeid: {"kind": kind, "reason": reason} for nodeid, (kind, reason) in why.items()}
    return {
        KIND: "Selection",
        "collected": collected,
        "selected": selected,
        "deselected": collected - selected,
        "why": reasons,
        "notes": list(notes),
    }


def finish(exitstatus: int, counts: Mapping[str, int], phases: Mapping[str, float], rerun: str) -> Event:
    """Return the last event.

    Args:
        exitstatus: pytest's exit code.
        counts: pytest's words for outcomes → how many.
        phases: name → seconds.
        rerun: the command that repeats what failed; '' for none.
    """
    seconds = {name: round(value, 4) for name, value in phases.items()}
    found = {name: count for name, count in counts.items() if count}
    return {KIND: "SessionFinish", "exitstatus": exitstatus, "counts": found, "phases": seconds, "rerun": rerun}
