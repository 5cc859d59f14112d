"""A collected session: a process that runs pytest for one command line up to its first test, and forks runs.

It is forked from a project layer where no conftest file and no test module was ever imported, and
collects once. Whatever is not as it must be ends it (`SessionProcess.refuse`); then runs go on to be forked from
the layer. See `core.sessions.eligibility` for the theory.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, NoReturn, assert_never

from pytest_zygote import workaround
from pytest_zygote.adapters.pytest.terminal_doubles import TerminalDoubles, adopt_descriptors
from pytest_zygote.adapters.self_checks import why_lost
from pytest_zygote.adapters.system import processes, signals, sockets, stdio
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.internals import Feature
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import framing, messages
from pytest_zygote.core.protocol.framing import SILENT
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions import eligibility
from pytest_zygote.run import process
from pytest_zygote.run.collected_session import CollectedPlugin, renew_file
from pytest_zygote.zygote.collection_inputs import CollectionInputs
from pytest_zygote.zygote.run_forker import DESCRIPTORS, RunForker

if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.run.collected_session import PytestSession
    from pytest_zygote.run.inherited_layer import InheritedLayer

    DaemonChannel: TypeAlias = Channel[messages.ToSession, messages.FromSession]


def become_session(order: messages.Collect, descriptor: int, layer: InheritedLayer) -> int:
    """Collect a session in this copy of a project zygote; return the exit code, of a run that was forked from it."""
    channel: DaemonChannel = sockets.adopt(stdio.move_away(descriptor), messages.TO_SESSION)
    processes.die_with_parent()  # else a session that was stopped would outlive a daemon that died
    channel.send(messages.Hello(os.getpid()))
    return SessionProcess(order, layer, channel).collect()


class SessionRun(process.RunProcess):
    """The run that a session stands for while there is no client."""

    session: SessionProcess

    def start_over(self, depth_: str, reason: Reason, culprits: tuple[str, ...] = ()) -> NoReturn:
        """End the session: the layer is not exact for this command line."""
        del depth_, culprits
        self.session.refuse(reason.text)  # a run can start over only before it has written anything: see `give_up`
        raise AssertionError(reason)  # a run is past the point where it can start over


class SessionProcess:
    """The process of a collected session, and of the runs that are forked from it."""

    def __init__(self, order: messages.Collect, layer: InheritedLayer, channel: DaemonChannel) -> None:
        """Start before pytest does."""
        self._order = order
        self._layer = layer
        self._channel = channel
        self._recorders = TerminalDoubles(order.terminal, processes.fork)
        self._watch = CollectionInputs(self.refuse)
        self._is_run = False
        self._runs = RunForker(self._say, self._leave_session)
        self._runs.wants_standby = True
        self._retired = False
        self._run = SessionRun(process.request_in(order.request), layer)
        self._run.session = self
        self._run.plugins["zygote_collected"] = CollectedPlugin(self)

    def collect(self) -> int:
        """Run pytest. In this process that never comes to an end; in a run it does."""
        try:
            return self._collect()
        except BaseException:
            self.refuse(traceback.format_exc())
            raise

    def _collect(self) -> int:
        lost = why_lost(Feature.SESSIONS)
        if lost:
            self.refuse(lost)
        if workaround.registry.around or workaround.registry.forked:
            self.refuse("workarounds run around the forks of runs")
        gc.freeze()  # else the search for garbage after collection would copy every page of the layer
        process.adopt_terminal(self._run.request, self._recorders.descriptors)
        self._descriptors = _open_files()
        self._watch.start()
        self._layer.namespaces.accept()  # the recorder has replaced functions
        process.begin(self._run, self._order.limits)
        set_title(f"pytest_zygote collected session: {' '.join(self._run.request.args)}")
        self._run.admission.on_found = self._watch.found
        self._environ = dict(os.environ)
        status = process.pytest_status()
        self.refuse(f"pytest ended before the first test, with {status}")
        status = process.finish(self._run, status)
        self._runs.learn()
        return status

    def refuse(self, reason: str) -> None:
        """End this process, unless it is a run by now."""
        if not self._is_run:
            self._leave(messages.BuildFailed({}, Reason("session-ineligible", reason)))

    def _leave(self, last: messages.FromSession) -> NoReturn:
        with contextlib.suppress(OSError):
            self._channel.send(last)
        os._exit(0)  # noqa: TID251 - nothing that a run would do at its end may happen

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
        """Tell the daemon what this session depends on, and fork runs until told to leave; return in each run."""
        self._pytest = pytest_session
        built = self._watch.stop(self._run.loaded(), pytest_session.count())
        pytest_session.prepare()
        obstacle = self._watch.obstacle
        self._flush()
        self._recorders.finish()
        self._captures = pytest_session.capture_files()
        if workaround.registry.around or workaround.registry.forked:
            obstacle = "workarounds run around the forks of runs"
        renewable = pytest_session.renewable(built.files, self._layer)
        built = built.replaced(renewable=self._watch.only_pytests(renewable))
        obstacle = obstacle or _left_behind() or self._left_open() or _collect_garbage()
        if obstacle:
            self.refuse(obstacle)
        for path in pytest_session.cache_files():
            built.files.pop(path, None)
        self._restore_random = self._watch.restorer()
        self._places = self._recorders.places()
        processes.die_with_parent(on=False)
        self._say(built)
        self._serve()

    def _left_open(self) -> str:
        """Return what collection has left open that runs would share; '' for nothing."""
        known = {place.descriptor for place in self._recorders.places()} | {*self._captures, self._channel.fileno()}
        for descriptor, name in _open_files().items():
            if descriptor not in known and self._descriptors.get(descriptor) != name and name != os.devnull:
                return f"collection leaves {name.partition(':')[0]} open"
        if any(os.fstat(descriptor).st_size for descriptor in self._captures):
            return "something was written that no report shows"
        return ""

    def _serve(self) -> None:
        self._pipe = signals.SignalPipe((signal.SIGCHLD,))
        poll = select.poll()
        poll.register(self._pipe.fileno(), select.POLLIN)
        poll.register(self._channel.fileno(), select.POLLIN)
        while not (self._retired and not self._runs):
            events = poll.poll(0 if self._runs.lacks_standby and not self._retired else None)
            if not events and self._reserve():
                return
            for descriptor, _ in events:
                if descriptor == self._pipe.fileno():
                    self._pipe.read()
                    for exited in self._runs.collect():
                        self._say(exited)
                elif self._listen(poll):
                    return
        os._exit(0)  # noqa: TID251 - see `_leave`

    def _listen(self, poll: select.poll) -> bool:
        """Carry out what the daemon orders; tell whether this process is a run now."""
        received = self._channel.receive()
        if received is None:
            poll.unregister(self._channel.fileno())
            self._retired = True
        return any(self._handle(message) for message in received or ())

    def _reserve(self) -> bool:
        """Have a run ready before it is asked for; tell whether this process is that run now."""
        taken = self._runs.reserve()
        if taken:
            self._become_run(*taken)
        return taken is not None

    def _handle(self, message: messages.ToSession) -> bool:
        """Carry out an order; tell whether this process is a run now."""
        match message:
            case messages.Fork():
                return self._fork(message)
            case messages.CheckRecollection(paths):
                obstacle = self._pytest.judge(paths)
                if obstacle:
                    self._say(messages.NotRecollectable(Reason("session-ineligible", obstacle)))
            case messages.Deliver(number, signal_number):
                self._runs.deliver(number, signal_number)
            case messages.Retire():
                self._retired = True
                self._runs.drop_standby()
            case _:
                assert_never(message)
        return False

    def _say(self, message: messages.FromSession) -> None:
        try:
            self._channel.send(message)
        except OSError:
            self._retired = True

    def _fork(self, order: messages.Fork) -> bool:
        descriptors = self._channel.adopt_descriptors(DESCRIPTORS)
        is_run = self._runs.fork(order, descriptors)
        if is_run:
            self._become_run(order, descriptors)
        return is_run

    # Being a run

    def _leave_session(self) -> None:
        """Close what belongs to the process that this one was forked from."""
        self._pipe.close()
        self._channel.close()
        self._runs.forget()

    def _become_run(self, order: messages.Fork, descriptors: list[int]) -> None:
        """Be the client's process, with what pytest has collected."""
        self._is_run = True
        os.setpgid(0, 0)
        *terminal, report = descriptors
        os.write(report, framing.pack(messages.Forked(order.run, os.getpid())))
        self._run.report_to(sockets.adopt(stdio.move_away(report), SILENT))
        self._take_over(process.request_in(order.request))
        adopt_descriptors(self._places, terminal)
        for descriptor in self._captures:
            renew_file(descriptor)
        obstacle = self._pytest.collect(order.renewed)
        if obstacle:
            self._give_up(obstacle)
        self._recorders.play(terminal, is_whole=not order.renewed)
        for descriptor in terminal:
            os.close(descriptor)
        self._pytest.renew(is_changed=bool(order.renewed))

    def _give_up(self, reason: str) -> NoReturn:
        """Have this run start from the project layer."""
        ineligible = Reason("session-ineligible", reason)
        self._run.tell(messages.LayerIneligible("project", ineligible, (), self._run.request.seen))
        os._exit(lifecycle.LAYER_INELIGIBLE)  # noqa: TID251 - nothing that a run does at its end may happen

    def _take_over(self, request: messages.RunRequest) -> None:
        self._run.request = request
        self._run.admission.pid = os.getpid()
        for key in eligibility.RENEWED:
            if os.environ.get(key) == self._environ.get(key):  # else collection has set it
                _set(key, request.environ.get(key))
        process.reseed(sys.modules)
        self._restore_random()
        process.adopt_name(request)


def _set(key: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(key, None)
    elif os.environ.get(key) != value:
        os.environ[key] = value


def _open_files() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def _left_behind() -> str:
    """Return what collection has left that a fork cannot copy; '' for nothing."""
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        return "collection leaves a thread"
    return "collection leaves a process" if processes.has_children() else ""


def _collect_garbage() -> str:
    """Have no garbage and no later search for it, which would copy every page; return what that brought to light."""
    said: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: said.append(str(unraisable.exc_value))
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook
    gc.freeze()
    return f"collection leaves garbage that complains: {said[0]}" if said else ""
