"""The processes of layers: started, listened to, buried.

Decides nothing about which layers there should be (`supervisor` does), and nothing about runs: what a
zygote says of them is passed on to the `Owner`.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, assert_never

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.layer_inputs import at_start
from pytest_zygote.core.protocol import messages
from pytest_zygote.core.protocol.errors import ProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_zygote.daemon.event_loop import EventLoop, Timer
    from pytest_zygote.daemon.layer import LayerChannel
    from pytest_zygote.daemon.status import RunHistory

log = logging.getLogger("pytest_zygote")

RETIREMENT_S = 3.0
"""How long a layer without runs may take to leave before it is killed."""

PATCH_PATIENCE_S = 10.0
"""How long a fork may take to follow edits before the layer is built anew instead."""

BOOTSTRAP = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); from pytest_zygote.zygote.main_loop import main; main()"
)
"""Not ``-m``: that would put the project's folder first, and its ``platform.py`` before Python's own."""

ROOM = " " * 4096
"""An argument for nothing: `ps` shows as much of a run's command line as there is room for in the arguments that its
zygote was started with."""

SESSION = "session"
"""Kind of the layers that are collected sessions."""

SESSION_PATIENCE = 10
"""All of a session's collection may take so many times as long as one import; it is stopped while runs go on."""


class Owner(Protocol):
    """Is told what happens to layers and to the runs in them."""

    def layer_changed(self) -> None:
        """Take note that a layer is ready, or is no more."""

    def build_failed(self, culprits: dict[str, str], reason: Reason) -> None:
        """Take note that a layer cannot be built; without the culprits it may be."""

    def layer_ended(self, layer: Layer) -> None:
        """Take care of the runs of a layer whose process is gone."""

    def on_run_message(self, message: messages.RunEvent) -> None:
        """Take what a zygote says of one of its runs."""

    def session_failed(self, layer: Layer, reason: str) -> None:
        """Take note that no session can be collected for a request."""

    def session_outdated(self, layer: Layer, reason: str) -> None:
        """Take note that a session must be collected again."""


@dataclass
class PendingBuild:
    """A build that is going on.

    Attributes:
        module: what is being imported.
        deadline: ends it if nothing moves.
    """

    deadline: Timer
    module: str = ""


