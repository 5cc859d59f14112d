"""The parts of a daemon, as the dispatcher needs them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
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
