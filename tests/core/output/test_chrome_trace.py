"""The file that Perfetto opens."""

from __future__ import annotations

import json

from pytest_zygote.core.output.chrome_trace import HEAD, Span, line, process_name, tail


def test_the_lines_are_a_list_of_events() -> None:
    """Times are whole microseconds; names may hold anything."""
    span = Span("test", 'a.py::x["é"]', 1.5, 0.25, {"scope": "module"})
    text = "".join([HEAD, process_name(7, "worker gw0"), line(span, 7), line(Span("a", "b", 0, 0), 8), tail(7, 2.0)])
    name, first, second, end = json.loads(text)

    assert (name["ph"], name["args"]) == ("M", {"name": "worker gw0"})
    assert first == {
        "name": 'a.py::x["é"]',
        "cat": "test",
        "ph": "X",
        "ts": 1_500_000,
        "dur": 250_000,
        "pid": 7,
        "tid": 7,
        "args": {"scope": "module"},
    }
    assert "args" not in second
    assert (end["ph"], end["ts"]) == ("i", 2_000_000)
