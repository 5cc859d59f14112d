"""The daemon as a whole: what it is made of, and when it ends.

It serves until something ends it: ``--stop-daemon``, a signal, nobody asking for long, its folder or
socket gone, a client of a newer version. Then it *closes*: whoever waits runs plain pytest, runs that
are going on are waited for (their clients get their status), layers leave, and the last thing it does
is to answer those who asked it to stop. A second stop, or a second signal, ends the runs too.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system import processes, signals
from pytest_zygote.core.protocol import messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.connections import Connections
from pytest_zygote.daemon.dispatcher import Dispatcher
from pytest_zygote.daemon.event_loop import EventLoop
from pytest_zygote.daemon.layer_processes import LayerProcesses
from pytest_zygote.daemon.layer_supervisor import MAX_FORKS, LayerSupervisor
from pytest_zygote.daemon.rebuild_trigger import RebuildTrigger, Watching
from pytest_zygote.daemon.session_cache import Policy, SessionCache
from pytest_zygote.daemon.status import RunHistory, describe

if TYPE_CHECKING:
    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.adapters.system.sockets import Listener
    from pytest_zygote.daemon.connections import Client

log = logging.getLogger("pytest_zygote")

HOUSEKEEPING_S = 5.0
"""How often to see whether the project and the socket are still there."""


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
    uses_events: bool = True
    throttle: float = 1.0
    max_forks: int = MAX_FORKS


class Server:
    """The daemon of one project."""

    def __init__(self, place: Rendezvous, listener: Listener, lock: int, settings: ServerSettings) -> None:
        """Serve clients that connect to `listener`; `lock` is released when others may take its place."""
        self._place = place
        self._listener = listener
        self._lock = lock
        self._settings = settings
        self._loop = EventLoop()
        self._pipe = signals.SignalPipe((signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        self.tally = RunHistory()
        layers = LayerProcesses(self._loop, self.tally, settings.build_patience_s)
        sessions = SessionCache(self._loop, layers, place.root, settings.sessions)
        supervisor = LayerSupervisor(layers, place.root, settings.cache)
        self.desk = Dispatcher(self._loop, self.tally, self, layers, supervisor, sessions)
        self._clients = Connections(self._loop, listener, self)
        watching = Watching(place.root, settings.ignored, settings.uses_events, settings.throttle)
        look, is_busy = self.desk.supervisor.is_outdated, lambda: bool(self.desk.runs)
        self.prefetch = RebuildTrigger(self._loop, watching, self._refresh, look, is_busy)
        self._stoppers: list[Client] = []

    def serve(self) -> None:
        """Serve until told to stop, idle for too long, or the project is gone."""
        self._loop.watch(self._pipe, self._on_signal)
        self._keep_house()
        if self._settings.watches:
            self.prefetch.start()
        self._loop.run(self._settle)
        self.prefetch.stop()

    def _settle(self) -> None:
        """Go on wherever something has changed in this round."""
        self.desk.settle()
        if self.desk.closing and not self.desk.runs and not self.desk.layers:
            self._end()

    def _refresh(self) -> None:
        """Build in the background what changed, unless clients wait and have it built themselves."""
        self.desk.supervisor.breaker.reset()
        self.desk.layer_changed()
        if not self.desk.waiting and not self.desk.closing:
            self.desk.supervisor.prefetch()
            self.desk.sessions.files_changed(self.desk.settled_layer())

    @property
    def socket(self) -> str:
        """Where clients meet this daemon."""
        return self._place.socket

    # Clients (`clients.Dispatcher`)

    def admit(self, client: Client) -> None:
        """Serve a client that has made its request."""
        if self.desk.closing:
            self.desk.send_away(client, Reason("daemon-stopping", self.desk.closing))
        else:
            self.desk.admit(client)

    def relay(self, client: Client, number: int) -> None:
        """Pass on a signal that the client received."""
        self.desk.relay(client, number)

    def lose(self, client: Client) -> None:
        """Take care of what a client leaves that is gone."""
        self.desk.lose(client)

    def answer(self, client: Client, question: messages.ControlRequest) -> None:
        """Answer a question about the daemon."""
        match question:
            case messages.StatusRequest(form):
                client.say(messages.Answer(describe(self, form)))
            case messages.ReloadRequest():
                self.desk.supervisor.reload()
                self.desk.layer_changed()
                client.say(messages.Answer("all layers will be built anew"))
            case messages.StopRequest():
                self._stoppers.append(client)
                self._stop("asked to")
            case _:
                assert_never(question)

    def dismiss(self, client: Client, last: messages.ToClient | None = None) -> None:
        """Say a last word to a client and end the connection."""
        self._clients.dismiss(client, last)

    # Children and signals

    def _on_signal(self) -> None:
        for number in self._pipe.read():
            if number == signal.SIGCHLD:
                self._reap()
            else:
                self._stop(f"signal {number}")

    def _reap(self) -> None:
        """Collect children: base zygotes, and what is left of zygotes that died."""
        for pid, status in processes.collect():
            if not os.WIFSTOPPED(status) and self.desk.layers.bury(pid, processes.decode_wait(status)):
                continue
            self.desk.runs.reap(pid, status)

    # The end

    def _keep_house(self) -> None:
        if self.desk.closing:
            return
        if not os.path.isdir(self._place.root):
            self._close("the project is gone")
        elif not self._listener.is_ours():
            self._close("the socket is gone")
        elif self._is_idle():
            self._close("nobody asked for a run for long")
        elif not self.desk.runs and not self.desk.waiting:
            self.desk.supervisor.rejuvenate(self._settings.max_forks)
        self._loop.after(min(HOUSEKEEPING_S, self._settings.idle_s or HOUSEKEEPING_S), self._keep_house)

    def _is_idle(self) -> bool:
        if self.desk.runs or self.desk.waiting:
            self._clients.last_seen = time.monotonic()
        return 0 < self._settings.idle_s < time.monotonic() - self._clients.last_seen

    def _stop(self, reason: str) -> None:
        """Close because somebody wants it; whoever asks again wants the runs to end too."""
        if self.desk.closing:
            log.info("ending %d runs: %s", len(self.desk.runs), reason)
            self.desk.runs.abandon_all()
        self._close(reason)

    def _close(self, reason: str) -> None:
        if self.desk.closing:
            return
        log.info("stopping: %s", reason)
        self.desk.closing = "the daemon is stopping"
        self.desk.layer_changed()
        self.desk.supervisor.retire()
        self.desk.sessions.retire()

    def leave_to_newer(self) -> None:
        """Make room for another daemon at once; what runs here ends in its own time."""
        self._release()
        self._close("another version serves from now on")

    def _release(self) -> None:
        if self._lock >= 0:
            self._loop.forget(self._listener)
            self._listener.close()
            os.close(self._lock)
            self._lock = -1

    def _end(self) -> None:
        self._release()
        for client in self._stoppers:
            client.say(messages.Answer("the daemon has stopped"))
        self._loop.stop()
