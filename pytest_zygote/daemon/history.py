"""What has happened in a daemon's life: counts, and the last entries of each kind, for the status."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Reason

MAX_ENTRIES = 20
"""How many entries of each kind are remembered."""


class Entry(TypedDict):
    """One thing that happened, and why."""

    at: float
    layer: str
    reason: str


@dataclass
class RunHistory:
    """Counts of this daemon's life.

    Attributes:
        started: when it began, by the wall clock.
        runs: warm runs.
        session_runs: those of them that were forked from a collected session.
        saved_ms: import time that they did not spend.
        builds: why layers were built.
        verdicts: what was done about edits.
        cold: why runs were cold.
    """

    started: float = field(default_factory=time.time)
    runs: int = 0
    session_runs: int = 0
    saved_ms: int = 0
    builds: list[Entry] = field(default_factory=list)
    verdicts: list[Entry] = field(default_factory=list)
    cold: list[Entry] = field(default_factory=list)

    def add_run(self, saved_ms: int, *, is_from_session: bool) -> None:
        """Count a warm run, and the import time that it did not spend."""
        self.runs += 1
        self.session_runs += is_from_session
        self.saved_ms += saved_ms

    def add_build(self, kind: str, reason: Reason) -> None:
        """Remember why a layer was built."""
        _append(self.builds, kind, str(reason))

    def add_verdict(self, verdict: str) -> None:
        """Remember what was done about an edit."""
        _append(self.verdicts, "", verdict)

    def add_cold_run(self, reason: Reason) -> None:
        """Remember why a run was cold."""
        _append(self.cold, "", str(reason))


def _append(entries: list[Entry], layer: str, reason: str) -> None:
    entries.append(Entry(at=time.time(), layer=layer, reason=reason))
    del entries[:-MAX_ENTRIES]
