"""Runs: from the order to fork until the client has the status, whoever dies in between.

A run is a child of its zygote, and its status comes from there, unless it told the daemon itself
that it is over: then only its memory is left to be freed. If the zygote dies first, the
daemon inherits the run (it is a subreaper) and collects the status itself. A run tells its pid
on its own line to the daemon before it does anything else: so a zygote that dies leaves no doubt
whether a run was started. One that was not is started elsewhere; one whose end nobody saw
counts as failed (`lifecycle.LOST`).
"""

from __future__ import annotations

import itertools
import logging
import os
import select
import signal
import weakref
from typing import TYPE_CHECKING, Protocol, assert_never

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import framing, messages
from pytest_zygote.core.protocol.errors import ProtocolError
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from typing import Never, TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.daemon.connections import Client
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses

    RunChannel: TypeAlias = Channel[messages.FromRun, Never]

log = logging.getLogger("pytest_zygote")

UNFORKED = Reason("zygote-died", "the zygote died before it could fork the run")

FORK_S = 10.0
"""How long a zygote may take to fork a run before it counts as stuck."""

ORPHANS_S = 0.5
"""How often to look for runs that ended unseen, while there are runs without a zygote."""


class Run:
    """A run that a zygote was told to fork.

    Attributes:
        client: who asked for it.
        layer: where it was forked.
        pid: its process, once that is known to exist.
        misfit: what it said of a layer that is not exact for it.
    """

    def __init__(self, number: int, client: Client, layer: Layer, report: RunChannel) -> None:
        """Start without a process."""
        self.number = number
        self.client = client
        self.layer = layer
        self.report = report
        self.is_reporting = True
        self.pid = 0
        self.misfit: messages.LayerIneligible | None = None


class Owner(Protocol):
    """Is told what becomes of runs."""

    def run_ended(self, run: Run, status: int) -> None:
        """Tell the client, or start the run elsewhere."""

    def run_never_was(self, run: Run, reason: Reason) -> None:
        """Start the run elsewhere, or send the client away."""

    def learned(self, run: Run, learned: messages.Learned) -> None:
        """Take what a run taught."""

    def misfitted(self, run: Run, misfit: messages.LayerIneligible) -> None:
        """Take what a run says of its layer."""


