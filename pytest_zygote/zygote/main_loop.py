"""The loop of a zygote: build the layer, then fork runs and deeper layers until told to leave."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, NoReturn, assert_never

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.system import processes, signals, sockets
from pytest_zygote.adapters.system.files import identity
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.protocol import framing, messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.run import process
from pytest_zygote.run.inherited_layer import InheritedLayer
from pytest_zygote.zygote.fork_hooks import ForkHooks
from pytest_zygote.zygote.layer_builder import IneligibleModulesError, build
from pytest_zygote.zygote.run_forker import DESCRIPTORS, RunForker
from pytest_zygote.zygote.session_process import become_session
from pytest_zygote.zygote.updater import Updater

if TYPE_CHECKING:
    from pytest_zygote.adapters.system.sockets import Channel

CANARY_DEADLINE_S = 20
"""A fork that cannot end within this time inherited a lock that nobody will ever release."""

EX_SOFTWARE = 70
"""Exit code of a process that failed by a fault of ours (sysexits.h)."""


class _RebornError(BaseException):
    """This process is another layer now, and leaves the frames of the one it was forked from.

    A layer that was patched some hundred times would run out of stack if each fork served inside of the last.
    """


class Zygote:
    """One layer's process."""

    def __init__(self, channel: Channel[messages.ToZygote, messages.FromZygote]) -> None:
        """Serve this connection to the daemon."""
        self._channel = channel
        self._ledger = Ledger(identity)
        self._layer = InheritedLayer(self._ledger)
        self._preparation = ForkHooks(self._layer)
        self._runs = RunForker(self._say, self._leave_zygote)
        self._retired = False
        self._editor: Updater | None = None
        self._is_tidy = True

    def serve(self) -> None:
        """Serve until the daemon is gone or retires this layer, and the last run has ended."""
        self._pipe = signals.SignalPipe((signal.SIGCHLD,))
        poll = select.poll()
        poll.register(self._pipe.fileno(), select.POLLIN)
        poll.register(self._channel.fileno(), select.POLLIN)
        self._say(messages.Hello(os.getpid()))
        while not (self._retired and not self._runs):
            events = poll.poll(None if self._is_ready() else 0)
            if not events:
                self._prepare()
            for descriptor, _ in events:
                if descriptor == self._pipe.fileno():
                    self._pipe.read()
                    self._reap()
                elif not self._listen():
                    # The daemon is gone: finish the runs, whose clients wait for them to end.
                    poll.unregister(self._channel.fileno())
                    self._retired = True
        signals.leave(0)

    def _is_ready(self) -> bool:
        """Tell whether nothing is left to do before the next order."""
        return self._is_tidy and not self._runs.lacks_standby

    def _prepare(self) -> None:
        """Do a part of what can wait, when nothing else is to do."""
        if not self._is_tidy:
            assert self._editor is not None  # noqa: S101 - who else has something to put aside
            self._is_tidy = self._editor.put_aside()
            return
        if self._retired or self._preparation.is_needed:
            self._runs.wants_standby = False
            return
        taken = self._runs.reserve()
        if taken:
            processes.become(lambda: self._run(*taken))

    def _listen(self) -> bool:
        received = self._channel.receive()
        for message in received or ():
            self._handle(message)
        return received is not None

    def _handle(self, message: messages.ToZygote) -> None:
        match message:
            case messages.Build():
                self._build(message)
            case messages.Fork():
                self._fork_run(message)
            case messages.Deliver(run_id, number):
                self._runs.deliver(run_id, number)
            case messages.Spawn() | messages.Collect():
                self._spawn(message)
            case messages.Patch():
                self._patch(message)
            case messages.Retire():
                self._retired = True
                self._runs.drop_standby()
            case _:
                assert_never(message)

    def _build(self, plan: messages.Build) -> None:
        set_title(f"pytest_zygote {plan.kind} zygote: {plan.cwd}")
        editor = Updater(plan.cwd, self._ledger) if plan.kind == "project" else None
        self._runs = RunForker(
            self._say, self._leave_zygote
        )  # what runs of another layer write to says nothing of ours
        try:
            built = build(plan, self._ledger, lambda module: self._say(messages.Importing(module)), editor)
            self._layer.take(plan, built)
            if editor is not None:
                self._preparation.watched = editor.executing
            _log(self._preparation.layer_built())
            self._prove()
            self._adopt_updater(editor)
            self._runs.wants_standby = editor is not None
        except IneligibleModulesError as error:
            self._say(messages.BuildFailed(error.culprits, Reason("import-failed", str(error))))
        except (RuntimeError, OSError) as error:
            self._say(messages.BuildFailed({}, Reason("layer-broken", str(error))))
        else:
            self._say(built)

    def _adopt_updater(self, editor: Updater | None) -> None:
        if editor is not None:
            editor.take(self._layer.own)
        self._editor = editor
        self._is_tidy = editor is None

    def _patch(self, order: messages.Patch) -> None:
        assert self._editor is not None  # noqa: S101 - only project layers are patched
        outcome: messages.Patched | messages.NotPatched = self._editor.follow(order, self._layer)
        try:
            self._prove()
        except (RuntimeError, OSError) as error:
            outcome = messages.NotPatched(Reason("layer-broken", str(error)))
        self._runs.wants_standby = isinstance(outcome, messages.Patched)
        self._say(outcome)

    def _say(self, message: messages.FromZygote) -> None:
        try:
            self._channel.send(message)
        except OSError:
            self._retired = True

    def _prove(self) -> None:
        """Fork once under a deadline before anyone relies on it.

        Raises:
            RuntimeError: the fork hangs or dies.
        """
        pid = processes.fork(lambda: 0)
        pidfd = os.pidfd_open(pid)
        try:
            if not select.select([pidfd], [], [], CANARY_DEADLINE_S)[0]:
                processes.signal_process(pid, signal.SIGKILL)
            status = processes.decode_wait(os.waitpid(pid, 0)[1])
        finally:
            os.close(pidfd)
        if status != 0:
            message = f"a fork of this layer does not work (it ended with {status})"
            raise RuntimeError(message)

    def _fork_run(self, order: messages.Fork) -> None:
        descriptors = self._channel.adopt_descriptors(DESCRIPTORS)
        self._tell(order.run, self._preparation.before_fork(is_first=not self._runs))
        if self._runs.fork(order, descriptors):
            processes.become(lambda: self._run(order, descriptors))

    def _run(self, order: messages.Fork, descriptors: list[int]) -> int:
        os.setpgid(0, 0)
        # From here on the daemon can tell a run that died early from one that never was.
        os.write(descriptors[-1], framing.pack(messages.Forked(order.run, os.getpid())))
        status = process.execute(order.request, descriptors, self._layer)
        self._runs.learn()
        return status

    def _leave_zygote(self) -> None:
        """Close what belongs to the zygote that this process was forked from."""
        self._pipe.close()
        self._channel.close()
        self._runs.forget()

    def _spawn(self, order: messages.Spawn | messages.Collect) -> None:
        (descriptor,) = self._channel.adopt_descriptors(1)
        if self._editor is not None and not self._is_tidy:
            self._is_tidy = self._editor.put_aside(None)
        # What cannot be forked shows at the daemon as a layer that died: its connection closes.
        with contextlib.suppress(OSError, RuntimeError):
            self._fork_layer(order, descriptor)
        os.close(descriptor)

    def _fork_layer(self, order: messages.Spawn | messages.Collect, descriptor: int) -> None:
        if isinstance(order, messages.Collect):
            processes.fork(lambda: self._become_session(order, descriptor))
        elif processes.fork_here() == 0:
            self._become_layer(descriptor)

    def _become_session(self, order: messages.Collect, descriptor: int) -> int:
        self._leave_zygote()
        return become_session(order, descriptor, self._layer)

    def _become_layer(self, descriptor: int) -> NoReturn:
        try:
            self._leave_zygote()
            self._channel = sockets.adopt(descriptor, messages.TO_ZYGOTE)
            _log(self._preparation.after_last())  # the runs for which it was begun are not ours
        except BaseException:  # noqa: BLE001 - nothing may go on as the process that was forked
            sys.excepthook(*sys.exc_info())
            signals.leave(EX_SOFTWARE)
        raise _RebornError

    def _reap(self) -> None:
        for exited in self._runs.collect():
            if not self._runs:
                self._tell(exited.run, self._preparation.after_last())
            self._say(exited)

    def _tell(self, run_id: int, troubles: list[str]) -> None:
        _log(troubles)
        for trouble in troubles:
            self._say(messages.RunWarning(run_id, trouble))


def _log(troubles: list[str]) -> None:
    for trouble in troubles:
        sys.stderr.write(f"{trouble}\n")


def main() -> None:
    """Be the base zygote whose connection to the daemon is the descriptor on the command line, or a fork of it."""
    zygote = Zygote(sockets.adopt(int(sys.argv[1]), messages.TO_ZYGOTE))
    while True:
        try:
            zygote.serve()
        except _RebornError:
            continue
        except BaseException:  # noqa: BLE001 - nothing may run the exit handlers of what was imported
            sys.excepthook(*sys.exc_info())
            signals.leave(EX_SOFTWARE)
