"""The desk: brings clients that wait and layers that are ready together.

Clients are served in the order they came, and only the first may have layers built: it is
never overtaken by one whose environment would have its layer replaced. Every client that waits
ends in one of three ways: its run is forked, it is sent away with a reason (and runs plain
pytest), or it leaves. Nothing here calls itself: events only note that something changed, and
`settle` looks at it when the round of the loop is over.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Protocol

import pytest_zygote
from pytest_zygote.adapters.interpreter.private.light import x_options
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.layer_fit import sees_imports
from pytest_zygote.core.layers.layer_inputs import describe_options
from pytest_zygote.core.protocol import messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.fresh_rerun import WHY, recheck_of, second_request
from pytest_zygote.daemon.layer_processes import SESSION
from pytest_zygote.daemon.runs import Run, RunTable

if TYPE_CHECKING:
    from pytest_zygote.daemon.connections import Client
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses
    from pytest_zygote.daemon.layer_supervisor import LayerSupervisor
    from pytest_zygote.daemon.session_cache import SessionCache
    from pytest_zygote.daemon.status import RunHistory

log = logging.getLogger("pytest_zygote")

MAX_BUILDS = 3
"""Layers of a kind that are built for one client, before it runs cold."""

MAX_PATCHES = 20
"""Layers that are built or patched for one client, before it runs cold: a file that is written all the time."""

MAX_FORKS = 3
"""Zygotes that may die while forking for one client, before it runs cold."""


class Door(Protocol):
    """The way out for clients, and for the daemon."""

    def dismiss(self, client: Client, last: messages.ToClient | None = None) -> None:
        """Say a last word to a client and end the connection."""

    def leave_to_newer(self) -> None:
        """Make room for another daemon at once."""


class Dispatcher:
    """Serves clients; owns the layers and runs that this takes."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it brings together
        self,
        loop: EventLoop,
        tally: RunHistory,
        door: Door,
        layers: LayerProcesses,
        supervisor: LayerSupervisor,
        sessions: SessionCache,
    ) -> None:
        """Start with nobody waiting."""
        self._loop = loop
        self._tally = tally
        self._door = door
        self._has_changed = False
        self.waiting: list[Client] = []
        self.closing = ""
        self.layers = layers
        self.layers.own(self)
        self.supervisor = supervisor
        self.sessions = sessions
        self.runs = RunTable(loop, layers, self)

    # Clients

    def admit(self, client: Client) -> None:
        """Put a client that has made its request in the row of those that wait."""
        request = client.request
        assert request is not None  # noqa: S101 - only then it is admitted
        outdated = outdated_for(request)
        if outdated:
            log.info("leaving: %s", outdated)
            self._door.leave_to_newer()  # first: the client may start another daemon as soon as it hears of it
            self._door.dismiss(client, messages.Outdated(outdated))
            return
        refusal = restart_reason(request, client.terminal)
        if refusal:
            self.send_away(client, refusal)
            return
        if self.supervisor.serving.project is not None and sees_imports(request.args):
            client.depth = "base"
        self.waiting.append(client)
        self.sessions.pause()
        self._has_changed = True
        self._loop.after(lifecycle.NOTICES_S[0], lambda: self._remind(client))

    def send_away(self, client: Client, reason: Reason) -> None:
        """Have a client run plain pytest."""
        if client in self.waiting:
            self.waiting.remove(client)
        if not client.is_gone:
            self._tally.count_cold(reason)
        cold = messages.Cold(reason) if client.recheck is None else messages.Finished(client.recheck.status)
        self._door.dismiss(client, cold)

    def relay(self, client: Client, number: int) -> None:
        """Pass on a signal that a client received; one that waits ends or stops as it would in an import."""
        if client.run is not None:
            self.runs.deliver(client.run, number)
        elif number == signal.SIGTSTP:
            client.say(messages.Stopped(number))
        elif number in {getattr(signal, name) for name in lifecycle.ENDING_SIGNALS}:
            self.lose(client)
            self._door.dismiss(client, messages.Finished(-number))

    def lose(self, client: Client) -> None:
        """End the run of a client that is gone, or its waiting."""
        if client in self.waiting:
            self.waiting.remove(client)
            self._has_changed = True
        if client.run is not None:
            self.runs.abandon(client.run)

    def _remind(self, client: Client) -> None:
        """Tell a client that still waits what it waits for."""
        if client not in self.waiting or any(layer.plan.kind == SESSION for layer in client.awaited):
            return  # for sessions only our tests wait
        waited = time.monotonic() - client.since
        progress = self.layers.progress() or "waiting for a zygote"
        client.say(messages.Notice(f"{progress} … ({waited:.1f} s)"))
        client.notices += 1
        self._has_changed = True  # files may have, and with them what is being built
        if client.notices < len(lifecycle.NOTICES_S):
            due = lifecycle.NOTICES_S[client.notices] - waited
            self._loop.after(due, lambda: self._remind(client))

    # Serving

    def settle(self) -> None:
        """Go on wherever something has changed."""
        while self._has_changed:
            self._has_changed = False
            if self.closing:
                for client in tuple(self.waiting):
                    self.send_away(client, Reason("daemon-stopping", self.closing))
                return
            self.supervisor.advance(is_waited_for=bool(self.waiting))
            while self.waiting and self._serve(self.waiting[0]):
                pass
        if not self.waiting and not self.runs and not self.closing:
            self.sessions.prepare_soon(self.settled_layer())

    def settled_layer(self) -> Layer | None:
        """Return the layer that runs are forked from, unless one is being built."""
        is_building = any(layer.phase == lifecycle.BUILDING and layer.plan.kind != SESSION for layer in self.layers)
        deepest = self.supervisor.serving.layers()[:1]
        return None if is_building or not deepest else deepest[0]

    def _serve(self, client: Client) -> bool:
        """Fork a run for the first client that waits, or send it away; tell whether it waits no more."""
        request = client.request
        assert request is not None  # noqa: S101 - it was admitted
        blocked = self.supervisor.blocked()
        if blocked:
            self.send_away(client, blocked)
            return True
        layer = self.supervisor.choose(request, client.depth)
        client.patches = layer.patches
        if layer.phase == lifecycle.READY:
            client.renewed = ()
            layer = self.sessions.find(client, layer) or layer
        if layer.phase == lifecycle.READY:
            self.waiting.pop(0)
            self._explain(client)
            self.runs.start(client, layer, request)
            return True
        return self._await(client, layer)

    def _await(self, client: Client, layer: Layer) -> bool:
        if layer not in client.awaited:
            client.awaited.append(layer)
        alike = [known for known in client.awaited if known.plan.kind == layer.plan.kind]
        builds = [known for known in alike if known.order is None]
        if len(builds) > MAX_BUILDS or len(alike) > MAX_PATCHES:
            self.send_away(client, Reason("inputs-unstable", f"{layer.reason}, again and again"))
            return True
        return False

    def _explain(self, client: Client) -> None:
        """Tell a client why layers were built anew for its run."""
        built = [layer for layer in client.awaited if layer.built is not None and layer.order is None]
        reasons = [layer.reason for layer in built if not layer.is_first]
        client.awaited.clear()
        if not reasons:
            return
        took = sum(layer.built.took_ms for layer in built if layer.built is not None) / 1000
        count = sum(len(layer.plan.modules) for layer in built)
        what = "module" if any(layer.plan.kind == "base" for layer in built) else "project module"
        client.say(messages.Notice(f"{reasons[0]}: re-imported {count} {what}{'s' * (count != 1)} ({took:.2f} s)"))

    # What layers tell

    def layer_changed(self) -> None:
        """Look again at what can be done now."""
        self._has_changed = True

    def build_failed(self, culprits: dict[str, str], reason: Reason) -> None:
        """Go on without the modules that are to blame."""
        self.supervisor.fail(culprits, reason)
        self._has_changed = True

    def session_failed(self, layer: Layer, reason: str) -> None:
        """Fork runs of this kind from the project layer, as before."""
        self.sessions.failed(layer, reason)
        self._has_changed = True

    def session_outdated(self, layer: Layer, reason: str) -> None:
        """Have a session collected again."""
        self.sessions.give_up(layer, reason)
        self._has_changed = True

    def layer_ended(self, layer: Layer) -> None:
        """Keep the runs of a dead zygote."""
        self.runs.lose_zygote(layer)

    def on_run_message(self, message: messages.RunEvent) -> None:
        """Pass on what a zygote says of a run."""
        self.runs.on_zygote_message(message)

    # What runs tell

    def run_ended(self, run: Run, status: int) -> None:
        """Give a client the status of its run, or start it again from a shallower layer."""
        client = run.client
        self.supervisor.breaker.reset()
        if run.misfit is not None and status == lifecycle.MISFIT and not client.is_gone:
            self._start_over(run, run.misfit)
            return
        if client.depth == "project":
            self.supervisor.note_fit()
        self.sessions.note(client, self.settled_layer())
        if not client.is_gone:
            run.layer.served += 1
            self._tally.count(self._saved_ms(run.layer), run.layer.plan.kind)
        if not self._recheck(client, status):
            self._door.dismiss(client, messages.Finished(client.recheck.status if client.recheck else status))

    def _recheck(self, client: Client, status: int) -> bool:
        """Compare a second run with the first; tell whether one begins now."""
        if client.recheck is not None:
            verdict = client.recheck.verdict(status)
            if verdict:
                log.error(verdict)
                client.say(messages.Notice(verdict))
            return False
        client.recheck = recheck_of(status, client.patches, self.supervisor.graph.facts)
        if client.recheck is None or client.request is None or client.is_gone or self.closing:
            client.recheck = None
            return False
        client.say(messages.Notice(client.recheck.announcement))
        client.request, client.key = second_request(client.request), None
        self.supervisor.serving.renew(WHY)
        self._wait_again(client)
        return True

    def _start_over(self, run: Run, misfit: messages.LayerIneligible) -> None:
        client, kind = run.client, run.layer.plan.kind
        if kind == SESSION:
            depth = client.depth
            self.sessions.give_up(run.layer, misfit.reason.text)
        else:
            depth = lifecycle.depth_after("base" if kind == "base" else "project", misfit.depth)
        log.info("starts again, %s: %s", depth, misfit.reason)
        client.depth = depth
        if depth == "cold":
            self.send_away(client, misfit.reason)
            return
        assert client.request is not None  # noqa: S101 - it has run
        client.request = client.request.replaced(seen=misfit.seen)
        self._wait_again(client)

    def _wait_again(self, client: Client) -> None:
        self.waiting.insert(0, client)
        self._has_changed = True

    def run_never_was(self, run: Run, reason: Reason) -> None:
        """Find another layer for a run that was not forked, unless there is no hope."""
        client = run.client
        if client.is_gone:
            return
        client.losses += 1
        if run.layer.phase != lifecycle.GONE or client.losses >= MAX_FORKS:
            self.send_away(client, reason)
            return
        if run.layer.plan.kind != SESSION:
            self.supervisor.breaker.fail(time.monotonic(), reason)
        self._wait_again(client)

    def _saved_ms(self, layer: Layer) -> int:
        own = layer.built.took_ms if layer.built is not None else 0
        return own + (self.supervisor.base_took_ms() if layer.plan.kind == "project" else 0)

    def learned(self, run: Run, learned: messages.Learned) -> None:
        """Have the next layers hold what this run had to import."""
        if run.client.request is not None:
            self.supervisor.learn(learned, run.client.request, was_fit=run.client.depth == "project")
            self._changed()

    def misfitted(self, run: Run, misfit: messages.LayerIneligible) -> None:
        """Have the next layers not hold what was wrong for this run."""
        log.info("misfit: %s", misfit.reason)
        if run.client.request is not None:
            self.supervisor.unlearn(misfit.culprits, misfit.reason.text, run.client.request)
            self._changed()

    def _changed(self) -> None:
        """Go on with what is known now; a daemon that closes builds nothing for it."""
        self._has_changed = True
        if self.closing:
            self.supervisor.retire()
            self.sessions.retire()


def outdated_for(request: messages.RunRequest) -> Reason | None:
    """Return why another daemon must serve a client; None if this one can."""
    ours = pytest_zygote.__version__
    if request.version != ours:
        return Reason("daemon-version", f"the daemon is version {ours}, this is {request.version}")
    executable, version, prefix = request.interpreter[:3]
    # Its links have names of their own: ``python -m pytest`` and the script ``pytest`` often use two.
    if (os.path.realpath(executable), version, prefix) != (os.path.realpath(sys.executable), sys.version, sys.prefix):
        return Reason("daemon-interpreter", "the daemon runs another interpreter")
    return None


def restart_reason(request: messages.RunRequest, terminal: list[int]) -> Reason | None:
    """Return why a request cannot be served warm by any layer; None if it can."""
    if len(terminal) != 3:  # noqa: PLR2004 - stdin, stdout, stderr
        return Reason("descriptors-missing", "the descriptors did not arrive")
    flags = ",".join(str(flag) for flag in sys.flags)
    options = describe_options(x_options())
    if request.interpreter[3:] != (flags, options, ",".join(sys.warnoptions)):
        return Reason("python-flags", "python was started with other flags than the daemon")
    return None
