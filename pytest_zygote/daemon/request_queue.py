"""Clients that wait for a run, in the order in which they came.

Only the first may have layers built: it is never overtaken by one whose environment would have its layer replaced.
Events only note that something has changed (`wake`); `serve` looks at it when the round of the loop is over.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

from pytest_zygote.core.layers import lifecycle, serving
from pytest_zygote.core.layers.layer_fit import sees_imports
from pytest_zygote.core.protocol import client_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.client_check import cold_reason, shortage
from pytest_zygote.daemon.layer import SESSION

if TYPE_CHECKING:
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.parts import Parts

log = logging.getLogger("pytest_zygote")

EARLY_S = 0.005
"""A timer may fire so much before its time."""

ENDING_SIGNALS = frozenset(getattr(signal, name) for name in lifecycle.ENDING_SIGNALS)


class RequestQueue:
    """Clients that wait for a run."""

    def __init__(self, parts: Parts, *, is_patient: bool = False) -> None:
        """Start with nobody waiting; clients that are patient wait for their layers as long as it takes."""
        self._parts = parts
        self._is_patient = is_patient
        self._clients: list[Client] = []
        self._has_changed = False

    def __len__(self) -> int:
        """Count the clients that wait."""
        return len(self._clients)

    def wake(self) -> None:
        """Note that something has changed which clients may wait for."""
        self._has_changed = True

    def admit(self, client: Client, request: RunRequest) -> None:
        """Append a client that has made its request, unless this daemon can never serve it."""
        parts = self._parts
        reason = shortage([client.channel.fileno(), *client.terminal], len(self._clients)) or cold_reason(
            request, client.terminal, client.channel.peer_pid()
        )
        if reason:
            self.send_cold(client, reason)
            return
        if parts.supervisor.serving.project is not None and sees_imports(request.args):
            client.depth = "base"
        self._clients.append(client)
        parts.sessions.pause()
        self.wake()
        parts.loop.after(lifecycle.NOTICES_S[0], lambda: self._notify(client))

    def requeue(self, client: Client) -> None:
        """Have a client wait again, as the first: it has waited longest."""
        self._clients.insert(0, client)
        self.wake()

    def remove(self, client: Client) -> None:
        """Serve a client no longer that is gone; nothing happens if it does not wait."""
        if client in self._clients:
            self._clients.remove(client)
            self.wake()

    def send_cold(self, client: Client, reason: Reason) -> None:
        """Have a client run plain pytest; one whose tests have run once gets the status of that run."""
        if client in self._clients:
            self._clients.remove(client)
        if not client.is_gone:
            self._parts.history.add_cold_run(reason)
        last = (
            client_messages.Cold(reason) if client.recheck is None else client_messages.Finished(client.recheck.status)
        )
        self._parts.connections.dismiss(client, last)

    def send_all_cold(self, reason: Reason) -> None:
        """Have all that wait run plain pytest."""
        for client in tuple(self._clients):
            self.send_cold(client, reason)

    def relay(self, client: Client, number: int) -> None:
        """End or stop a client that received a signal while it waits, as it would in an import."""
        if number == signal.SIGTSTP:
            client.send(client_messages.Stopped(number))
        elif number in ENDING_SIGNALS:
            self.remove(client)
            self._parts.connections.dismiss(client, client_messages.Finished(-number))

    def _notify(self, client: Client) -> None:
        """Send a client that still waits what it waits for."""
        if client not in self._clients or any(layer.plan.kind == SESSION for layer in client.awaited):
            return  # for sessions only our tests wait
        waited_s = self._parts.loop.now - client.since
        progress = self._parts.layers.builds.describe() or "waiting for a zygote"
        client.send(client_messages.Notice(f"{progress} ({waited_s:.1f} s)"))
        client.notices += 1
        self.wake()  # files may have changed, and with them what is being built
        due_s = serving.next_notice_s(client.notices, waited_s)
        if due_s is not None:
            self._parts.loop.after(due_s, lambda: self._notify(client))

    # Serving

    def serve(self) -> bool:
        """Fork runs as long as the first client's layer is ready; return whether anything had changed."""
        if not self._has_changed:
            return False
        self._has_changed = False
        if self._parts.closing:
            self.send_all_cold(self._parts.closing)
            return True
        self._parts.supervisor.advance(self._parts.loop.now, is_waited_for=bool(self._clients))
        while self._clients and self._try_to_serve(self._clients[0]):
            pass
        return True

    def _try_to_serve(self, client: Client) -> bool:
        """Serve the first client; what the system does not give costs it a cold run, and nobody else anything."""
        try:
            return self._serve(client)
        except OSError as error:
            log.exception("a client cannot be served")
            self.send_cold(
                client, Reason("fork-failed", f"the daemon cannot connect to a process for the run: {error}")
            )
            return True

    def _serve(self, client: Client) -> bool:
        """Fork a run for the first client, or send it away; return whether it waits no more."""
        parts, request = self._parts, client.request
        assert request is not None  # noqa: S101 - it was admitted
        paused = parts.supervisor.why_paused(parts.loop.now)
        if paused:
            self.send_cold(client, paused)
            return True
        is_patient = not client.has_lost_patience
        layer = parts.supervisor.choose(request, client.depth, parts.loop.now, is_patient=is_patient)
        client.patches = layer.patches
        if layer.phase == lifecycle.READY:
            client.renewed = ()
            layer = parts.sessions.find(client, layer) or layer
        if layer.phase != lifecycle.READY:
            return self._await(client, layer)
        del self._clients[0]
        self._explain(client)
        parts.runs.start(client, request, layer)
        return True

    def _await(self, client: Client, layer: Layer) -> bool:
        """Have a client wait for a layer, unless it has waited enough; return whether it waits no more."""
        is_new = layer not in client.awaited
        if is_new:
            client.awaited.append(layer)
        if layer.plan.kind == SESSION:
            return False  # only our tests wait for one
        reason = self._why_built_again(client, layer) or self._impatience(client, layer, is_new=is_new)
        if reason is not None:
            self.send_cold(client, reason)
            self._parts.supervisor.prefetch(self._parts.loop.now)  # for the next run
        return reason is not None

    def _why_built_again(self, client: Client, layer: Layer) -> Reason | None:
        awaited = [serving.AwaitedLayer(one.plan.kind, one.patch is not None, one.failure) for one in client.awaited]
        return serving.why_built_again(awaited, layer.plan.kind, layer.reason.text, is_patient=self._is_patient)

    def _impatience(self, client: Client, layer: Layer, *, is_new: bool) -> Reason | None:
        """Return why a client has waited for too long; None if it has not, or a run can be forked all the same."""
        loop, supervisor = self._parts.loop, self._parts.supervisor
        if self._is_patient:
            return None
        client.waits_since = loop.now if client.waits_since is None else client.waits_since
        waited_s = loop.now - client.waits_since
        is_learning = supervisor.is_learning and not client.has_lost_patience
        left_s = serving.patience_s(layer.plan.kind, supervisor.imports_ms, is_learning=is_learning) - waited_s
        if left_s > EARLY_S:
            if is_new:
                loop.after(left_s, self.wake)
            return None
        client.has_lost_patience = True
        if not is_learning:
            return serving.impatience(waited_s)
        client.awaited.clear()
        self.wake()
        return None

    def _explain(self, client: Client) -> None:
        """Send a client why layers were built anew for its run."""
        built = [layer for layer in client.awaited if layer.built is not None and layer.patch is None]
        client.awaited.clear()
        notice = serving.describe_builds(
            [layer.reason for layer in built if not layer.is_first],
            sum(len(layer.plan.modules) for layer in built),
            sum(layer.built.took_ms for layer in built if layer.built is not None),
            has_base=any(layer.plan.kind == "base" for layer in built),
        )
        if notice:
            client.send(client_messages.Notice(notice))
