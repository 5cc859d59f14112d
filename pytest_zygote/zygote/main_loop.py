"""The loop of a zygote: it waits for events and performs what `core.zygote.zygote_loop` decides about them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.self_checks import lost_reason
from pytest_zygote.adapters.system import processes, signals, sockets
from pytest_zygote.adapters.system.files import identity
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.internals import Feature
from pytest_zygote.core.protocol import framing, layer_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.zygote import run_table, zygote_loop
from pytest_zygote.run import process
from pytest_zygote.run.inherited_layer import InheritedLayer
from pytest_zygote.zygote.canary import prove_fork
from pytest_zygote.zygote.fork_hooks import ForkHooks
from pytest_zygote.zygote.layer_builder import IneligibleModulesError, build
from pytest_zygote.zygote.run_forker import RunForker, child_events, descriptor_count, patience_ms
from pytest_zygote.zygote.session_process import become_session
from pytest_zygote.zygote.updater import CHUNK, Updater

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel

    DaemonChannel: TypeAlias = Channel[layer_messages.ToZygote, layer_messages.FromZygote]


class _BecameLayer(BaseException):
    """This process is another layer now, and leaves the frames of the one it was forked from.

    A layer that was patched some hundred times would run out of stack if each fork served inside of the last.
    """


class Zygote:
    """One layer's process."""

    def __init__(self, channel: DaemonChannel) -> None:
        """Serve this connection to the daemon."""
        self._channel = channel
        self._ledger = Ledger(identity)
        self._layer = InheritedLayer(self._ledger)
        self._hooks = ForkHooks(self._layer)
        self._runs = self._new_forker()
        self._updater: Updater | None = None
        self._state = zygote_loop.ZygoteState()

    def _new_forker(self) -> RunForker:
        return RunForker(self._send, self._leave_parent, self._become_run)

    # Events

    def serve(self) -> NoReturn:
        """Serve until the daemon is gone or retires this layer, and the last run has ended."""
        self._pipe = signals.SignalPipe((signal.SIGCHLD,))
        self._poll = select.poll()
        self._poll.register(self._pipe.fileno(), select.POLLIN)
        self._poll.register(self._channel.fileno(), select.POLLIN)
        self._send(layer_messages.Hello(os.getpid()))
        while True:
            readable = self._poll.poll(0 if self._state.has_idle_work else patience_ms(self._state.table))
            for event in self._events([descriptor for descriptor, _ in readable]):
                self._handle(event)

    def _events(self, readable: Sequence[int]) -> Iterator[zygote_loop.Event]:
        if not readable:
            yield run_table.TimePassed(time.monotonic()) if self._state.table.abandoned else zygote_loop.Idle()
        for descriptor in readable:
            if descriptor == self._pipe.fileno():
                yield from self._child_events()
            elif descriptor == self._channel.fileno():
                yield from self._daemon_events()
            else:
                self._poll.unregister(descriptor)
                yield from self._runs.lost_clients(descriptor)

    def _child_events(self) -> Iterator[zygote_loop.Event]:
        self._pipe.read()
        yield from child_events()

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
            case zygote_loop.BuildLayer(plan):
                return self._build(plan)
            case zygote_loop.FollowEdits(order):
                return self._follow_edits(order)
            case zygote_loop.RememberTexts(is_rest):
                return self._remember_texts(is_rest=is_rest)
            case zygote_loop.ForkLayer(order, descriptor):
                self._fork_layer(order, descriptor)
            case zygote_loop.Send(message):
                self._send(message)
            case zygote_loop.StopListening():
                self._listen_to_clients()
            case zygote_loop.Leave():
                signals.leave(0)
            case _:
                return self._perform_run(action)
        return None

    def _listen_to_clients(self) -> None:
        """Look at the links of runs in place of the daemon, which is gone."""
        self._poll.unregister(self._channel.fileno())
        for link in self._runs.links:
            self._poll.register(link, 0)  # its end is always reported

    def _perform_run(self, action: run_table.RunAction) -> run_table.RunEvent | None:
        match action:
            case run_table.ForkRun(order, _, is_first):
                self._warn(order.run, self._hooks.before_fork(is_first=is_first))
            case run_table.EndLastRun(run):
                self._warn(run, self._hooks.after_last())
            case _:
                pass
        return self._runs.perform(action)

    def _send(self, message: layer_messages.FromZygote) -> None:
        with contextlib.suppress(OSError):  # the daemon is gone, which the poll shows
            self._channel.send(message)

    def _warn(self, run: int, failures: list[str]) -> None:
        _log(failures)
        for failure in failures:
            self._send(layer_messages.RunWarning(run, failure))

    def _build(self, plan: layer_messages.Build) -> zygote_loop.BuildEnded:
        set_title(f"pytest_zygote {plan.kind} zygote: {plan.cwd}")
        lost = lost_reason(Feature.LAYERS)
        if lost is not None:
            return zygote_loop.BuildEnded(layer_messages.BuildFailed({}, lost))
        updater = Updater(plan.cwd, self._ledger) if plan.kind == "project" else None
        self._runs = self._new_forker()  # what runs of another layer write to says nothing of ours
        try:
            built = build(plan, self._ledger, lambda module: self._send(layer_messages.Importing(module)), updater)
            self._layer.add_build(plan, built)
            if updater is not None:
                self._hooks.watched = updater.executing
            _log(self._hooks.layer_built())
            prove_fork()
            if updater is not None:
                updater.queue_texts(self._layer.own)
        except IneligibleModulesError as error:
            return zygote_loop.BuildEnded(
                layer_messages.BuildFailed(error.modules, Reason("import-failed", str(error)))
            )
        except (RuntimeError, OSError) as error:
            return zygote_loop.BuildEnded(layer_messages.BuildFailed({}, Reason("layer-broken", str(error))))
        self._updater = updater
        is_patchable = updater is not None
        return zygote_loop.BuildEnded(built, is_patchable=is_patchable, may_stand_by=not self._hooks.is_needed)

    def _follow_edits(self, order: layer_messages.Patch) -> zygote_loop.PatchEnded:
        assert self._updater is not None  # noqa: S101 - only copies of project layers are sent edits
        outcome = self._updater.follow(order, self._layer)
        try:
            prove_fork()
        except (RuntimeError, OSError) as error:
            outcome = layer_messages.NotPatched(Reason("layer-broken", str(error)))
        return zygote_loop.PatchEnded(outcome)

    def _remember_texts(self, *, is_rest: bool) -> zygote_loop.TextsRemembered:
        assert self._updater is not None  # noqa: S101 - only project layers have texts to remember
        return zygote_loop.TextsRemembered(self._updater.remember_texts(None if is_rest else CHUNK))

    # Forks

    def _fork_layer(self, order: layer_messages.Spawn | layer_messages.Collect, descriptor: int) -> None:
        # What cannot be forked shows at the daemon as a layer that died: its connection closes.
        with contextlib.suppress(OSError, RuntimeError):
            if isinstance(order, layer_messages.Collect):
                processes.fork(lambda: self._become_session(order, descriptor))
            elif processes.fork_here() == 0:
                self._become_layer(descriptor)
        os.close(descriptor)

    def _become_session(self, order: layer_messages.Collect, descriptor: int) -> int:
        self._leave_parent()
        return become_session(order, descriptor, self._layer)

    def _become_layer(self, descriptor: int) -> NoReturn:
        try:
            self._leave_parent()
            self._channel = sockets.adopt(descriptor, layer_messages.TO_ZYGOTE)
            self._state = zygote_loop.forked(self._state)
            _log(self._hooks.after_last())  # the runs for which it was begun are not ours
        except BaseException:  # noqa: BLE001 - nothing may go on as the process that was forked
            sys.excepthook(*sys.exc_info())
            signals.leave(signals.EX_SOFTWARE)
        raise _BecameLayer

    def _become_run(self, order: layer_messages.Fork, descriptors: Sequence[int]) -> NoReturn:
        processes.become(lambda: self._run(order, descriptors))

    def _run(self, order: layer_messages.Fork, descriptors: Sequence[int]) -> int:
        os.setpgid(0, 0)
        # From here on the daemon can tell a run that died early from one that never was.
        os.write(descriptors[-1], framing.pack(layer_messages.Forked(order.run, os.getpid())))
        status = process.execute(order.request, descriptors, self._layer)
        self._runs.learn()
        return status

    def _leave_parent(self) -> None:
        """Close what belongs to the zygote that this process was forked from."""
        self._pipe.close()
        self._channel.close()
        self._runs.leave()


def _log(failures: list[str]) -> None:
    for failure in failures:
        sys.stderr.write(f"{failure}\n")


def main() -> NoReturn:
    """Be the base zygote whose connection to the daemon is the descriptor on the command line, or a fork of it."""
    zygote = Zygote(sockets.adopt(int(sys.argv[1]), layer_messages.TO_ZYGOTE))
    while True:
        try:
            zygote.serve()
        except _BecameLayer:
            continue
        except BaseException:  # noqa: BLE001 - nothing may run the exit handlers of what was imported
            sys.excepthook(*sys.exc_info())
            signals.leave(signals.EX_SOFTWARE)
