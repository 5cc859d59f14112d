"""The end of a daemon: why it begins, what it waits for, and who gets an answer.

It begins with ``--stop-daemon``, a signal, nobody asking for long, a project or socket that is gone, or a client of
a newer version. Then the daemon *closes*: clients that wait run plain pytest, runs are waited for (their clients get
their status), layers leave, and the last thing it does is to answer those who asked it to stop. A second stop
ends the runs, too.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.lifecycle import is_idle
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.parts import Parts
    from pytest_zygote.daemon.request_queue import RequestQueue

log = logging.getLogger("pytest_zygote")

CLOSING = Reason("daemon-stopping", "the daemon is stopping")

HOUSEKEEPING_S = 5.0
"""How often to see whether the project and the socket are still there."""


class Shutdown:
    """Closes a daemon."""

    def __init__(self, parts: Parts, requests: RequestQueue) -> None:
        """Never close because nobody asked for a run, until `configure` sets a limit."""
        self._parts = parts
        self._requests = requests
        self._idle_s = 0.0
        self._stoppers: list[Client] = []

    def configure(self, settings: Settings) -> None:
        """Close when nobody has asked for a run for so long as the user wants."""
        self._idle_s = settings.seconds("--daemon-timeout")

    def check(self) -> bool:
        """Close if there is a reason to; return whether there is none."""
        parts = self._parts
        if parts.runs or self._requests:
            parts.connections.last_request = parts.loop.now
        reason = parts.endpoint.why_lost()
        if not reason and is_idle(parts.loop.now, parts.connections.last_request, self._idle_s):
            reason = "nobody asked for a run for long"
        if reason:
            self.close(reason)
        return not reason

    @property
    def check_interval_s(self) -> float:
        """How long to wait between two calls of `check`."""
        return min(HOUSEKEEPING_S, self._idle_s or HOUSEKEEPING_S)

    def stop(self, reason: str, client: Client | None = None) -> None:
        """Close because somebody wants it; a second time, the runs must end, too.

        Args:
            reason: for the log.
            client: is answered when the daemon has stopped.
        """
        if client is not None:
            self._stoppers.append(client)
        if self._parts.closing:
            log.info("ending %d runs: %s", len(self._parts.runs), reason)
            self._parts.runs.abort_all()
        self.close(reason)

    def close(self, reason: str) -> None:
        """Serve no more runs; what is going on ends in its own time."""
        parts = self._parts
        if parts.closing:
            return
        log.info("stopping: %s", reason)
        parts.closing = CLOSING
        self._requests.wake()
        parts.supervisor.retire()
        parts.sessions.retire()

    def leave_to_newer(self) -> None:
        """Make room for another daemon at once."""
        self.release()
        self.close("another version serves from now on")

    def release(self) -> None:
        """Accept no more clients: another daemon may."""
        if not self._parts.endpoint.is_released:
            self._parts.loop.forget(self._parts.endpoint.listener)
            self._parts.endpoint.release()

    def finish(self) -> None:
        """End the daemon if all runs and layers have ended."""
        parts = self._parts
        if parts.closing and not parts.runs and not parts.layers:
            self.release()
            for client in self._stoppers:
                parts.connections.answer(client, "the daemon has stopped")
            parts.loop.stop()