class LayerProcesses:
    """All layers that have a process."""

    def __init__(self, loop: EventLoop, tally: RunHistory, build_patience_s: float) -> None:
        """Start without layers; `own` must be called before the first is made."""
        self._loop = loop
        self._tally = tally
        self._build_patience_s = build_patience_s
        self._owner: Owner
        self._layers: list[Layer] = []
        self._builds: dict[Layer, PendingBuild] = {}
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._deaths: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def own(self, owner: Owner) -> None:
        """Set who is told."""
        self._owner = owner

    def __iter__(self) -> Iterator[Layer]:
        """Give all layers that have a process, oldest first."""
        return iter(tuple(self._layers))

    def __len__(self) -> int:
        """Count the layers that have a process."""
        return len(self._layers)

    # Making

    def start_base(self, plan: messages.Build, reason: str) -> Layer:
        """Start a base zygote; if there is no process to be had, its connection is closed already."""
        channel: LayerChannel
        channel, theirs = sockets.pair(messages.FROM_ZYGOTE)
        layer = self._add(plan, channel, reason)
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", BOOTSTRAP, str(theirs), ROOM],
                env=at_start(plan.environ, is_utf8=bool(sys.flags.utf8_mode)),
                cwd=plan.cwd,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs],
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            log.error("no base zygote: %s", error)  # noqa: TRY400 - a trace would show our code, not the cause
        else:
            self._started[process.pid] = process
            layer.pid = process.pid
        os.close(theirs)
        self.tell(layer, plan)
        return layer

    def spawn_project(self, base: Layer, plan: messages.Build, reason: str) -> Layer:
        """Have a base zygote fork a project zygote."""
        channel: LayerChannel
        channel, theirs = sockets.pair(messages.FROM_ZYGOTE)
        layer = self._add(plan, channel, reason)
        self.tell(base, messages.Spawn(layer.number), [theirs])
        os.close(theirs)
        self.tell(layer, plan)
        return layer

    def spawn_successor(self, project: Layer, order: messages.Patch, reason: str) -> Layer:
        """Have a project zygote fork one that follows edits of its modules."""
        channel: LayerChannel
        channel, theirs = sockets.pair(messages.FROM_ZYGOTE)
        layer = Layer(next(self._numbers), project.plan, channel, reason)
        layer.succeed(project, order)
        log.info("project layer %d: a fork of %d to be patched: %s", layer.number, project.number, reason)
        self._watch(layer, min(PATCH_PATIENCE_S, self._build_patience_s))
        self.tell(project, messages.Spawn(layer.number), [theirs])
        os.close(theirs)
        self.tell(layer, order)
        return layer

    def spawn_session(self, project: Layer, order: messages.Collect, plan: messages.Build) -> Layer:
        """Have a project zygote fork a process that collects a session."""
        channel: LayerChannel
        channel, theirs = sockets.pair(messages.FROM_SESSION)
        layer = Layer(next(self._numbers), plan, channel, "first start")
        layer.is_first = True
        log.info("session layer %d: a fork of %d collects", layer.number, project.number)
        self._watch(layer, self._build_patience_s * SESSION_PATIENCE)
        self.tell(project, order, [theirs])
        os.close(theirs)
        return layer

    def _add(self, plan: messages.Build, channel: LayerChannel, reason: str) -> Layer:
        layer = Layer(next(self._numbers), plan, channel, reason)
        log.info("%s layer %d: building %d modules: %s", plan.kind, layer.number, len(plan.modules), reason)
        self._tally.reload(plan.kind, reason)
        layer.look()
        self._watch(layer, self._build_patience_s)
        return layer

    def _watch(self, layer: Layer, patience_s: float) -> None:
        self._layers.append(layer)
        self._builds[layer] = PendingBuild(self._loop.after(patience_s, lambda: self._give_up(layer)))
        self._loop.watch(layer.channel, lambda: self._receive(layer))

    def tell(self, layer: Layer, message: messages.ToLayer, descriptors: Sequence[int] = ()) -> bool:
        """Send a message to a zygote; tell whether it could be sent. A dead one shows by its end of file."""
        try:
            layer.channel.send(message, descriptors)
        except (OSError, ValueError):
            return False
        return True

    # Ending

    def retire(self, layer: Layer) -> None:
        """Let a layer finish its runs and go."""
        if layer.phase in (lifecycle.RETIRED, lifecycle.GONE):
            return
        was_building = layer.phase == lifecycle.BUILDING
        layer.step(lifecycle.INVALIDATED)
        self._finish_build(layer)
        self.tell(layer, messages.Retire())
        if was_building:
            self.kill(layer, signal.SIGTERM)  # it reads no message before its last import is done
        self._loop.after(RETIREMENT_S, lambda: self._see_off(layer))

    def _see_off(self, layer: Layer) -> None:
        if layer.phase == lifecycle.RETIRED:
            if layer.runs:
                self._loop.after(RETIREMENT_S, lambda: self._see_off(layer))
            else:
                self._kill_standby(layer)
                self.kill(layer, signal.SIGKILL)
                self._loop.after(RETIREMENT_S, lambda: self._end(layer))

    def _kill_standby(self, layer: Layer) -> None:
        """Kill what a zygote without runs has forked, but for other layers: it would hold the connection open."""
        known = {other.pid for other in self._layers}
        for pid in processes.children(layer.pid) if layer.pid else ():
            if pid not in known:
                processes.signal_process(pid, signal.SIGKILL)

    def kill(self, layer: Layer, number: int) -> None:
        """Send a signal to a zygote's process alone; one that never said its pid is just left."""
        if layer.phase == lifecycle.GONE:
            return
        if layer.pid:
            processes.signal_process(layer.pid, number)
        else:
            self._end(layer)

    def _give_up(self, layer: Layer) -> None:
        module = self._builds[layer].module or ("the patch" if layer.order else "the interpreter's start")
        log.error("%s layer %d: killed, %s takes too long", layer.plan.kind, layer.number, module)
        self._deaths[module] = self._deaths.get(module, 0) + 1  # one more than a death: no second attempt
        self.kill(layer, signal.SIGKILL)

    # Hearing

    def _receive(self, layer: Layer) -> None:
        try:
            received = layer.channel.receive()
        except ProtocolError as error:
            log.error("layer %d broke the protocol: %s", layer.number, error)  # noqa: TRY400 - its text says all
            received = None
        if received is None:
            self._end(layer)
        for message in received or ():
            if isinstance(message, messages.RunEvent):
                self._owner.on_run_message(message)
            else:
                self._handle(layer, message)

    def _handle(self, layer: Layer, message: messages.LayerEvent) -> None:
        match message:
            case messages.Hello(pid):
                layer.pid = pid
            case messages.Importing(module):
                self._progress(layer, module)
            case messages.Built():
                self._finish_build(layer)
                layer.take(message)
                log.info("%s layer %d: ready in %d ms", layer.plan.kind, layer.number, message.took_ms)
                self._owner.layer_changed()
            case messages.BuildFailed(culprits, reason):
                self._fail(layer, culprits, reason)
            case messages.Patched():
                self._finish_build(layer)
                layer.follow(message)
                self._note_verdicts(layer, message)
                self._owner.layer_changed()
            case messages.NotPatched(reason):
                self._refuse(layer, reason.text)
            case messages.NotRecollectable(reason):
                self._owner.session_outdated(layer, reason.text)
            case _:
                assert_never(message)

    def _progress(self, layer: Layer, module: str) -> None:
        build = self._builds.get(layer)
        if build is not None:
            build.module = module
            layer.moved = time.monotonic()
            build.deadline.cancel()
            build.deadline = self._loop.after(self._build_patience_s, lambda: self._give_up(layer))

    def _finish_build(self, layer: Layer) -> PendingBuild | None:
        build = self._builds.pop(layer, None)
        if build is not None:
            build.deadline.cancel()
        return build

    def _fail(self, layer: Layer, culprits: dict[str, str], reason: Reason) -> None:
        log.warning("%s layer %d: %s", layer.plan.kind, layer.number, reason)
        self._finish_build(layer)
        layer.refusal = layer.reason  # the next one is built for the same reason
        layer.step(lifecycle.FAILED)
        self.tell(layer, messages.Retire())
        if layer.plan.kind == SESSION:
            self._owner.session_failed(layer, reason.text)
        else:
            self._owner.build_failed(culprits, reason)

    def _note_verdicts(self, layer: Layer, patched: messages.Patched) -> None:
        for path, verdict in patched.verdicts.items():
            said = f"{path.removeprefix(f'{layer.plan.cwd}/')}: {verdict}"
            log.info("project layer %d: %s (%d ms)", layer.number, said, patched.took_ms)
            self._tally.judge(said)

    def _refuse(self, layer: Layer, reason: str) -> None:
        """Give up a fork that did not follow its edits; the tower will build another layer, for this reason."""
        log.info("project layer %d: not patched: %s", layer.number, reason)
        self._finish_build(layer)
        self._tally.judge(f"{reason}: reloaded")
        layer.refusal = reason
        layer.step(lifecycle.FAILED)
        self.tell(layer, messages.Retire())
        self._owner.layer_changed()

    def _end(self, layer: Layer) -> None:
        """Account for a layer whose process is gone."""
        if layer.phase == lifecycle.GONE:
            return
        was = layer.phase
        build = self._finish_build(layer)
        layer.step(lifecycle.EXITED)
        self._loop.forget(layer.channel)
        layer.channel.close()
        self._layers.remove(layer)
        if was != lifecycle.RETIRED:
            log.error("%s layer %d died while it was %s", layer.plan.kind, layer.number, was)
        if layer.plan.kind == SESSION:
            self._owner.session_failed(layer, "its process died")
        elif build is not None and layer.order is not None:
            layer.refusal = f"{layer.reason}, and the process that was to be patched died"
        elif build is not None:
            self._blame(build.module)
        self._owner.layer_ended(layer)
        self._owner.layer_changed()

    def _blame(self, module: str) -> None:
        """Report a zygote that died while importing: at the second time the module is to blame."""
        if not module:
            self._owner.build_failed({}, Reason("zygote-died", "the zygote died before its first import"))
            return
        reason = Reason("zygote-died", f"the zygote died while importing {module}")
        self._deaths[module] = self._deaths.get(module, 0) + 1
        proven = {module: "kills the process that imports it, or never ends"} if self._deaths[module] > 1 else {}
        self._owner.build_failed(proven, reason)

    # Children

    def bury(self, pid: int, status: int) -> bool:
        """Take note of the end of a child; tell whether it was a base zygote."""
        process = self._started.pop(pid, None)
        if process is not None:
            process.returncode = status
        return process is not None

    def progress(self) -> str:
        """Return what is being imported, for a client that waits; '' if nothing is."""
        modules = [build.module for build in self._builds.values() if build.module]
        return f"importing {modules[-1]}" if modules else ""
