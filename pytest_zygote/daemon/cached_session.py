"""One collected session as the daemon sees it: the request that it is for, and its process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.session_choice import SessionState
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.daemon.layer import SESSION

if TYPE_CHECKING:
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.reasons import Reason
    from pytest_zygote.core.sessions.eligibility import Key
    from pytest_zygote.daemon.layer import Layer


@dataclass
class CachedSession:
    """A session, or the wish for one.

    Attributes:
        request: of the run that it was made after.
        below: the project layer that it was forked from.
        layer: its process, as a layer.
        hits: runs that were forked from it.
        attempts: how often it was collected since a run last asked for it.
        is_stopped: while it is being collected, somebody else has the processor.
        why_closed: why there is no process any more.
    """

    key: Key
    request: RunRequest
    below: Layer | None = None
    layer: Layer | None = None
    hits: int = 0
    attempts: int = 0
    is_stopped: bool = False
    why_closed: Reason | None = None

    def state(self, below: Layer) -> SessionState:
        """Return what decides about it, while this project layer serves."""
        phase = self.layer.phase if self.layer is not None else ""
        return SessionState(phase, self.below is below, self.is_stopped, self.why_closed)

    @property
    def ready(self) -> Layer | None:
        """The layer from which runs can be forked now."""
        return self._layer_in(lifecycle.READY)

    @property
    def collecting(self) -> Layer | None:
        """The layer that is being collected."""
        return self._layer_in(lifecycle.BUILDING)

    def _layer_in(self, phase: str) -> Layer | None:
        return self.layer if self.layer is not None and self.layer.phase == phase else None


def plan_of(request: RunRequest) -> layer_messages.Build:
    """Return what stands for a session's plan where layers are compared with a request."""
    return layer_messages.Build(
        kind=SESSION,
        modules=(),
        origins=(),
        rewritten=(),
        leaves=(),
        path=request.path,
        client_path=request.path,
        environ=request.environ,
        context=(),
        cwd=request.cwd,
        facts={},
    )
