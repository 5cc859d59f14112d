"""The status: a pure function of a snapshot."""

from __future__ import annotations

import json

from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.status import render
from pytest_zygote.daemon.status_snapshot import FixtureFacts, LayerFacts, SessionFacts, StatusSnapshot

NOW = 10_000.0

LAYER = LayerFacts(
    kind="project",
    pid=7,
    phase="ready",
    reason="app.py changed",
    uptime_s=3700.0,
    pss_kib=0,
    runs_served=1,
    runs_going_on=0,
    modules=3,
    imported=["app"],
    files=4,
    took_ms=1500,
    slowest=[("app", 1200)],
    rejected={"bad": "it aborts"},
    environ=[],
)
SESSION = SessionFacts(
    args=["-q"], pid=8, phase="closed", tests=2, uptime_s=61.0, private_kib=2048, hits=3, why_closed="a.py changed"
)


def snapshot(**fields: object) -> StatusSnapshot:
    """Return the snapshot of a daemon that has just started."""
    made = StatusSnapshot(
        version="1.0",
        python="3.12.1",
        pid=1,
        uptime_s=5.0,
        pss_kib=20480,
        watching="watching /project",
        closing="",
        runs_served=0,
        session_runs=0,
        runs_going_on=0,
        clients_waiting=0,
        saved_s=0.0,
        layers=[],
        sessions=[],
        session_unused="",
        fixtures=[],
        rejected={},
        reloads=[],
        verdicts=[],
        cold=[],
    )
    return {**made, **fields}  # type: ignore[typeddict-item]  # fields of it


def test_json_is_the_whole_snapshot() -> None:
    """For programs."""
    facts = snapshot(layers=[LAYER])
    assert json.loads(render(facts, "json", NOW))["layers"][0]["slowest"] == [["app", 1200]]


def test_new_daemon_has_a_table_of_three_lines() -> None:
    """There are no sections without entries."""
    assert render(snapshot(), "table", NOW).splitlines() == [
        "daemon 1.0, pid 1, up 5 s, PSS 20 MiB",
        "  0 runs served warm, 0 of them from collected sessions, 0.0 s of imports saved; 0 going on",
        "  watching /project",
    ]


def test_daemon_that_closes_says_so() -> None:
    """In its first line."""
    first, *_ = render(snapshot(closing="the daemon is stopping"), "table", NOW).splitlines()
    assert first.endswith("PSS 20 MiB, the daemon is stopping")


def test_layer_is_shown_with_its_reason_and_slowest_imports() -> None:
    """Hours, minutes and seconds as people read them."""
    lines = render(snapshot(layers=[LAYER]), "table", NOW).splitlines()[3:]
    assert lines == [
        "project layer, pid 7, ready, up 1 h 1 min, PSS unknown, 1 run",
        "  3 modules, 4 files, 1.50 s: app.py changed",
        "  slowest imports:",
        "      1200 ms  app",
        "  not imported:",
        "    bad: it aborts",
    ]


def test_session_is_shown_with_the_reason_why_it_was_closed() -> None:
    """And why the last run had none."""
    unused = str(Reason("session-debugged", "the session would join the debugger in place of the run"))
    assert unused.startswith("[session-debugged] ")
    lines = render(snapshot(sessions=[SESSION], session_unused=unused), "table", NOW).splitlines()[3:]
    assert lines == [
        "collected session, pid 8, closed (a.py changed): pytest -q",
        "  2 tests, up 1 min 1 s, 2 MiB of its own, 3 runs",
        f"  the last run was forked from no collected session: {unused}",
    ]


def test_history_is_shown_in_sections() -> None:
    """Each entry with its time."""
    entry = {"at": NOW, "layer": "base", "reason": "first start"}
    facts = snapshot(
        fixtures=[FixtureFacts(name="server", pid=9, since=NOW - 2, uses=1)],
        rejected={"bad": "it aborts"},
        reloads=[entry],
        cold=[{**entry, "layer": ""}],
    )
    lines = render(facts, "table", NOW).splitlines()[3:]
    assert lines[0] == "fixture server, pid 9, up 2 s, used by 1 run"
    assert lines[1:3] == ["  never imported early:", "    bad: it aborts"]
    assert lines[3] == "  layers were built because:"
    assert lines[4].endswith(" base first start")
    assert lines[6].endswith("first start")
    assert "base" not in lines[6]
