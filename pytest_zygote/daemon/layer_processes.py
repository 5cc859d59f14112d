"""The processes of layers: started, listened to, retired and reaped.

Decides nothing about which layers there should be (`layer_supervisor` does), and nothing about runs: what happens to
a layer, and what a zygote reports of its runs, becomes an event.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.layer_inputs import at_start
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.core.protocol.errors import ProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events
from pytest_zygote.daemon.build_watch import BuildWatch
from pytest_zygote.daemon.layer import SESSION, Layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_zygote.core.protocol.framing import Route
    from pytest_zygote.core.protocol.layer_messages import Build, FromLayer
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.events import EventQueue
    from pytest_zygote.daemon.history import RunHistory
    from pytest_zygote.daemon.layer import LayerChannel
    from pytest_zygote.daemon.process_table import ProcessTable

log = logging.getLogger("pytest_zygote")

RETIREMENT_S = 3.0
"""How long a layer without runs may take to leave before it is killed."""

FLUSH_S = 0.005
"""How often to look whether a zygote has made room for the rest of a message."""

PATCH_TIMEOUT_S = 10.0
"""How long a fork may take to follow edits before the layer is built anew instead."""

SESSION_TIMEOUT_FACTOR = 10
"""All of a session's collection may take so many times as long as one import; it is stopped while runs go on."""


