"""How a daemon was started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_zygote.daemon.session_cache import Policy


@dataclass(frozen=True)
class ServerSettings:
    """How this daemon was started.

    Attributes:
        cache: pytest's cache folder, '' if unknown.
        idle_s: it leaves when nobody asked for a run for so long; 0 for never.
        build_patience_s: how long one import may take.
        ignored: globs of files whose events do not matter.
        watches: whether to do the next run's work as soon as files change.
        uses_events: whether the system is asked for events, or files are looked at now and then.
        throttle: multiplies the pause between two looks.
        sessions: how many collected sessions there may be.
        max_forks: how many edits in a row are patched before all is imported anew.
    """

    cache: str
    idle_s: float
    build_patience_s: float
    ignored: tuple[str, ...]
    watches: bool
    sessions: Policy
    uses_events: bool
    throttle: float
    max_forks: int
