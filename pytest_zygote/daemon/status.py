"""What the daemon reports about itself: a snapshot as JSON, or as a table for people."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from pytest_zygote.core.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.daemon.history import Entry
    from pytest_zygote.daemon.status_snapshot import LayerFacts, SessionFacts, StatusSnapshot


def render(snapshot: StatusSnapshot, form: str, now: float) -> str:
    """Return a snapshot as JSON or, with any other form, as a table."""
    return json.dumps(snapshot, indent=2) if form == "json" else "\n".join(table(snapshot, now))


def table(snapshot: StatusSnapshot, now: float) -> Iterator[str]:
    """Give the lines of the table."""
    yield (
        f"daemon {snapshot['version']}, pid {snapshot['pid']}, up {_duration(snapshot['uptime_s'])}, "
        f"PSS {_mib(snapshot['pss_kib'])}{', ' if snapshot['closing'] else ''}{snapshot['closing']}"
    )
    yield (
        f"  {counted(snapshot['runs_served'], 'run')} served warm, "
        f"{snapshot['session_runs']} of them from collected sessions, {snapshot['saved_s']} s of imports saved; "
        f"{snapshot['runs_going_on']} going on"
    )
    yield f"  {snapshot['watching']}"
    for layer in snapshot["layers"]:
        yield from _layer_lines(layer)
    for session in snapshot["sessions"]:
        yield from _session_lines(session)
    if snapshot["session_unused"]:
        yield f"  the last run was forked from no collected session: {snapshot['session_unused']}"
    for fixture in snapshot["fixtures"]:
        yield (
            f"fixture {fixture['name']}, pid {fixture['pid']}, up {_duration(now - fixture['since'])}, "
            f"used by {counted(fixture['uses'], 'run')}"
        )
    yield from _section(
        "never imported early", (f"{name}: {why}" for name, why in sorted(snapshot["rejected"].items()))
    )
    yield from _section("layers were built because", _entries(snapshot["reloads"]))
    yield from _section("edits of loaded modules", _entries(snapshot["verdicts"]))
    yield from _section("runs were cold because", _entries(snapshot["cold"]))


def _layer_lines(layer: LayerFacts) -> Iterator[str]:
    yield (
        f"{layer['kind']} layer, pid {layer['pid']}, {layer['phase']}, up {_duration(layer['uptime_s'])}, "
        f"PSS {_mib(layer['pss_kib'])}, {counted(layer['runs_served'], 'run')}"
    )
    yield f"  {layer['modules']} modules, {layer['files']} files, {layer['took_ms'] / 1000:.2f} s: {layer['reason']}"
    yield from _section("slowest imports", (f"{ms:6} ms  {name}" for name, ms in layer["slowest"]))
    yield from _section("not imported", (f"{name}: {why}" for name, why in sorted(layer["rejected"].items())))


def _session_lines(session: SessionFacts) -> Iterator[str]:
    state = session["phase"] + (f" ({session['why_closed']})" if session["phase"] == "closed" else "")
    yield f"collected session, pid {session['pid']}, {state}: pytest {' '.join(session['args'])}"
    yield (
        f"  {counted(session['tests'], 'test')}, up {_duration(session['uptime_s'])}, "
        f"{_mib(session['private_kib'])} of its own, {counted(session['hits'], 'run')}"
    )


def _entries(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        clock = time.strftime("%H:%M:%S", time.localtime(entry["at"]))
        yield " ".join(filter(None, (clock, entry["layer"], entry["reason"])))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == 0:
            yield f"  {title}:"
        yield f"    {line}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _mib(kib: int) -> str:
    return f"{kib / 1024:.0f} MiB" if kib else "unknown"
