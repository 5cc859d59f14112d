"""What the daemon tells about itself: facts as JSON, and a table made of the same facts."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, cast

import pytest_zygote
from pytest_zygote.adapters.system import keeper_registry, processes
from pytest_zygote.core.cli.wording import counted
from pytest_zygote.daemon.layer_processes import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.reasons import Reason
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.server import Server
    from pytest_zygote.daemon.session_cache import CachedSession

KEPT = 20
"""How many of the last reloads and refusals are remembered."""


class Entry(TypedDict):
    """One thing that happened, and why."""

    at: float
    layer: str
    reason: str


class LayerFacts(TypedDict):
    """One layer. `rejected` and `slowest` belong to this layer alone."""

    kind: str
    pid: int
    phase: str
    reason: str
    uptime_s: float
    pss_kib: int
    runs_served: int
    runs_going_on: int
    modules: int
    imported: list[str]
    files: int
    took_ms: int
    slowest: list[tuple[str, int]]
    rejected: dict[str, str]
    environ: list[str]


class SessionFacts(TypedDict):
    """One collected session. `private_kib` is what it has beyond the project layer below."""

    args: list[str]
    pid: int
    phase: str
    tests: int
    uptime_s: float
    private_kib: int
    hits: int
    why_closed: str


class FixtureFacts(TypedDict):
    """One fixture that outlives runs."""

    name: str
    pid: int
    since: float
    uses: int


class Facts(TypedDict):
    """The whole status."""

    version: str
    pid: int
    uptime_s: float
    pss_kib: int
    watching: str
    closing: str
    runs_served: int
    session_runs: int
    runs_going_on: int
    clients_waiting: int
    saved_s: float
    layers: list[LayerFacts]
    sessions: list[SessionFacts]
    session_unused: str
    fixtures: list[FixtureFacts]
    rejected: dict[str, str]
    reloads: list[Entry]
    verdicts: list[Entry]
    cold: list[Entry]


@dataclass
class RunHistory:
    """Counts of this daemon's life."""

    started: float = field(default_factory=time.time)
    runs: int = 0
    session_runs: int = 0
    saved_ms: int = 0
    reloads: list[Entry] = field(default_factory=list)
    verdicts: list[Entry] = field(default_factory=list)
    refusals: list[Entry] = field(default_factory=list)

    def count(self, saved_ms: int, kind: str) -> None:
        """Count a warm run, from a layer of this kind, and the import time that it did not spend."""
        self.runs += 1
        self.session_runs += kind == SESSION
        self.saved_ms += saved_ms

    def reload(self, kind: str, reason: str) -> None:
        """Remember why a layer was built."""
        self.reloads = [*self.reloads[-KEPT + 1 :], Entry(at=time.time(), layer=kind, reason=reason)]

    def judge(self, verdict: str) -> None:
        """Remember what was done about an edit."""
        self.verdicts = [*self.verdicts[-KEPT + 1 :], Entry(at=time.time(), layer="", reason=verdict)]

    def count_cold(self, reason: Reason) -> None:
        """Remember why a run was cold."""
        self.refusals = [*self.refusals[-KEPT + 1 :], Entry(at=time.time(), layer="", reason=str(reason))]


def describe(server: Server, form: str) -> str:
    """Return the status as JSON or as a table."""
    facts = collect(server)
    return json.dumps(facts, indent=2) if form == "json" else "\n".join(table(facts))


