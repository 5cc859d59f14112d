"""Runs: from the request to fork until the client has the status, even if a process dies in between.

A run is a child of its zygote, and its status comes from there, unless it reported itself that it is over: then only
its memory is left to be freed. If the zygote dies first, the daemon inherits the run (it is a subreaper) and collects
the status itself. A run reports its pid on its own connection before it does anything else, so a zygote that dies
leaves no doubt whether a run was started. One that was not is started elsewhere; one whose end nobody saw
counts as failed (`client_messages.LOST`).
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import weakref
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import client_messages, framing, layer_messages, run_messages
from pytest_zygote.core.protocol.errors import ProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events
from pytest_zygote.daemon.run import Run

if TYPE_CHECKING:
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.events import EventQueue
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses
    from pytest_zygote.daemon.run import RunChannel

log = logging.getLogger("pytest_zygote")

FORK_S = 10.0
"""How long a zygote may take to fork a run before it counts as stuck."""

ORPHANS_S = 0.5
"""How often to look for runs that ended unseen, while there are runs without a zygote."""

ZYGOTE_DIED = Reason("zygote-died", "the zygote died before it could fork the run")


class RunTable:
    """All runs that are going on."""

    def __init__(self, loop: EventLoop, layers: LayerProcesses, queue: EventQueue) -> None:
        """Start without runs."""
        self._loop = loop
        self._layers = layers
        self._processes = layers.processes
        self._queue = queue
        self._runs: dict[int, Run] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        """Count the runs that are going on."""
        return len(self._runs)

    def of(self, client: Client) -> Run | None:
        """Return the run of a client; None if it has none now."""
        return next((run for run in self._runs.values() if run.client is client), None)

    def start(self, client: Client, request: client_messages.RunRequest, layer: Layer) -> None:
        """Have a layer fork a run for a client."""
        report: RunChannel
        report, theirs = sockets.pair(run_messages.FROM_RUN)
        run = Run(next(self._numbers), client, request, layer, report)
        self._runs[run.number] = run
        layer.runs.add(run.number)
        self._loop.watch(report, lambda: self._receive(run))
        leads_group = int(self._processes.group_of(request.pid) == request.pid)
        frame = framing.pack(request)
        order = layer_messages.Fork(run.number, frame, client.renewed, len(request.descriptors), leads_group)
        was_sent = self._layers.send(layer, order, [*client.terminal, theirs])
        os.close(theirs)
        if was_sent:
            started = weakref.ref(run)  # a strong one would keep each run for this long
            self._loop.after(FORK_S, lambda: self._expect_process(started()))
        else:
            self._layers.kill(layer, signal.SIGKILL)  # it is gone, or stuck

    def _expect_process(self, run: Run | None) -> None:
        if run is not None and run.number in self._runs and not run.pid:
            log.error("layer %d does not fork: killed", run.layer.number)
            self._layers.kill(run.layer, signal.SIGKILL)

    # Messages

    def _receive(self, run: Run) -> None:
        try:
            received = run.report.receive()
            for message in received or ():
                self._on_message(run, message)
        except ProtocolError as error:
            log.error("a run broke the protocol: %s", error)  # noqa: TRY400 - its text says all
            received = None
        if received is None:
            self._stop_receiving(run)
            if run.layer.phase == lifecycle.GONE and not run.pid:
                self._remove_unforked(run, ZYGOTE_DIED)

    def _receive_rest(self, run: Run) -> None:
        """Receive what has arrived; a process of the run may hold the connection open for ever."""
        while run.is_reporting and run.report.is_readable():
            self._receive(run)

    def _on_message(self, run: Run, message: run_messages.FromRun) -> None:
        match message:
            case layer_messages.Forked(_, pid):
                self._on_forked(run, pid)
            case run_messages.Learned():
                self._queue.append(events.ModulesLearned(run, message))
            case run_messages.LayerIneligible():
                run.ineligible = message
                self._queue.append(events.LayerRejected(run, message))
            case run_messages.Begun():
                run.has_begun = True
            case run_messages.Ended(status):
                run.has_begun = True
                self._on_ended(run, status)
            case _:
                assert_never(message)

    def _stop_receiving(self, run: Run) -> None:
        if run.is_reporting:
            run.is_reporting = False
            self._loop.forget(run.report)
            run.report.close()

    def on_report(self, message: layer_messages.RunEvent) -> None:
        """Note what a zygote reports of one of its runs; it may come late, for one that has ended."""
        run = self._runs.get(message.run)
        if run is None:
            return
        match message:
            case layer_messages.Forked(_, pid):
                self._on_forked(run, pid)
            case layer_messages.ForkFailed(_, reason):
                self._remove_unforked(run, reason)
            case layer_messages.RunWarning(_, text):
                run.client.send(client_messages.Notice(text))
            case layer_messages.RunStopped(_, number):
                run.client.send(client_messages.Stopped(number))
            case layer_messages.RunContinued():
                self._continue_client(run)
            case layer_messages.RunExited(_, status):
                self._on_ended(run, status)
            case _:
                assert_never(message)

    def _on_forked(self, run: Run, pid: int) -> None:
        if not run.pid:
            run.pid, run.group = pid, self._processes.group_of(pid)
            run.client.send(client_messages.Started(pid))

    # The end

    def _on_ended(self, run: Run, status: int) -> None:
        self._receive_rest(run)
        if run.number in self._runs:  # else its last message has said so already
            self._remove(run)
            self._queue.append(events.RunEnded(run, status))

    def _remove_unforked(self, run: Run, reason: Reason) -> None:
        self._remove(run)
        self._queue.append(events.RunNotForked(run, reason))

    def _remove(self, run: Run) -> None:
        self._stop_receiving(run)
        self._runs.pop(run.number, None)
        run.layer.runs.discard(run.number)
        if run.client.is_gone and run.pid:
            self._processes.signal_group(run.group, signal.SIGKILL)  # children of its that are still there

    def adopt(self, layer: Layer) -> None:
        """Take over the runs of a layer whose process is gone."""
        for run in [run for run in self._runs.values() if run.layer is layer]:
            self._receive_rest(run)
            if run.number in self._runs and not run.pid and not run.is_reporting:
                self._remove_unforked(run, ZYGOTE_DIED)
        self._look_for_orphans()

    def _look_for_orphans(self) -> None:
        orphans = [run for run in self._runs.values() if run.layer.phase == lifecycle.GONE]
        for run in orphans:
            if run.pid and not self._processes.exists(run.pid):
                log.error("run %d ended unseen: its zygote died", run.number)
                run.client.send(client_messages.Notice("the zygote died during the run: its result is unknown"))
                self._on_ended(run, client_messages.LOST)
        if orphans:
            self._loop.after(ORPHANS_S, self._look_for_orphans)

    def on_child(self, pid: int, status: int) -> None:
        """Note that a run stopped or ended whose zygote died before it."""
        for run in [run for run in self._runs.values() if run.pid == pid]:
            if os.WIFCONTINUED(status):
                self._continue_client(run)
            elif os.WIFSTOPPED(status):
                run.client.send(client_messages.Stopped(os.WSTOPSIG(status)))
            else:
                self._on_ended(run, processes.decode_wait(status))

    def _continue_client(self, run: Run) -> None:
        """Continue a client that has stopped itself with its run: somebody else than the shell continued that."""
        pid = run.client.channel.peer_pid()
        if not run.client.is_gone and pid and self._processes.is_stopped(pid):
            self._processes.signal(pid, signal.SIGCONT)

    # Signals

    def deliver(self, run: Run, number: int) -> None:
        """Send a signal to the process group of a run."""
        if run.layer.phase == lifecycle.GONE and run.pid:
            self._processes.signal_run(run.pid, run.group, number)  # it is our child now
        else:
            self._layers.send(run.layer, layer_messages.Deliver(run.number, number))

    def abort(self, run: Run) -> None:
        """End a run that nobody waits for: as a closed terminal would, then harder."""
        for after_s, name in lifecycle.PRESSURE:
            self._loop.after(after_s, lambda name=name: self._press(run, name))  # type: ignore[misc]  # bound now

    def _press(self, run: Run, name: str) -> None:
        if run.number in self._runs:
            self.deliver(run, getattr(signal, name))
            if name == "SIGKILL" and run.pid:
                self._processes.signal_run(run.pid, run.group, signal.SIGKILL)  # its zygote may be stuck

    def abort_all(self) -> None:
        """End all runs."""
        for run in self._runs.values():
            self.abort(run)
