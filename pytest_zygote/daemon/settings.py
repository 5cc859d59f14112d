"""How a daemon was started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_zygote.core.cli.daemon_options import DaemonOptions


@dataclass(frozen=True)
class ServerSettings:
    """How this daemon was started.

    Attributes:
        options: what it must know of options, until a request says otherwise.
        pinned: flag → value of those that hold whatever environment and ini-files of requests say.
        cache: pytest's cache folder, '' if unknown.
        build_patience_s: how long one import may take.
        watches: whether to do the next run's work as soon as files change.
        forces_sessions: whether each run waits for a collected session: for tests of this package.
        max_forks: how many edits in a row are patched before all is imported anew.
    """

    options: DaemonOptions
    pinned: dict[str, str] = field(default_factory=dict)
    cache: str = ""
    build_patience_s: float = 60.0
    watches: bool = True
    forces_sessions: bool = False
    max_forks: int = 1000