def collect(server: Server) -> Facts:
    """Return all facts of the status."""
    tally, desk = server.tally, server.desk
    return Facts(
        version=pytest_zygote.__version__,
        pid=os.getpid(),
        uptime_s=round(time.time() - tally.started, 1),
        pss_kib=pss_kib(os.getpid()),
        watching=server.prefetch.state,
        closing=desk.closing,
        runs_served=tally.runs,
        session_runs=tally.session_runs,
        runs_going_on=len(desk.runs),
        clients_waiting=len(desk.waiting),
        saved_s=round(tally.saved_ms / 1000, 1),
        layers=[_layer(layer) for layer in desk.layers if layer.plan.kind != SESSION],
        sessions=[_session(session) for session in desk.sessions],
        session_unused=desk.sessions.last_miss,
        fixtures=[cast("FixtureFacts", facts) for facts in keeper_registry.listed(server.socket)],
        rejected=desk.supervisor.graph.rejected,
        reloads=tally.reloads,
        verdicts=tally.verdicts,
        cold=tally.refusals,
    )


def _layer(layer: Layer) -> LayerFacts:
    built = layer.built
    return LayerFacts(
        kind=layer.plan.kind,
        pid=layer.pid,
        phase=layer.phase,
        reason=layer.reason,
        uptime_s=round(time.time() - layer.started, 1),
        pss_kib=pss_kib(layer.pid),
        runs_served=layer.served,
        runs_going_on=len(layer.runs),
        modules=len(built.names) if built else 0,
        imported=list(layer.plan.modules),
        files=len(built.files) if built else 0,
        took_ms=built.took_ms if built else 0,
        slowest=list(built.slowest) if built else [],
        rejected=built.rejected if built else {},
        environ=sorted(built.environ) if built else [],
    )


def _session(session: CachedSession) -> SessionFacts:
    layer = session.layer
    return SessionFacts(
        args=list(session.request.args),
        pid=layer.pid if layer else 0,
        phase="stopped" if session.is_stopped else layer.phase if layer else "closed",
        tests=layer.built.tests if layer and layer.built else 0,
        uptime_s=round(time.time() - layer.started, 1) if layer else 0,
        private_kib=processes.private_kib(layer.pid) if layer else 0,
        hits=session.hits,
        why_closed=session.why_closed,
    )


def pss_kib(pid: int) -> int:
    """Return the proportional set size of a process in KiB; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def table(facts: Facts) -> Iterator[str]:
    """Give the lines of the table."""
    yield (
        f"daemon {facts['version']}, pid {facts['pid']}, up {_duration(facts['uptime_s'])}, "
        f"PSS {_mib(facts['pss_kib'])}{', ' if facts['closing'] else ''}{facts['closing']}"
    )
    yield (
        f"  {counted(facts['runs_served'], 'run')} served warm, "
        f"{facts['session_runs']} of them from collected sessions, {facts['saved_s']} s of imports saved; "
        f"{facts['runs_going_on']} going on"
    )
    yield f"  {facts['watching']}"
    for layer in facts["layers"]:
        yield from _layer_lines(layer)
    for session in facts["sessions"]:
        yield from _session_lines(session)
    if facts["session_unused"]:
        yield f"  the last run was forked from no collected session: {facts['session_unused']}"
    for fixture in facts["fixtures"]:
        yield (
            f"fixture {fixture['name']}, pid {fixture['pid']}, up {_duration(time.time() - fixture['since'])}, "
            f"used by {counted(fixture['uses'], 'run')}"
        )
    yield from _section("never imported early", (f"{name}: {why}" for name, why in sorted(facts["rejected"].items())))
    yield from _section("layers were built because", _entries(facts["reloads"]))
    yield from _section("edits of loaded modules", _entries(facts["verdicts"]))
    yield from _section("runs were cold because", _entries(facts["cold"]))


def _layer_lines(layer: LayerFacts) -> Iterator[str]:
    yield (
        f"{layer['kind']} layer, pid {layer['pid']}, {layer['phase']}, up {_duration(layer['uptime_s'])}, "
        f"PSS {_mib(layer['pss_kib'])}, {counted(layer['runs_served'], 'run')}"
    )
    yield f"  {layer['modules']} modules, {layer['files']} files, {layer['took_ms'] / 1000:.2f} s: {layer['reason']}"
    yield from _section("slowest imports", (f"{took:6} ms  {name}" for name, took in layer["slowest"]))
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
