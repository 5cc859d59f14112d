"""The life of a layer and of a run: tables decide.

A layer is a process that imports (BUILDING), forks runs (READY), forks no more but still has
runs (RETIRED), and is gone (GONE). What cannot happen is not in the table; asking for it is a bug,
and changes nothing.

The rest of this module says what the daemon does when something ends early or takes long: a client that leaves
(`PRESSURE`) or is interrupted while it waits (`ENDING_SIGNALS`), a run that must start elsewhere (`depth_after`), a
client that waits (`NOTICES_S`), builds that fail again and again (`Breaker`, `BuildDeaths`), a daemon that nobody needs
(`is_idle`). Time is always an argument.
"""

from __future__ import annotations

from pytest_zygote.core.protocol.errors import LocalProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Reason

BUILDING = "building"
READY = "ready"
RETIRED = "retired"
GONE = "gone"

BUILT = "built"
FAILED = "failed"
INVALIDATED = "invalidated"
EXITED = "exited"

TRANSITIONS: dict[tuple[str, str], str] = {
    (BUILDING, BUILT): READY,
    (BUILDING, FAILED): RETIRED,
    # An input changed while the layer was being built: no client waits for it any more.
    (BUILDING, INVALIDATED): RETIRED,
    (BUILDING, EXITED): GONE,
    (READY, INVALIDATED): RETIRED,
    (READY, EXITED): GONE,
    # It had finished building when the daemon retired it: the messages crossed.
    (RETIRED, BUILT): RETIRED,
    (RETIRED, FAILED): RETIRED,
    (RETIRED, INVALIDATED): RETIRED,
    (RETIRED, EXITED): GONE,
}


def step(phase: str, event: str) -> str:
    """Return the phase that follows.

    Raises:
        LocalProtocolError: the event cannot happen in this phase.
    """
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        message = f"a layer that is {phase} cannot be {event}"
        raise LocalProtocolError(message) from None


LAYER_INELIGIBLE = 75
"""Exit code of a run that ended before its first test because its layer was not exact."""

PRESSURE: tuple[tuple[float, str], ...] = ((0.0, "SIGHUP"), (0.0, "SIGCONT"), (1.0, "SIGTERM"), (3.0, "SIGKILL"))
"""The signals that a run gets after its client has gone, and when, in seconds: first that of a closed terminal."""

NOTICES_S = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0)
"""After how many seconds a client that waits for a layer is sent what is being imported."""

_DEPTHS = ("project", "base", "cold")


def depth_after(tried: str, wanted: str) -> str:
    """Return where a run starts again after its layer was not exact.

    Always shallower than what was tried, whatever the run wanted, so that this comes to an end.
    """
    deeper = _DEPTHS.index(tried)
    chosen = _DEPTHS.index(wanted) if wanted in _DEPTHS else 0
    return _DEPTHS[max(chosen, deeper + 1)]


ENDING_SIGNALS = frozenset({"SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"})
"""What ends a client that still waits for its run, as it would end a pytest that still imports."""


class Breaker:
    """Stops building layers when that fails again and again; tries again after a rest.

    An electrical breaker: closed (layers are built), open (runs are cold), and after the rest one
    attempt decides.
    """

    LIMIT = 2
    REST_S = 60.0

    def __init__(self) -> None:
        """Start closed."""
        self._count = 0
        self._reason: Reason | None = None
        self._until = 0.0

    def fail(self, now: float, reason: Reason) -> None:
        """Count a failure that taught nothing."""
        self._count += 1
        self._reason = reason
        if self._count >= self.LIMIT:
            self._until = now + self.REST_S

    def reset(self) -> None:
        """Close: something worked, or something changed."""
        self._count = 0
        self._until = 0.0

    def open_reason(self, now: float) -> Reason | None:
        """Return why no layer is built now; None if one may be."""
        if self._reason is None or now >= self._until:
            return None
        return self._reason.add(" (pytest --daemon-reload tries again)")


DEADLY = "kills the process that imports it, or never ends"


class BuildDeaths:
    """The modules during whose import zygotes died or hung, and how often: the second death proves it."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: dict[str, int] = {}

    def add(self, module: str) -> None:
        """Count a zygote that died or had to be killed while it imported a module."""
        self._counts[module] = self._counts.get(module, 0) + 1

    def rejected(self, module: str) -> dict[str, str]:
        """Return the module with the reason if it is proven to be at fault; {} at its first death.

        One death proves nothing: the system may have been out of memory.
        """
        return {module: DEADLY} if self._counts.get(module, 0) > 1 else {}


def is_idle(now: float, last_request: float, limit_s: float) -> bool:
    """Return whether nobody has asked for a run for longer than the limit; 0 stands for no limit."""
    return 0 < limit_s < now - last_request
