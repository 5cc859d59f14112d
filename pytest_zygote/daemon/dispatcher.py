"""Decides what each event means: the one place where the parts of a daemon meet.

Events are handled when a round of the loop is over, in the order in which they came. Nothing here calls itself:
handling an event may append others, and notes what clients may wait for (`RequestQueue.wake`).
"""

from __future__ import annotations

import errno
import logging
import os
import time
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system import processes
from pytest_zygote.core.cli.daemon_options import DaemonOptions
from pytest_zygote.core.layers.background import Permission
from pytest_zygote.core.protocol import client_messages
from pytest_zygote.daemon import events, status, status_snapshot
from pytest_zygote.daemon.client_check import outdated_reason
from pytest_zygote.daemon.parts import Configurable
from pytest_zygote.daemon.request_queue import RequestQueue
from pytest_zygote.daemon.run_results import RunResults, settled_layer
from pytest_zygote.daemon.shutdown import Shutdown

if TYPE_CHECKING:
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.events import ClientEvent, DaemonEvent, Event, EventQueue, LayerEvent, RunEvent
    from pytest_zygote.daemon.parts import Parts, ServerSettings

log = logging.getLogger("pytest_zygote")


class Dispatcher:
    """Handles the events of a daemon.

    Attributes:
        requests: clients that wait for a run.
        options: what holds now of the options that a daemon must know.
    """

    def __init__(self, parts: Parts, queue: EventQueue, settings: ServerSettings) -> None:
        """Handle what is appended to `queue`."""
        self._parts = parts
        self._queue = queue
        self._max_forks = settings.max_forks
        self.requests = RequestQueue(parts, is_patient=settings.is_patient)
        self._results = RunResults(parts, self.requests)
        self._shutdown = Shutdown(parts, self.requests)
        self._pinned = settings.pinned
        self.options = settings.options
        self._configure(settings.options)

    def settle(self) -> None:
        """Handle all events, and serve clients as long as that leads to something new."""
        parts = self._parts
        while True:
            while self._queue:
                self._try_to_dispatch(self._queue.popleft())
            if not self.requests.serve() and not self._queue:
                break
        if parts.closing:
            self._shutdown.finish()
        elif not self.requests and not parts.runs:
            self._work_ahead()

    def _work_ahead(self) -> None:
        """Prepare sessions, unless what they would execute is not what the last run was asked for."""
        parts = self._parts
        permission = Permission.DENIED if parts.gate.is_silent else parts.gate.permission()
        if permission is Permission.GRANTED:
            parts.sessions.prepare_soon(settled_layer(parts))
            return
        parts.sessions.pause()
        if permission is Permission.LATER:
            parts.trigger.trigger()

    def _try_to_dispatch(self, event: Event) -> None:
        """Handle an event; where the system has no descriptor left for it, runs that are going on lose nothing."""
        try:
            self._dispatch(event)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            log.exception("no descriptor is left")

    def _dispatch(self, event: Event) -> None:
        match event:
            case events.FromClient():
                self._on_client_event(event)
            case events.FromLayer():
                self._on_layer_event(event)
            case events.FromRun():
                self._on_run_event(event)
            case events.FromDaemon():
                self._on_daemon_event(event)
            case _:
                assert_never(event)

    # Clients

    def _on_client_event(self, event: ClientEvent) -> None:
        """Handle what a client did; whatever it sent, the others' runs go on."""
        try:
            self._handle_client_event(event)
        except Exception:
            log.exception("a client's message could not be handled")
            self._parts.connections.drop(event.client)

    def _handle_client_event(self, event: ClientEvent) -> None:
        client = event.client
        match event:
            case events.RunRequested(_, request):
                self._admit(client, request)
            case events.SignalRelayed(_, number):
                self._relay(client, number)
            case events.StatusRequested(_, form):
                self._answer_status(client, form)
            case events.ReloadRequested():
                self._parts.supervisor.reload(self._parts.loop.now)
                self.requests.wake()
                self._parts.connections.answer(client, "all layers will be built anew")
            case events.StopRequested():
                self._shutdown.stop("asked to", client)
            case events.ClientLost():
                self._lose(client)
            case _:
                assert_never(event)

    def _answer_status(self, client: Client, form: str) -> None:
        snapshot = status_snapshot.collect(self._parts, len(self.requests))
        self._parts.connections.answer(client, status.render(snapshot, form, time.time()))

    def _admit(self, client: Client, request: client_messages.RunRequest) -> None:
        if self._parts.closing:
            self.requests.send_cold(client, self._parts.closing)
            return
        outdated = outdated_reason(request)
        if outdated:
            log.info("leaving: %s", outdated)
            self._shutdown.leave_to_newer()  # first: the client may start another daemon as soon as it knows
            self._parts.connections.dismiss(client, client_messages.Outdated(outdated))
        else:
            self._adopt_options(request)
            self._parts.gate.open()
            self._parts.supervisor.is_held = False
            self.requests.admit(client, request)

    def _adopt_options(self, request: client_messages.RunRequest) -> None:
        """Compare the options of a request with those that hold, and have all parts follow a difference."""
        if not request.options:
            return  # of a client that has not read the ini-file
        options = DaemonOptions(dict(request.options)).overridden(self._pinned, request.args)
        differences = options.differences(self.options)
        if differences:
            log.info("options differ: %s", "; ".join(differences.values()))
            self._configure(options)

    def _configure(self, options: DaemonOptions) -> None:
        for part in (self._shutdown, *vars(self._parts).values()):
            if isinstance(part, Configurable):
                part.configure(options.settings)
        self.options = options

    def _relay(self, client: Client, number: int) -> None:
        run = self._parts.runs.of(client)
        if run is not None:
            self._parts.runs.deliver(run, number)
        else:
            self.requests.relay(client, number)

    def _lose(self, client: Client) -> None:
        self.requests.remove(client)
        run = self._parts.runs.of(client)
        if run is not None:
            self._parts.runs.abort(run)

    # Layers

    def _on_layer_event(self, event: LayerEvent) -> None:
        parts = self._parts
        match event:
            case events.LayerChanged():
                self.requests.wake()
            case events.BuildFailed(_, rejected, reason):
                parts.supervisor.fail(rejected, reason, parts.loop.now)
                self.requests.wake()
            case events.LayerEnded(layer):
                parts.runs.adopt(layer)
                self.requests.wake()
            case events.RunReported(_, message):
                parts.runs.on_report(message)
            case events.SessionFailed(layer, reason):
                parts.sessions.on_failed(layer, reason)
                self.requests.wake()
            case events.SessionStale(layer, reason):
                parts.sessions.close_layer(layer, reason)
                self.requests.wake()
            case _:
                assert_never(event)

    # Runs

    def _on_run_event(self, event: RunEvent) -> None:
        match event:
            case events.RunEnded(run, code):
                self._results.on_ended(run, code)
            case events.RunNotForked(run, reason):
                self._results.on_not_forked(run, reason)
            case events.ModulesLearned(run, learned):
                self._results.on_learned(run, learned)
            case events.LayerRejected(run, ineligible):
                self._results.on_layer_rejected(run, ineligible)
            case _:
                assert_never(event)

    # The daemon itself

    def _on_daemon_event(self, event: DaemonEvent) -> None:
        match event:
            case events.ChildEnded(pid, wait_status):
                self._on_child_ended(pid, wait_status)
            case events.StopSignalled(number):
                self._shutdown.stop(f"signal {number}")
            case events.FilesChanged():
                self._on_files_changed()
            case events.FilesPolled():
                self._on_files_polled()
            case events.HousekeepingDue():
                self._keep_house()
            case _:
                assert_never(event)

    def _on_child_ended(self, pid: int, wait_status: int) -> None:
        is_alive = os.WIFSTOPPED(wait_status) or os.WIFCONTINUED(wait_status)
        table = self._parts.layers.processes
        if is_alive or not table.forget_zygote(pid, processes.decode_wait(wait_status)):
            self._parts.runs.on_child(pid, wait_status)

    def _on_files_changed(self) -> None:
        trigger = self._parts.trigger
        if not trigger.postpone(is_busy=bool(self._parts.runs)):
            started = self._parts.loop.now
            self._refresh()
            trigger.on_refreshed(started)

    def _on_files_polled(self) -> None:
        started = self._parts.loop.now
        if self._parts.supervisor.is_stale(started):
            self._refresh()
        self._parts.trigger.on_polled(started)

    def _refresh(self) -> None:
        """Build in the background what changed, unless clients wait and have it built themselves."""
        parts = self._parts
        parts.supervisor.breaker.reset()
        permission = parts.gate.permission()
        parts.supervisor.is_held = permission is not Permission.GRANTED
        self.requests.wake()
        if permission is Permission.LATER:
            parts.trigger.trigger()
        elif permission is Permission.GRANTED and not self.requests and not parts.closing:
            parts.supervisor.prefetch(parts.loop.now)
            parts.sessions.on_files_changed(settled_layer(parts))

    def _keep_house(self) -> None:
        parts = self._parts
        if parts.closing or not self._shutdown.check():
            return
        if not parts.runs and not self.requests and parts.gate.permission() is Permission.GRANTED:
            parts.supervisor.rejuvenate(self._max_forks, parts.loop.now)
        parts.loop.after(self._shutdown.check_interval_s, lambda: self._queue.append(events.HousekeepingDue()))
