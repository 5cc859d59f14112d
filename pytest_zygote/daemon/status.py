"""What the daemon tells about itself."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_zygote.daemon.server import Server
    from pytest_zygote.daemon.tower import Layer

KEPT_RELOADS = 20


@dataclass
class Tally:
    """Counts of this daemon's life."""

    started: float = field(default_factory=time.time)
    runs: int = 0
    saved_ms: int = 0
    reloads: list[tuple[float, str, str]] = field(default_factory=list)

    def count(self, saved_ms: int) -> None:
        """Count a warm run and the import time that it did not spend."""
        self.runs += 1
        self.saved_ms += saved_ms

    def reload(self, kind: str, reason: str) -> None:
        """Remember why a layer was built."""
        self.reloads = [*self.reloads[-KEPT_RELOADS + 1 :], (time.time(), kind, reason)]


def describe(server: Server, form: str) -> str:
    """Return the status as JSON or as a table."""
    facts = collect(server)
    if form == "json":
        return json.dumps(facts, indent=2)
    return "\n".join(_table(facts))


def collect(server: Server) -> dict[str, object]:
    """Return all facts of the status, for JSON."""
    tally = server.tally
    return {
        "pid": os.getpid(),
        "uptime_s": round(time.time() - tally.started, 1),
        "pss_kib": pss_kib(os.getpid()),
        "runs_served": tally.runs,
        "runs_going_on": server.runs(),
        "saved_s": round(tally.saved_ms / 1000, 1),
        "layers": [_layer(layer) for layer in server.layers()],
        "rejected": server.graph.rejected,
        "reloads": [{"at": at, "layer": kind, "reason": reason} for at, kind, reason in tally.reloads],
    }


def _layer(layer: Layer) -> dict[str, object]:
    built = layer.built
    return {
        "kind": layer.plan.kind,
        "pid": layer.pid,
        "phase": layer.phase,
        "reason": layer.reason,
        "pss_kib": pss_kib(layer.pid),
        "runs_served": layer.served,
        "modules": len(built.names) if built else 0,
        "files": len(built.files) if built else 0,
        "took_ms": built.took_ms if built else 0,
        "slowest": [list(entry) for entry in built.slowest] if built else [],
        "rejected": built.rejected if built else {},
        "environ": sorted(built.environ) if built else [],
    }


def pss_kib(pid: int) -> int:
    """Return the proportional set size of a process in KiB; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def _table(facts: dict[str, object]) -> list[str]:
    layers = facts["layers"]
    assert isinstance(layers, list)  # noqa: S101 - made above
    lines = [
        f"daemon {facts['pid']}: up {facts['uptime_s']} s, {facts['runs_served']} runs served, "
        f"{facts['saved_s']} s of imports saved"
    ]
    for layer in layers:
        lines.append(
            f"  {layer['kind']:8} {layer['phase']:9} pid {layer['pid']:<8} {layer['modules']:5} modules "
            f"in {layer['took_ms'] / 1000:.2f} s   PSS {layer['pss_kib'] / 1024:.0f} MiB   {layer['reason']}"
        )
        lines += [f"      {took:6} ms  {name}" for name, took in layer["slowest"]]
        lines += [f"      not imported early: {name}: {reason}" for name, reason in layer["rejected"].items()]
    return lines
