"""What zygotes and collected sessions share: the loop that performs what `core.zygote.zygote_loop` decides."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from pytest_zygote.adapters.system import processes, signals
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.core.record import Record
from pytest_zygote.core.zygote import run_table, zygote_loop
from pytest_zygote.zygote.run_forker import RunForker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_zygote.adapters.system.sockets import Channel

STREAMS_LINK_AND_REPORT = 5
"""Descriptors that travel with an order to fork a run: stdin, stdout, stderr, the client's link, the run's report."""

LOOK_AGAIN_MS = 500
"""How often runs are looked at that nobody waits for."""


Sent = TypeVar("Sent", bound=Record)


class LayerProcess(Generic[Sent]):
    """A process that forks runs until the daemon retires it."""

    _pipe: signals.SignalPipe

    def __init__(self, state: zygote_loop.ZygoteState, channel: Channel[layer_messages.ToLayer, Sent]) -> None:
        """Serve nobody yet.

        Args:
            state: where it begins.
            channel: the connection to the daemon.
        """
        self._state = state
        self._channel = channel
        self._is_run = False
        self._runs = self._new_forker()

    def _new_forker(self) -> RunForker:
        report: Callable[[layer_messages.RunReport], None]
        report = self._send  # type: ignore[assignment]  # both kinds of process may send these
        return RunForker(report, self._leave_parent, self._become_run)

    # Events

    def serve(self) -> None:
        """Serve until the daemon is gone or retires this layer, and the last run has ended; return in runs only."""
        self._pipe = signals.SignalPipe((signal.SIGCHLD,))
        self._poll = select.poll()
        self._poll.register(self._pipe.fileno(), select.POLLIN)
        self._poll.register(self._channel.fileno(), select.POLLIN)
        while True:
            readable = [descriptor for descriptor, _ in self._poll.poll(self._patience_ms())]
            for event in self._events(readable):
                self._handle(event)
                if self._is_run:
                    return

    def _patience_ms(self) -> int | None:
        """Return how long to wait for events; None for as long as nothing happens."""
        if self._state.has_idle_work:
            return 0
        return LOOK_AGAIN_MS if self._state.table.abandoned else None

    def _events(self, readable: Sequence[int]) -> Iterator[zygote_loop.Event]:
        if not readable:
            yield run_table.TimePassed(time.monotonic()) if self._state.table.abandoned else zygote_loop.Idle()
        for descriptor in readable:
            if descriptor == self._pipe.fileno():
                self._pipe.read()
                yield from child_events()
            elif descriptor == self._channel.fileno():
                yield from self._daemon_events()
            else:
                self._poll.unregister(descriptor)
                yield from self._runs.lost_clients(descriptor)

    def _daemon_events(self) -> Iterator[zygote_loop.Event]:
        received = self._channel.receive()
        if received is None:
            yield zygote_loop.DaemonGone()
        for order in received or ():
            descriptors = self._channel.adopt_descriptors(descriptor_count(order))
            yield zygote_loop.Ordered(order, tuple(descriptors))

    def _handle(self, event: zygote_loop.Event) -> None:
        self._state, actions = zygote_loop.step(self._state, event)
        for action in actions:
            outcome = self._perform(action)
            if outcome is not None:
                self._handle(outcome)

    # Actions

    def _perform(self, action: zygote_loop.Action) -> zygote_loop.Event | None:
        """Do what was decided; return the event that follows from it at once, if one does."""
        match action:
            case zygote_loop.StopListening():
                self._listen_to_clients()
            case zygote_loop.Leave():
                self._end()
            case _:
                assert not isinstance(action, zygote_loop.LayerAction)  # noqa: S101 - it was ordered from another kind
                return self._runs.perform(action)
        return None

    def _listen_to_clients(self) -> None:
        """Look at the links of runs in place of the daemon, which is gone."""
        self._poll.unregister(self._channel.fileno())
        for link in self._runs.links:
            self._poll.register(link, 0)  # its end is always reported

    def _send(self, message: Sent) -> None:
        with contextlib.suppress(OSError):  # the daemon is gone, which the poll shows
            self._channel.send(message)

    def _leave_parent(self) -> None:
        """Close what belongs to the process that this one was forked from."""
        self._pipe.close()
        self._channel.close()
        self._runs.leave()

    def _become_run(self, order: layer_messages.Fork, descriptors: Sequence[int]) -> None:
        """Be the run of this order, on these descriptors."""
        raise NotImplementedError

    def _end(self) -> NoReturn:
        """End this process."""
        raise NotImplementedError


def descriptor_count(order: layer_messages.ToLayer) -> int:
    """Return how many descriptors travel with a message from the daemon."""
    match order:
        case layer_messages.Fork():
            return STREAMS_LINK_AND_REPORT + order.passed_on
        case layer_messages.Spawn() | layer_messages.Collect():
            return 1  # the connection of the new process to the daemon
        case _:
            return 0


def child_events() -> Iterator[run_table.ChildEvent]:
    """Yield what has happened to the children of this process."""
    for pid, status in processes.collect():
        if os.WIFCONTINUED(status):
            yield run_table.ChildContinued(pid)
        elif os.WIFSTOPPED(status):
            yield run_table.ChildStopped(pid, os.WSTOPSIG(status))
        else:
            yield run_table.ChildEnded(pid, processes.decode_wait(status))
