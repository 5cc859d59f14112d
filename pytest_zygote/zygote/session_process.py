"""A collected session: a process that runs pytest for one command line up to its first test, and forks runs.

It is forked from a project layer where no conftest file and no test module was ever imported, and
collects once. Whatever is not as it must be ends it (`SessionProcess.abort`); then runs go on to be forked from
the layer. See `core.sessions.eligibility` for the theory.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from pytest_zygote import workaround
from pytest_zygote.adapters.pytest.terminal_doubles import TerminalDoubles, adopt_descriptors
from pytest_zygote.adapters.self_checks import lost_reason
from pytest_zygote.adapters.system import processes, sockets, stdio
from pytest_zygote.adapters.system.descriptor_doubles import DescriptorDoubles
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.internals import Feature
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import client_messages, framing, layer_messages, run_messages
from pytest_zygote.core.protocol.errors import ProtocolError
from pytest_zygote.core.protocol.framing import SILENT
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions import eligibility
from pytest_zygote.core.zygote import zygote_loop
from pytest_zygote.run import client_identity, interpreter_exit, process
from pytest_zygote.run.collected_session import CollectedPlugin, renew_file
from pytest_zygote.zygote.collection_inputs import CollectionInputs
from pytest_zygote.zygote.layer_process import LayerProcess
from pytest_zygote.zygote.session_leaks import SessionLeaks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.run.collected_session import PytestSession
    from pytest_zygote.run.inherited_layer import InheritedLayer

    DaemonChannel: TypeAlias = Channel[layer_messages.ToSession, layer_messages.FromSession]


def become_session(order: layer_messages.Collect, descriptor: int, layer: InheritedLayer) -> int:
    """Collect a session in this copy of a project zygote; return the exit code, of a run that was forked from it."""
    channel: DaemonChannel = sockets.adopt(stdio.move_away(descriptor), layer_messages.TO_SESSION)
    processes.die_with_parent()  # else a session that was stopped would outlive a daemon that died
    channel.send(layer_messages.Hello(os.getpid()))
    return SessionProcess(order, layer, channel).collect()


class SessionRun(process.RunProcess):
    """The run that a session stands for while there is no client."""

    session: SessionProcess

    def start_over(self, depth: str, reason: Reason, modules: tuple[str, ...] = ()) -> NoReturn:
        """End the session: the layer is not exact for this command line."""
        del depth, modules
        self.session.abort(reason)  # a run can start over only before it has written: see `_start_over_from_layer`
        raise AssertionError(reason)  # a run is past the point where it can start over


class SessionProcess(LayerProcess[layer_messages.FromSession]):
    """The process of a collected session, and of the runs that are forked from it."""

    def __init__(self, order: layer_messages.Collect, layer: InheritedLayer, channel: DaemonChannel) -> None:
        """Start before pytest does."""
        super().__init__(zygote_loop.SESSION, channel)
        self._order = order
        self._layer = layer
        self._run = SessionRun(process.request_in(order.request), layer)
        passed_on = self._run.request.descriptors
        self._passed_on = DescriptorDoubles(passed_on)  # before the others take their numbers
        self._recorders = TerminalDoubles(order.terminal, processes.fork)
        self._watch = CollectionInputs(self._on_side_effect, has_descriptors=bool(passed_on))
        self._run.session = self
        self._run.plugins["zygote_collected"] = CollectedPlugin(self)

    def collect(self) -> int:
        """Run pytest. In this process that never comes to an end; in a run it does."""
        try:
            return self._collect()
        except BaseException:
            self.abort(Reason("session-failed", traceback.format_exc()))
            raise

    def _collect(self) -> int:
        lost = lost_reason(Feature.SESSIONS)
        if lost is not None:
            self.abort(lost)
        if self._passed_on.in_use is not None:
            self.abort(process.descriptor_in_use(self._passed_on.in_use))
        self._on_side_effect(_workarounds())
        gc.freeze()  # else the search for garbage after collection would copy every page of the layer
        process.adopt_terminal(self._run.request, self._recorders.descriptors)
        self._leaks = SessionLeaks()
        self._watch.start()
        self._layer.namespaces.accept()  # the recorder has replaced functions
        process.begin(self._run, self._order.limits)
        set_title(f"pytest_zygote collected session: {' '.join(self._run.request.args)}")
        self._run.import_replay.on_found = self._watch.found
        self._environ = dict(os.environ)
        status = interpreter_exit.pytest_status()
        self.abort(Reason("session-failed", f"pytest ended before the first test, with {status}"))
        status = process.finish(self._run, status)
        self._runs.learn()
        return status

    def _on_side_effect(self, text: str) -> None:
        if text:
            self.abort(Reason("session-side-effect", text))

    def abort(self, reason: Reason) -> None:
        """End this process, unless it is a run by now."""
        if not self._is_run:
            self._leave(layer_messages.BuildFailed({}, reason))

    def _leave(self, last: layer_messages.FromSession) -> NoReturn:
        with contextlib.suppress(OSError):
            self._channel.send(last)
        self._end()

    def mark(self) -> None:
        """Note what was written so far: a run that collects again writes what follows itself."""
        if not self._is_run:
            self._flush()
            self._recorders.mark()

    @staticmethod
    def _flush() -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()

    # Waiting

    def wait(self, pytest_session: PytestSession) -> None:
        """Report what this session depends on, and fork runs until the daemon retires it. Returns in each run only."""
        self._pytest = pytest_session
        built = self._watch.stop(self._run.loaded(), pytest_session.count())
        if pytest_session.admits_hidden_folders():
            built = self._watch.with_hidden(built)
        pytest_session.prepare()
        side_effect = _workarounds() or self._watch.side_effect or self._used_descriptor()
        self._flush()
        self._recorders.finish()
        self._captures = pytest_session.capture_files()
        renewable = pytest_session.renewable(built.files, self._layer)
        built = built.replaced(renewable=self._watch.only_pytests(renewable))
        known = {source.descriptor for source in self._recorders.places()} | {*self._captures, self._channel.fileno()}
        self._on_side_effect(side_effect or self._leaks.found(known, self._captures))
        for path in pytest_session.cache_files():
            built.files.pop(path, None)
        self._restore_random = self._watch.restorer()
        self._places = self._recorders.places()
        processes.die_with_parent(on=False)
        self._send(built)
        try:
            self.serve()
        except ProtocolError as error:  # a fault of the daemon's: named, before runs are forked from the layer again
            if self._is_run:
                raise
            self._leave(layer_messages.NotRecollectable(Reason("session-failed", str(error))))

    def _used_descriptor(self) -> str:
        used = self._passed_on.used()
        return "" if used is None else f"collection uses descriptor {used}, which this command passes on"

    def _perform(self, action: zygote_loop.Action) -> zygote_loop.Event | None:
        if not isinstance(action, zygote_loop.CheckFiles):
            return super()._perform(action)
        reason = self._pytest.why_not_recollectable(action.paths)
        if reason:
            self._send(layer_messages.NotRecollectable(Reason("session-recollection", reason)))
        return None

    def _end(self) -> NoReturn:
        os._exit(0)  # noqa: TID251 - nothing that a run would do at its end may happen

    # Being a run

    def _become_run(self, order: layer_messages.Fork, descriptors: Sequence[int]) -> None:
        """Be the client's process, with what pytest has collected."""
        self._is_run = True
        *received, report = descriptors
        terminal, passed_on = received[: stdio.STREAMS], received[stdio.STREAMS :]
        os.write(report, framing.pack(layer_messages.Forked(order.run, os.getpid())))
        self._run.report_to(sockets.adopt(stdio.move_away(report), SILENT))
        self._adopt_request(process.request_in(order.request))
        adopt_descriptors(self._places, terminal)
        self._passed_on.replace(passed_on)
        for descriptor in self._captures:
            renew_file(descriptor)
        reason = self._pytest.collect(order.renewed)
        if reason:
            self._start_over_from_layer(reason)
        self._recorders.play(terminal, is_whole=not order.renewed)
        for descriptor in terminal:
            os.close(descriptor)
        self._pytest.renew(is_changed=bool(order.renewed))
        self._run.report(run_messages.Begun())

    def _start_over_from_layer(self, reason: str) -> NoReturn:
        """Have this run start from the project layer."""
        ineligible = Reason("session-recollection", reason)
        self._run.report(run_messages.LayerIneligible("project", ineligible, (), self._run.request.seen))
        os._exit(lifecycle.LAYER_INELIGIBLE)  # noqa: TID251 - nothing that a run does at its end may happen

    def _adopt_request(self, request: client_messages.RunRequest) -> None:
        self._run.request = request
        self._run.import_replay.pid = os.getpid()
        for key in eligibility.RENEWED:
            if os.environ.get(key) == self._environ.get(key):  # else collection has set it
                _set(key, request.environ.get(key))
        client_identity.reseed(sys.modules)
        self._restore_random()
        client_identity.adopt_name(request)


def _workarounds() -> str:
    """Return that there are workarounds, which run around the forks of a zygote; '' if there are none."""
    registry = workaround.registry
    return "workarounds run around the forks of runs" if registry.around or registry.forked else ""


def _set(key: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(key, None)
    elif os.environ.get(key) != value:
        os.environ[key] = value
