"""The Chrome trace event format, which Perfetto and ``chrome://tracing`` open: a list of events in JSON.

Each event is a line, so several processes can append to one file.
"""

from __future__ import annotations

import json
from typing import NamedTuple

HEAD = "[\n"
TAIL = '{"name": "end", "ph": "i", "s": "g", "ts": %d, "pid": %d, "tid": %d}\n]\n'
"""Closes the list: the one event behind which no comma stands."""


class Span(NamedTuple):
    """Something that took time.

    Attributes:
        category: of which kind it is.
        name: what it was.
        start_s: when it began, by the wall clock.
        duration_s: how long it took.
        details: what else is known of it.
    """

    category: str
    name: str
    start_s: float
    duration_s: float
    details: dict[str, object] | None = None


def line(span: Span, pid: int) -> str:
    """Return a span as an event of a process."""
    start, duration = round(span.start_s * 1e6), round(span.duration_s * 1e6)
    details = f', "args": {json.dumps(span.details, default=repr)}' if span.details else ""
    return (
        f'{{"name": {json.dumps(span.name)}, "cat": "{span.category}", "ph": "X", "ts": {start}, "dur": {duration}, '
        f'"pid": {pid}, "tid": {pid}{details}}},\n'
    )


def process_name(pid: int, name: str) -> str:
    """Return the event that names a process."""
    event = {"name": "process_name", "ph": "M", "pid": pid, "tid": pid, "args": {"name": name}}
    return f"{json.dumps(event)},\n"


def tail(pid: int, now_s: float) -> str:
    """Return the end of the file."""
    return TAIL % (round(now_s * 1e6), pid, pid)
