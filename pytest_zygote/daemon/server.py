"""The daemon as a whole: its parts are made and connected here, and nowhere else."""

from __future__ import annotations

import signal
from collections import deque
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import signals
from pytest_zygote.daemon import events
from pytest_zygote.daemon.background_gate import BackgroundGate
from pytest_zygote.daemon.connections import Connections
from pytest_zygote.daemon.dispatcher import Dispatcher
from pytest_zygote.daemon.endpoint import Endpoint
from pytest_zygote.daemon.event_loop import EventLoop
from pytest_zygote.daemon.history import RunHistory
from pytest_zygote.daemon.layer_processes import LayerProcesses
from pytest_zygote.daemon.layer_supervisor import LayerSupervisor
from pytest_zygote.daemon.parts import Parts
from pytest_zygote.daemon.process_table import ProcessTable
from pytest_zygote.daemon.rebuild_trigger import RebuildTrigger
from pytest_zygote.daemon.run_table import RunTable
from pytest_zygote.daemon.session_cache import SessionCache

if TYPE_CHECKING:
    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.adapters.system.sockets import Listener
    from pytest_zygote.daemon.events import EventQueue
    from pytest_zygote.daemon.parts import ServerSettings


class Server:
    """The daemon of one project."""

    def __init__(self, place: Rendezvous, listener: Listener, lock: int, settings: ServerSettings) -> None:
        """Serve clients that connect to `listener`; `lock` is released when others may have its place."""
        self._settings = settings
        self._queue: EventQueue = deque()
        self._signals = signals.SignalPipe((signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        self._processes = ProcessTable()
        self._parts = self._make_parts(Endpoint(place, listener, lock))
        self._dispatcher = Dispatcher(self._parts, self._queue, settings)

    def _make_parts(self, endpoint: Endpoint) -> Parts:
        settings, queue, loop, history = self._settings, self._queue, EventLoop(), RunHistory()
        layers = LayerProcesses(loop, queue, history, self._processes, settings.build_patience_s)
        return Parts(
            loop=loop,
            endpoint=endpoint,
            connections=Connections(loop, endpoint.listener, queue),
            layers=layers,
            runs=RunTable(loop, layers, queue),
            supervisor=LayerSupervisor(layers, endpoint.root, settings.cache),
            sessions=SessionCache(loop, layers, endpoint.root, is_forced=settings.forces_sessions),
            trigger=RebuildTrigger(loop, endpoint.root, queue),
            gate=BackgroundGate(endpoint.root),
            history=history,
        )

    def serve(self) -> None:
        """Serve until the daemon is stopped, idle for too long, or the project is gone."""
        loop = self._parts.loop
        loop.watch(self._signals, self._on_signal)
        self._queue.append(events.HousekeepingDue())
        if self._settings.watches:
            self._parts.trigger.start()
        self._dispatcher.settle()
        loop.run(self._dispatcher.settle)
        self._parts.trigger.stop()

    def _on_signal(self) -> None:
        for number in self._signals.read():
            if number == signal.SIGCHLD:
                self._queue.extend(events.ChildEnded(*ended) for ended in self._processes.reap())
            else:
                self._queue.append(events.StopSignalled(number))