class RunTable:
    """All runs that are going on."""

    def __init__(self, loop: EventLoop, layers: LayerProcesses, owner: Owner) -> None:
        """Start without runs."""
        self._loop = loop
        self._layers = layers
        self._owner = owner
        self._runs: dict[int, Run] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        """Count the runs that are going on."""
        return len(self._runs)

    def start(self, client: Client, layer: Layer, request: messages.RunRequest) -> None:
        """Have a layer fork a run for a client."""
        report: RunChannel
        report, theirs = sockets.pair(messages.FROM_RUN)
        run = Run(next(self._numbers), client, layer, report)
        client.run = run
        self._runs[run.number] = run
        layer.runs.add(run.number)
        self._loop.watch(report, lambda: self._receive(run))
        order = messages.Fork(run.number, framing.pack(request), client.renewed)
        was_sent = self._layers.tell(layer, order, [*client.terminal, theirs])
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

    # Hearing

    def _receive(self, run: Run) -> None:
        try:
            received = run.report.receive()
        except ProtocolError as error:
            log.warning("a run broke the protocol: %s", error)
            received = None
        for message in received or ():
            self._handle(run, message)
        if received is None:
            self._stop_listening(run)
            if run.layer.phase == lifecycle.GONE and not run.pid:
                self._never_was(run, UNFORKED)

    def _receive_rest(self, run: Run) -> None:
        """Take what is on the line already; what a process of the run still holds open may never end."""
        while run.is_reporting and select.select([run.report], [], [], 0)[0]:
            self._receive(run)

    def _handle(self, run: Run, message: messages.FromRun) -> None:
        match message:
            case messages.Forked(_, pid):
                self._forked(run, pid)
            case messages.Learned():
                self._owner.learned(run, message)
            case messages.LayerIneligible():
                run.misfit = message
                self._owner.misfitted(run, message)
            case messages.Ended(status):
                self._ended(run, status)
            case _:
                assert_never(message)

    def _stop_listening(self, run: Run) -> None:
        if run.is_reporting:
            run.is_reporting = False
            self._loop.forget(run.report)
            run.report.close()

    def on_zygote_message(self, message: messages.RunEvent) -> None:
        """Take what a zygote says of one of its runs."""
        match message:
            case messages.Forked(number, pid) if number in self._runs:
                self._forked(self._runs[number], pid)
            case messages.ForkFailed(number, reason) if number in self._runs:
                self._never_was(self._runs[number], reason)
            case messages.RunWarning(number, text) if number in self._runs:
                self._runs[number].client.say(messages.Notice(text))
            case messages.RunStopped(number, signal_number) if number in self._runs:
                self._runs[number].client.say(messages.Stopped(signal_number))
            case messages.RunExited(number, status) if number in self._runs:
                self._ended(self._runs[number], status)

    def _forked(self, run: Run, pid: int) -> None:
        if not run.pid:
            run.pid = pid
            run.client.say(messages.Started(pid))

    # Ending

    def _ended(self, run: Run, status: int) -> None:
        self._receive_rest(run)
        self._remove(run)
        self._owner.run_ended(run, status)

    def _never_was(self, run: Run, reason: Reason) -> None:
        self._remove(run)
        self._owner.run_never_was(run, reason)

    def _remove(self, run: Run) -> None:
        self._stop_listening(run)
        self._runs.pop(run.number, None)
        run.layer.runs.discard(run.number)
        run.client.run = None
        if run.client.is_gone and run.pid:
            processes.signal_group(run.pid, signal.SIGKILL)  # what it started and did not take along

    def lose_zygote(self, layer: Layer) -> None:
        """Take over the runs of a layer whose process is gone."""
        for run in [run for run in self._runs.values() if run.layer is layer]:
            self._receive_rest(run)
            if run.number in self._runs and not run.pid and not run.is_reporting:
                self._never_was(run, UNFORKED)
        self._look_for_orphans()

    def _look_for_orphans(self) -> None:
        orphans = [run for run in self._runs.values() if run.layer.phase == lifecycle.GONE]
        for run in orphans:
            if run.pid and not processes.exists(run.pid):
                log.error("run %d ended unseen: its zygote died", run.number)
                run.client.say(messages.Notice("the zygote died during the run: its result is unknown"))
                self._ended(run, lifecycle.LOST)
        if orphans:
            self._loop.after(ORPHANS_S, self._look_for_orphans)

    def reap(self, pid: int, status: int) -> None:
        """Take the status of a run whose zygote died before it."""
        for run in [run for run in self._runs.values() if run.pid == pid]:
            if os.WIFSTOPPED(status):
                run.client.say(messages.Stopped(os.WSTOPSIG(status)))
            else:
                self._ended(run, processes.decode_wait(status))

    # Signals

    def deliver(self, run: Run, number: int) -> None:
        """Send a signal to the process group of a run."""
        if run.layer.phase == lifecycle.GONE and run.pid:
            processes.signal_group(run.pid, number)  # it is our child now
        else:
            self._layers.tell(run.layer, messages.Deliver(run.number, number))

    def abandon(self, run: Run) -> None:
        """End a run that nobody waits for: as a closed terminal would, then harder."""
        for after_s, name in lifecycle.PRESSURE:
            self._loop.after(after_s, lambda name=name: self._press(run, name))  # type: ignore[misc]  # bound now

    def _press(self, run: Run, name: str) -> None:
        if run.number in self._runs:
            self.deliver(run, getattr(signal, name))
            if name == "SIGKILL" and run.pid:
                processes.signal_group(run.pid, signal.SIGKILL)  # its zygote may be stuck

    def abandon_all(self) -> None:
        """End all runs."""
        for run in self._runs.values():
            self.abandon(run)
