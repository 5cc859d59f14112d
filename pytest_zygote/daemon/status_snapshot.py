"""Collects everything that the status shows of a daemon, as one value that is JSON as it is."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TypedDict, cast

import pytest_zygote
from pytest_zygote.adapters.system import keeper_registry
from pytest_zygote.daemon.layer import SESSION

if TYPE_CHECKING:
    from pytest_zygote.daemon.cached_session import CachedSession
    from pytest_zygote.daemon.history import Entry
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.parts import Parts
    from pytest_zygote.daemon.process_table import ProcessTable


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


class StatusSnapshot(TypedDict):
    """The whole status."""

    version: str
    python: str
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


def collect(parts: Parts, waiting: int) -> StatusSnapshot:
    """Return the status of a daemon for which so many clients wait."""
    history, table, now = parts.history, parts.layers.processes, time.time()
    return StatusSnapshot(
        version=pytest_zygote.__version__,
        python=".".join(map(str, sys.version_info[:3])),
        pid=os.getpid(),
        uptime_s=round(now - history.started, 1),
        pss_kib=table.pss_kib(os.getpid()),
        watching=parts.trigger.state,
        closing=parts.closing.text if parts.closing else "",
        runs_served=history.runs,
        session_runs=history.session_runs,
        runs_going_on=len(parts.runs),
        clients_waiting=waiting,
        saved_s=round(history.saved_ms / 1000, 1),
        layers=[_layer(layer, table, now) for layer in parts.layers if layer.plan.kind != SESSION],
        sessions=[_session(session, table, now) for session in parts.sessions],
        session_unused=str(parts.sessions.last_miss or ""),
        fixtures=[cast("FixtureFacts", facts) for facts in keeper_registry.listed(parts.endpoint.socket)],
        rejected=parts.supervisor.graph.rejected,
        reloads=history.builds,
        verdicts=history.verdicts,
        cold=history.cold,
    )


def _layer(layer: Layer, table: ProcessTable, now: float) -> LayerFacts:
    built = layer.built
    return LayerFacts(
        kind=layer.plan.kind,
        pid=layer.pid,
        phase=layer.phase,
        reason=str(layer.reason),
        uptime_s=round(now - layer.started, 1),
        pss_kib=table.pss_kib(layer.pid),
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


def _session(session: CachedSession, table: ProcessTable, now: float) -> SessionFacts:
    layer = session.layer
    return SessionFacts(
        args=list(session.request.args),
        pid=layer.pid if layer else 0,
        phase="stopped" if session.is_stopped else layer.phase if layer else "closed",
        tests=layer.built.tests if layer and layer.built else 0,
        uptime_s=round(now - layer.started, 1) if layer else 0,
        private_kib=table.private_kib(layer.pid) if layer else 0,
        hits=session.hits,
        why_closed=str(session.why_closed or ""),
    )
