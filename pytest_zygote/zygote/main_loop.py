"""A zygote's process: what it alone does of all that `core.zygote.zygote_loop` decides."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from pytest_zygote.adapters.interpreter import frozen_objects
from pytest_zygote.adapters.interpreter.context_variables import own_context
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
from pytest_zygote.zygote.ineligible_modules import IneligibleModulesError
from pytest_zygote.zygote.layer_builder import build
from pytest_zygote.zygote.layer_process import LayerProcess
from pytest_zygote.zygote.session_process import become_session
from pytest_zygote.zygote.updater import CHUNK, Updater

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel

    DaemonChannel: TypeAlias = Channel[layer_messages.ToZygote, layer_messages.FromZygote]


class _BecameLayer(BaseException):
    """This process is another layer now, and leaves the frames of the one it was forked from.

    A layer that was patched some hundred times would run out of stack if each fork served inside of the last.
    """


class Zygote(LayerProcess[layer_messages.FromZygote]):
    """One layer's process."""

    def __init__(self, channel: DaemonChannel) -> None:
        """Serve this connection to the daemon."""
        super().__init__(zygote_loop.ZygoteState(), channel)
        self._ledger = Ledger(identity)
        self._layer = InheritedLayer(self._ledger)
        self._hooks = ForkHooks(self._layer)
        self._updater: Updater | None = None

    def introduce(self) -> None:
        """Send the daemon which process this is."""
        self._send(layer_messages.Hello(os.getpid()))

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
            case run_table.ForkRun(order, _, is_first):
                self._warn(order.run, self._hooks.before_fork(is_first=is_first))
                return super()._perform(action)
            case run_table.EndLastRun(run):
                self._warn(run, self._hooks.after_last())
            case _:
                return super()._perform(action)
        return None

    def _end(self) -> NoReturn:
        signals.leave(0)

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
            # In a context of its own: a variable that an import has set cannot be unset for runs without that import.
            built = own_context().run(build, plan, self._ledger, self._announce, updater)
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

    def _announce(self, module: str) -> None:
        self._send(layer_messages.Importing(module))

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
        # From here on the daemon can tell a run that died early from one that never was.
        os.write(descriptors[-1], framing.pack(layer_messages.Forked(order.run, os.getpid())))
        status = process.execute(order.request, descriptors, self._layer)
        self._runs.learn()
        return status


def _log(failures: list[str]) -> None:
    for failure in failures:
        sys.stderr.write(f"{failure}\n")


def main() -> NoReturn:
    """Be the base zygote whose connection to the daemon is the descriptor on the command line, or a fork of it."""
    frozen_objects.show_when_asked()
    zygote = Zygote(sockets.adopt(int(sys.argv[1]), layer_messages.TO_ZYGOTE))
    while True:
        try:
            zygote.introduce()
            zygote.serve()
        except _BecameLayer:
            continue
        except BaseException:  # noqa: BLE001 - nothing may run the exit handlers of what was imported
            sys.excepthook(*sys.exc_info())
            signals.leave(signals.EX_SOFTWARE)