class LayerProcesses:
    """All layers that have a process.

    Attributes:
        processes: how processes are started and signalled.
        builds: those that are going on.
    """

    def __init__(
        self, loop: EventLoop, queue: EventQueue, history: RunHistory, processes: ProcessTable, import_timeout_s: float
    ) -> None:
        """Start without layers."""
        self._loop = loop
        self._queue = queue
        self._history = history
        self.processes = processes
        self._import_timeout_s = import_timeout_s
        self._layers: list[Layer] = []
        self.builds = BuildWatch(loop, import_timeout_s, self._on_timeout)
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Layer]:
        """Give all layers that have a process, oldest first."""
        return iter(tuple(self._layers))

    def __len__(self) -> int:
        """Count the layers that have a process."""
        return len(self._layers)

    # The beginning

    def start_base(self, plan: Build, reason: Reason) -> Layer:
        """Start a base zygote; if there is no process to be had, its connection is closed already."""
        layer, theirs = self._add_build(plan, reason)
        environ = at_start(plan.environ, is_utf8=bool(sys.flags.utf8_mode))
        layer.pid = self.processes.start_zygote(theirs, environ, plan.cwd)
        os.close(theirs)
        self.send(layer, plan)
        return layer

    def spawn_project(self, base: Layer, plan: Build, reason: Reason) -> Layer:
        """Have a base zygote fork a project zygote."""
        layer, theirs = self._add_build(plan, reason)
        self._spawn(base, layer_messages.Spawn(layer.number), theirs)
        self.send(layer, plan)
        return layer

    def spawn_patched(self, project: Layer, patch: layer_messages.Patch, reason: Reason) -> Layer:
        """Have a project zygote fork one that follows edits of its modules."""
        limit_s = min(PATCH_TIMEOUT_S, self._import_timeout_s)
        layer, theirs = self._add(project.plan, reason, layer_messages.FROM_ZYGOTE, limit_s)
        layer.start_patch(project, patch)
        log.info("project layer %d: a fork of %d to be patched: %s", layer.number, project.number, reason)
        self._spawn(project, layer_messages.Spawn(layer.number), theirs)
        self.send(layer, patch)
        return layer

    def spawn_session(self, project: Layer, order: layer_messages.Collect, plan: layer_messages.Build) -> Layer:
        """Have a project zygote fork a process that collects a session."""
        limit_s = self._import_timeout_s * SESSION_TIMEOUT_FACTOR
        layer, theirs = self._add(plan, Reason("first-start", "first start"), layer_messages.FROM_SESSION, limit_s)
        layer.is_first = True
        log.info("session layer %d: a fork of %d collects", layer.number, project.number)
        self._spawn(project, order, theirs)
        return layer

    def _add(self, plan: Build, reason: Reason, route: Route[FromLayer], limit_s: float) -> tuple[Layer, int]:
        """Return a new layer, and the end of its connection that its process is to have."""
        channel: LayerChannel
        channel, theirs = sockets.pair(route, send_timeout_s=0)
        layer = Layer(next(self._numbers), plan, channel, reason, self._loop.now)
        self._layers.append(layer)
        self.builds.start(layer, limit_s)
        self._loop.watch(channel, lambda: self._receive(layer))
        return layer, theirs

    def _add_build(self, plan: Build, reason: Reason) -> tuple[Layer, int]:
        layer, theirs = self._add(plan, reason, layer_messages.FROM_ZYGOTE, self._import_timeout_s)
        log.info("%s layer %d: building %d modules: %s", plan.kind, layer.number, len(plan.modules), reason)
        self._history.add_build(plan.kind, reason)
        layer.snapshot()
        return layer, theirs

    def _spawn(self, parent: Layer, order: layer_messages.Spawn | layer_messages.Collect, connection: int) -> None:
        self.send(parent, order, [connection])
        os.close(connection)

    def send(self, layer: Layer, message: layer_messages.ToLayer, descriptors: Sequence[int] = ()) -> bool:
        """Send a message to a zygote; return False if it is dead, which its end of file shows too.

        Nothing here waits for a zygote that does not read because it imports or is stopped: it gets the rest when it
        reads again. Whatever it is asked for has a deadline.
        """
        try:
            layer.channel.send(message, descriptors)
        except (OSError, ValueError):
            return False
        self._flush(layer)
        return True

    def _flush(self, layer: Layer) -> None:
        with contextlib.suppress(OSError):  # it is dead
            if layer.phase != lifecycle.GONE and not layer.channel.flush():
                self._loop.after(FLUSH_S, lambda: self._flush(layer))

    # The end

    def retire(self, layer: Layer) -> None:
        """Let a layer finish its runs and go."""
        if layer.phase in (lifecycle.RETIRED, lifecycle.GONE):
            return
        was_building = layer.phase == lifecycle.BUILDING
        layer.step(lifecycle.INVALIDATED)
        self.builds.finish(layer)
        self.send(layer, layer_messages.Retire())
        if was_building:
            self.kill(layer, signal.SIGTERM)  # it reads no message before its last import is done
        self._loop.after(RETIREMENT_S, lambda: self._enforce_retirement(layer))

    def _enforce_retirement(self, layer: Layer) -> None:
        if layer.phase != lifecycle.RETIRED:
            return
        if layer.runs:
            self._loop.after(RETIREMENT_S, lambda: self._enforce_retirement(layer))
        else:
            self._kill_standby(layer)
            self.kill(layer, signal.SIGKILL)
            self._loop.after(RETIREMENT_S, lambda: self._end(layer))

    def _kill_standby(self, layer: Layer) -> None:
        """Kill what a zygote without runs has forked, but for other layers: it would hold the connection open."""
        known = {other.pid for other in self._layers}
        for pid in self.processes.children(layer.pid) if layer.pid else ():
            if pid not in known:
                self.processes.signal(pid, signal.SIGKILL)

    def kill(self, layer: Layer, number: int) -> None:
        """Send a signal to a zygote's process alone; one that never reported its pid is left alone."""
        if layer.phase == lifecycle.GONE:
            return
        if layer.pid:
            self.processes.signal(layer.pid, number)
        else:
            self._end(layer)

    def _on_timeout(self, layer: Layer, what: str) -> None:
        log.error("%s layer %d: killed, %s takes too long", layer.plan.kind, layer.number, what)
        self.kill(layer, signal.SIGKILL)

    # Messages

    def _receive(self, layer: Layer) -> None:
        try:
            received = layer.channel.receive()
            for message in received or ():
                if isinstance(message, layer_messages.RunEvent):
                    self._queue.append(events.RunReported(layer, message))
                else:
                    self._on_message(layer, message)
        except ProtocolError as error:
            log.error("layer %d broke the protocol: %s", layer.number, error)  # noqa: TRY400 - its text says all
            received = None
        if received is None:
            self._end(layer)

    def _on_message(self, layer: Layer, message: layer_messages.LayerEvent) -> None:
        match message:
            case layer_messages.Hello(pid):
                layer.pid = pid
            case layer_messages.Importing(module):
                self.builds.progress(layer, module)
            case layer_messages.Built() | layer_messages.Patched():
                self._on_ready(layer, message)
            case layer_messages.BuildFailed(rejected, reason):
                self._on_build_failed(layer, rejected, reason)
            case layer_messages.NotPatched(reason):
                self._on_not_patched(layer, reason)
            case layer_messages.NotRecollectable(reason):
                self._queue.append(events.SessionStale(layer, reason))
            case _:
                assert_never(message)

    def _on_ready(self, layer: Layer, message: layer_messages.Built | layer_messages.Patched) -> None:
        self.builds.finish(layer)
        if isinstance(message, layer_messages.Built):
            layer.on_built(message)
            log.info("%s layer %d: ready in %d ms", layer.plan.kind, layer.number, message.took_ms)
        else:
            layer.on_patched(message)
            for path, verdict in message.verdicts.items():
                line = f"{path.removeprefix(f'{layer.plan.cwd}/')}: {verdict}"
                log.info("project layer %d: %s (%d ms)", layer.number, line, message.took_ms)
                self._history.add_verdict(line)
        self._queue.append(events.LayerChanged(layer))

    def _on_build_failed(self, layer: Layer, rejected: dict[str, str], reason: Reason) -> None:
        log.warning("%s layer %d: %s", layer.plan.kind, layer.number, reason)
        layer.failure = reason
        self._fail(layer, layer.reason)  # the next one is built for the same reason
        if layer.plan.kind == SESSION:
            self._queue.append(events.SessionFailed(layer, reason))
        else:
            self._queue.append(events.BuildFailed(layer, rejected, reason))

    def _on_not_patched(self, layer: Layer, reason: Reason) -> None:
        """Give up a fork that did not follow its edits; another layer will be built, for this reason."""
        log.info("project layer %d: not patched: %s", layer.number, reason)
        self._history.add_verdict(f"{reason}: reloaded")
        self._fail(layer, reason)
        self._queue.append(events.LayerChanged(layer))

    def _fail(self, layer: Layer, why_failed: Reason) -> None:
        self.builds.finish(layer)
        layer.why_failed = why_failed
        layer.step(lifecycle.FAILED)
        self.send(layer, layer_messages.Retire())

    def _end(self, layer: Layer) -> None:
        """Account for a layer whose process is gone."""
        if layer.phase == lifecycle.GONE:
            return
        was = layer.phase
        build = self.builds.finish(layer)
        layer.step(lifecycle.EXITED)
        self._loop.forget(layer.channel)
        layer.channel.close()
        self._layers.remove(layer)
        if was != lifecycle.RETIRED:
            log.error("%s layer %d died while it was %s", layer.plan.kind, layer.number, was)
        if layer.plan.kind == SESSION:
            self._queue.append(events.SessionFailed(layer, Reason("zygote-died", "its process died")))
        elif build is not None and layer.patch is not None:
            layer.why_failed = layer.reason.add(", and the process that was to be patched died")
        elif build is not None:
            self._on_death(layer, build.module)
        self._queue.append(events.LayerEnded(layer))

    def _on_death(self, layer: Layer, module: str) -> None:
        """Report a zygote that died while it imported."""
        if module:
            self.builds.deaths.add(module)
        where = f"while importing {module}" if module else "before its first import"
        layer.failure = Reason("zygote-died", f"the zygote died {where}")
        self._queue.append(events.BuildFailed(layer, self.builds.deaths.rejected(module), layer.failure))
