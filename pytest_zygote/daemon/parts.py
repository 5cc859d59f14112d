"""How a daemon was started, and its parts as the dispatcher needs them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pytest_zygote.core.cli.daemon_options import DaemonOptions
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.reasons import Reason
    from pytest_zygote.daemon.background_gate import BackgroundGate
    from pytest_zygote.daemon.connections import Connections
    from pytest_zygote.daemon.endpoint import Endpoint
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.history import RunHistory
    from pytest_zygote.daemon.layer_processes import LayerProcesses
    from pytest_zygote.daemon.layer_supervisor import LayerSupervisor
    from pytest_zygote.daemon.rebuild_trigger import RebuildTrigger
    from pytest_zygote.daemon.run_table import RunTable
    from pytest_zygote.daemon.session_cache import SessionCache


@runtime_checkable
class Configurable(Protocol):
    """A part that goes by options: the dispatcher finds it by this method."""

    def configure(self, settings: Settings) -> None:
        """Go by these options from now on; called when the daemon starts, and when a request has others."""


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
        is_patient: whether runs wait for their layers as long as it takes: for tests of this package.
        max_forks: how many edits in a row are patched before all is imported anew.
    """

    options: DaemonOptions
    pinned: dict[str, str] = field(default_factory=dict)
    cache: str = ""
    build_patience_s: float = 60.0
    watches: bool = True
    forces_sessions: bool = False
    is_patient: bool = False
    max_forks: int = 1000


@dataclass
class Parts:
    """The parts of a daemon. None knows the others, but for those that it is built on.

    Attributes:
        closing: why no client is served any more; None as long as they are.
    """

    loop: EventLoop
    endpoint: Endpoint
    connections: Connections
    layers: LayerProcesses
    runs: RunTable
    supervisor: LayerSupervisor
    sessions: SessionCache
    trigger: RebuildTrigger
    gate: BackgroundGate
    history: RunHistory
    closing: Reason | None = None
