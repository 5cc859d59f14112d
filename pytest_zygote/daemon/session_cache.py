"""Collected sessions: prepared while nobody waits, used for requests that are equal in everything.

A session stands on the project layer that serves now, as one more layer. Before it is used the daemon
looks at all that it read, as for every layer; a session with a stale input is closed, and
prepared again when the daemon has nothing else to do. A session that is still being collected is
stopped (SIGSTOP) as long as a run goes on: it takes no processor time from anyone who waits.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.pytest import terminal_doubles
from pytest_zygote.adapters.system import rlimits
from pytest_zygote.adapters.system.stdio import STREAMS
from pytest_zygote.core.layers import lifecycle, session_choice
from pytest_zygote.core.protocol import framing, layer_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions import eligibility
from pytest_zygote.core.sessions.backoff import Backoff
from pytest_zygote.daemon.cached_session import CachedSession, plan_of
from pytest_zygote.daemon.client import LINKS
from pytest_zygote.daemon.layer import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.sessions.eligibility import Key
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.event_loop import EventLoop, Timer
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses

log = logging.getLogger("pytest_zygote")

IDLE_S = 0.15
"""The daemon collects when nobody has wanted anything for so long."""

MEMORY_MIB = 1024
"""What all sessions together may have for themselves."""


class SessionCache:
    """All collected sessions of a daemon, the one used last at the end."""

    def __init__(self, loop: EventLoop, layers: LayerProcesses, root: str, *, is_forced: bool = False) -> None:
        """Start with none, and with room for none until `configure` makes some.

        Args:
            loop: the daemon's.
            layers: where sessions have their processes.
            root: the project's folder.
            is_forced: a client waits until its session is collected: for tests of this package.
        """
        self._loop = loop
        self._layers = layers
        self._root = root
        self._limit = 0
        self._is_forced = is_forced
        self._wanted: list[CachedSession] = []
        self._backoff = Backoff()
        self._timer: Timer | None = None
        self.last_miss: Reason | None = None

    def __iter__(self) -> Iterator[CachedSession]:
        """Give all sessions, the one used last at the end."""
        return iter(tuple(self._wanted))

    def configure(self, settings: Settings) -> None:
        """Keep as many sessions as the user wants."""
        before, self._limit = self._limit, settings.count("--daemon-sessions")
        if before == self._limit:
            return
        difference = Reason("options-differ", f"--daemon-sessions is {self._limit}, it was {before}")
        self._evict(difference)
        if not self._limit:
            self.last_miss = difference

    # Using

    def find(self, client: Client, below: Layer) -> Layer | None:
        """Return the layer from which a client's run must be forked; None for the project layer below.

        A command that is debugged never gets a session: the session would join the debugger in place of the run.
        """
        if not self._limit:
            return None
        assert client.request is not None  # noqa: S101 - it was admitted
        self.last_miss = eligibility.request_ineligibility(client.request, client.depth)
        if self.last_miss:
            return None
        key = self._key(client)
        session = self._session(key)
        self.last_miss = self._check(session, below, key)
        if self.last_miss or session is None or session.layer is None:
            return self._force(key, client, below) if self._is_forced else None
        session.hits += 1
        self._backoff.use(key)
        self._wanted.remove(session)
        self._wanted.append(session)
        client.renewed = session.layer.renewed
        return session.layer

    def _key(self, client: Client) -> Key:
        assert client.request is not None  # noqa: S101 - it was admitted
        if client.key is None:
            request = client.request
            kinds = terminal_doubles.describe(client.terminal[:-LINKS], request.closed)
            client.key = eligibility.key_of(request, kinds, rlimits.limits_of(request.pid))
        return client.key

    def _session(self, key: Key) -> CachedSession | None:
        return next((session for session in self._wanted if session.key == key), None)

    def _check(self, session: CachedSession | None, below: Layer, key: Key) -> Reason | None:
        """Return why no session can serve a request; None if this one can. One that is stale is closed on the way."""
        if session is None:
            return self._backoff.reason(key) or eligibility.differing((other.key for other in self._wanted), key)
        layer = session.ready if session.below is below else None
        stale = layer.sweep(session.request, self._root, self._loop.now) if layer is not None else None
        reason = session_choice.why_close(session.state(below), stale)
        if reason:
            self._close(session, reason)
        return session_choice.why_missed(session.state(below))

    def _force(self, key: Key, client: Client, below: Layer) -> Layer | None:
        assert client.request is not None  # noqa: S101 - it was admitted
        if sum(layer.plan.kind == SESSION for layer in client.awaited) > session_choice.MAX_ATTEMPTS:
            return None
        self._want(key, client.request, below)
        session = self._session(key)
        if session is not None and session.layer is None:
            self._collect(session, below)
        return session.layer if session is not None else None

    # Preparing

    def note_run(self, client: Client, below: Layer | None) -> None:
        """Want a session for a run that has ended, and may be asked for again.

        Args:
            client: whose run it was.
            below: the layer from which runs are forked; None while one is being built, on which it is collected then.
        """
        if client.key is not None and client.request is not None and client.depth == "project":
            self._want(client.key, client.request, below)

    def _want(self, key: Key, request: RunRequest, below: Layer | None) -> None:
        session = self._session(key)
        if self._backoff.holds(key, below) or not (self._is_forced or self._backoff.is_worth_it(key)):
            return
        if session is None:
            self._wanted.append(CachedSession(key, request))
        else:
            session.attempts = 0
        self._evict(session_choice.EVICTED)

    def _evict(self, reason: Reason) -> None:
        while len(self._wanted) > self._limit:
            self._close(self._wanted.pop(0), reason)

    def on_files_changed(self, below: Layer | None) -> None:
        """Close sessions whose inputs have changed, to collect them again before they are asked for."""
        self._backoff.forget()
        for session in tuple(self._wanted):
            layer = session.ready
            if layer is None or below is None or self._check(session, below, session.key):
                continue
            if layer.renewed:  # can runs collect them by themselves? If not, there may be time to collect all again
                self._layers.send(layer, layer_messages.CheckRecollection(layer.renewed))

    def trim(self) -> None:
        """Close the sessions used longest ago, if all together have too much memory for themselves."""
        ready = [(session, session.ready.pid) for session in self._wanted if session.ready is not None]
        private_kib = [self._layers.processes.private_kib(pid) for _, pid in ready]
        full = Reason("memory-full", f"the sessions have more than {MEMORY_MIB} MiB for themselves")
        for position in session_choice.over_budget(private_kib, MEMORY_MIB * 1024):
            self._reject(ready[position][0], full)

    def pause(self) -> None:
        """Stop all collections while somebody waits, and begin no other."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for session in self._wanted if not self._is_forced else ():
            layer = session.collecting
            if layer is not None and layer.pid:
                session.is_stopped = True
                self._layers.kill(layer, signal.SIGSTOP)

    def prepare_soon(self, below: Layer | None) -> None:
        """Go on collecting, unless somebody wants something first."""
        if self._timer is None and below is not None and self._next(below) is not None:
            self._timer = self._loop.after(IDLE_S, lambda: self._prepare(below))

    def _next(self, below: Layer) -> session_choice.Collect | session_choice.Resume | None:
        if below.phase != lifecycle.READY:
            return None
        return session_choice.next_to_prepare([session.state(below) for session in self._wanted])

    def _prepare(self, below: Layer) -> None:
        self._timer = None
        self.trim()
        match self._next(below):
            case session_choice.Resume(position):
                self._resume(self._wanted[position])
            case session_choice.Collect(position):
                session = self._wanted[position]
                self._close(session, session_choice.REPLACED)
                self._collect(session, below)
            case None:
                pass
            case never:
                assert_never(never)

    def _resume(self, session: CachedSession) -> None:
        session.is_stopped = False
        if session.layer is not None:
            self._layers.kill(session.layer, signal.SIGCONT)

    def _collect(self, session: CachedSession, below: Layer) -> None:
        reason = eligibility.terminal_ineligibility(session.key.terminal[:STREAMS])
        session.below = below
        session.attempts += 1
        if session.attempts > session_choice.MAX_ATTEMPTS:
            reason = Reason("inputs-unstable", "its inputs change again and again")
        if reason:
            self._reject(session, reason)
            return
        terminal = session.key.terminal[:STREAMS]
        order = layer_messages.Collect(framing.pack(session.request), terminal, session.key.limits)
        session.layer = self._layers.spawn_session(below, order, plan_of(session.request))

    def _reject(self, session: CachedSession, reason: Reason) -> None:
        if session.below is not None:
            self._backoff.add(session.key, session.below, reason)
        if session in self._wanted:
            self._wanted.remove(session)
        self._close(session, reason)

    # Events

    def on_failed(self, layer: Layer, reason: Reason) -> None:
        """Forget a session that cannot be collected, or whose process died."""
        for session in tuple(self._wanted):
            if session.layer is layer:
                log.info("no collected session: %s", reason)
                self._reject(session, reason)

    # Ending

    def close_layer(self, layer: Layer, reason: Reason) -> None:
        """Close a session from which no run can be forked after all."""
        for session in tuple(self._wanted):
            if session.layer is layer:
                self._close(session, reason)

    def _close(self, session: CachedSession, reason: Reason) -> None:
        layer, session.layer = session.layer, None
        session.why_closed = reason
        if layer is not None and not session.hits:
            self._backoff.waste(session.key)
        session.hits = 0
        session.is_stopped = False
        if layer is not None and layer.phase != lifecycle.GONE:
            was_collecting = layer.phase == lifecycle.BUILDING
            self._layers.retire(layer)
            if was_collecting:
                self._layers.kill(layer, signal.SIGKILL)  # it may be stopped, and reads nothing before it has collected

    def retire(self) -> None:
        """Close all."""
        self._limit = 0
        for session in self._wanted:
            self._close(session, Reason("daemon-stopping", "the daemon is stopping"))
        self._wanted.clear()
