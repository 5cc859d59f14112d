"""The loop of the daemon: clients, layers and runs, one wait for all of them."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest_zygote
from pytest_zygote.adapters import processes, signals, sockets, storage
from pytest_zygote.core import framing, lifecycle, messages
from pytest_zygote.core.errors import ProtocolError
from pytest_zygote.daemon.status import Tally, describe
from pytest_zygote.daemon.tower import Layer, Tower

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.adapters.rendezvous import Rendezvous
    from pytest_zygote.adapters.sockets import Channel, Listener
    from pytest_zygote.core.records import Record

log = logging.getLogger("pytest_zygote")

CLIENT_PATIENCE_S = 2.0
"""How long a client may take to read what we send it before it counts as gone."""

HOUSEKEEPING_S = 5.0
LOST = 3
"""Exit code of a run whose end nobody saw: pytest's own for an internal error, never 0."""
MAX_FAILURES = 2
"""Builds that may fail in a row before runs are cold until something changes."""
MAX_LEVELS = 3


class Client:
    """A connection from a client and the run that it asked for."""

    def __init__(self, channel: Channel) -> None:
        """Start with no request."""
        self.channel = channel
        self.request: messages.RunRequest | None = None
        self.terminal: list[int] = []
        self.report: Channel | None = None
        self.run = 0
        self.pid = 0
        self.layer: Layer | None = None
        self.depth = "project"
        self.since = time.monotonic()
        self.notified = ""
        self.gone_at = 0.0

    def say(self, message: Record) -> None:
        """Send a message; a client that is gone or does not read is noticed by its end of file."""
        with contextlib.suppress(OSError):
            self.channel.send(message)


class Server:
    """The daemon of one project."""

    def __init__(self, place: Rendezvous, listener: Listener, cache: str) -> None:
        """Serve clients that connect to `listener`."""
        self._place = place
        self._listener = listener
        self._cache = cache
        self.graph = storage.load_graph(cache)
        self._selector = selectors.DefaultSelector()
        self._pipe = signals.SignalPipe((signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        self._clients: list[Client] = []
        self._all_layers: list[Layer] = []
        self._numbers = iter(range(1, sys.maxsize))
        self._zygotes: dict[int, subprocess.Popen[bytes]] = {}
        self.tower = Tower(self, self.graph, place.root)
        self._coming: Tower | None = None
        self._failures = 0
        self._failure = ""
        self.tally = Tally()
        self._last_request: messages.RunRequest | None = None
        self._stopping = False

    # The loop

    def serve(self) -> None:
        """Serve until told to stop, idle for too long, or the project is gone."""
        self._watch(self._listener, self._accept)
        self._watch(self._pipe, self._on_signal)
        while not self._stopping:
            for key, _ in self._selector.select(HOUSEKEEPING_S):
                if key.fileobj in self._watched():
                    key.data()
            self._housekeeping()
        self._shut_down()

    def _watched(self) -> set[object]:
        return {key.fileobj for key in self._selector.get_map().values()}

    def _watch(self, source: object, action: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, action)  # type: ignore[arg-type]  # has fileno()

    def _forget(self, source: object) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)  # type: ignore[arg-type]  # has fileno()

    def _accept(self) -> None:
        channel = self._listener.accept(send_timeout_s=CLIENT_PATIENCE_S)
        if channel is not None:
            client = Client(channel)
            self._clients.append(client)
            self._watch(channel, lambda: self._hear_client(client))

    def _on_signal(self) -> None:
        for number in self._pipe.read():
            if number == signal.SIGCHLD:
                self._reap()
            else:
                log.info("stopping: signal %d", number)
                self._stopping = True

    def _housekeeping(self) -> None:
        now = time.monotonic()
        for client in list(self._clients):
            if client.gone_at:
                self._press(client, now - client.gone_at)
        if not os.path.isdir(self._place.root) or not self._listener.is_ours():
            log.info("stopping: the project or the socket is gone")
            self._stopping = True

    # Clients

    def _hear_client(self, client: Client) -> None:
        try:
            received = client.channel.receive()
        except ProtocolError as error:
            log.warning("a client broke the protocol: %s", error)
            received = None
        if received is None:
            self._lose_client(client)
            return
        for message in received:
            self._handle_client(client, message)

    def _handle_client(self, client: Client, message: Record) -> None:
        match message:
            case messages.RunRequest() if client.request is None:
                client.request = message
                client.terminal = client.channel.take_descriptors()
                self._admit(client)
            case messages.Relay(number) if client.layer is not None:
                self._tell(client.layer, messages.Deliver(client.run, number))
            case messages.StatusRequest(form):
                client.say(messages.Answer(describe(self, form)))
            case messages.StopRequest():
                log.info("stopping: asked to")
                self._stopping = True
                self._shut_down()
                client.say(messages.Answer("the daemon has stopped"))
            case messages.ReloadRequest():
                self._failures = 0
                self.tower.retire()
                client.say(messages.Answer("all layers will be built anew"))
            case _:
                log.warning("a client sent %s out of place", type(message).__name__)

    def _admit(self, client: Client) -> None:
        """Find the layer for a client's run, and fork there or wait for it."""
        request = client.request
        assert request is not None  # noqa: S101 - only clients with a request are admitted
        refusal = self._refusal(client, request)
        if refusal is not None:
            self._dismiss(client, refusal)
            return
        self._last_request = request
        tower = self.tower
        if self._coming is not None and not tower.size:
            tower = self._coming  # what serves now has nothing imported
        layer = tower.layer_for(request, client.depth)
        client.layer = layer
        if layer.phase == lifecycle.READY:
            self._fork(client, layer)
        elif layer.reason != "first start" and client.notified != layer.reason:
            client.notified = layer.reason

    def _refusal(self, client: Client, request: messages.RunRequest) -> Record | None:
        if request.version != pytest_zygote.__version__:
            self._stopping = True
            return messages.Outdated(f"the daemon is version {pytest_zygote.__version__}, this is {request.version}")
        ours = (sys.executable, sys.version, sys.prefix)
        if request.interpreter[:3] != ours:
            return messages.Cold("the daemon runs another interpreter")
        if client.depth == "cold":
            return messages.Cold(client.notified)
        if len(client.terminal) != 3:  # noqa: PLR2004 - stdin, stdout, stderr
            return messages.Cold("the descriptors did not arrive")
        if self._failures >= MAX_FAILURES:
            return messages.Cold(f"{self._failure} (pytest --daemon-reload tries again)")
        return self._flag_refusal(request)

    def _flag_refusal(self, request: messages.RunRequest) -> Record | None:
        default = _interpreter_flags()
        if request.interpreter[3:] != default:
            return messages.Cold("python was started with other flags than the daemon")
        return None

    def _fork(self, client: Client, layer: Layer) -> None:
        assert client.request is not None  # noqa: S101 - admitted
        client.run = next(self._numbers)
        report, theirs = sockets.pair()
        try:
            layer.channel.send(
                messages.Fork(client.run, framing.pack(client.request)), [*client.terminal, theirs]
            )
        except OSError:
            report.close()
            self._end_layer(layer)
            self._admit(client)
            return
        finally:
            os.close(theirs)
        client.report = report
        client.layer = layer
        layer.runs.add(client.run)
        self._watch(report, lambda: self._hear_run(client))

    def _dismiss(self, client: Client, message: Record) -> None:
        client.say(message)
        self._drop(client)

    def _drop(self, client: Client) -> None:
        self._forget(client.channel)
        client.channel.close()
        for descriptor in client.terminal:
            os.close(descriptor)
        client.terminal = []
        if client.report is not None:
            self._forget(client.report)
            client.report.close()
            client.report = None
        if client in self._clients:
            self._clients.remove(client)

    def _lose_client(self, client: Client) -> None:
        """Take down the run of a client that is gone: hang-up first, then harder."""
        self._forget(client.channel)
        if client.layer is None or not client.run:
            self._drop(client)
            return
        client.gone_at = time.monotonic()
        self._press(client, 0.0)

    def _press(self, client: Client, waited_s: float) -> None:
        assert client.layer is not None  # noqa: S101 - only for runs
        for number, after_s in ((signal.SIGHUP, 0.0), (signal.SIGCONT, 0.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 3.0)):
            if waited_s >= after_s:
                self._tell(client.layer, messages.Deliver(client.run, number))

    # Runs

    def _hear_run(self, client: Client) -> None:
        report = client.report
        if report is None:
            return
        try:
            received = report.receive()
        except ProtocolError:
            received = None
        if received is None:
            self._forget(report)
            report.close()
            client.report = None
            return
        for message in received:
            self._handle_run(client, message)

    def _handle_run(self, client: Client, message: Record) -> None:
        match message:
            case messages.Learned():
                self._learn(message)
            case messages.Misfit(depth, reason, culprits):
                log.info("misfit: %s", reason)
                if depth:
                    client.depth = depth
                    client.notified = reason
                self._unlearn(culprits, reason)

    def _run_exited(self, client: Client, status: int) -> None:
        if client.report is not None:
            self._hear_run(client)  # what it said last is waiting there
        layer = client.layer
        assert layer is not None  # noqa: S101 - it ran
        layer.runs.discard(client.run)
        if client.report is not None:
            self._forget(client.report)
            client.report.close()
            client.report = None
        if status == MISFIT and client.depth != layer.plan.kind and not client.gone_at:
            client.run = 0
            self._admit(client)
            return
        layer.served += 1
        self.tally.count(self._saved_ms(layer))
        self._dismiss(client, messages.Finished(status))

    def _saved_ms(self, layer: Layer) -> int:
        total = layer.built.took_ms if layer.built else 0
        if layer.plan.kind == "project" and self.tower.base and self.tower.base.built:
            total += self.tower.base.built.took_ms
        return total

    def _learn(self, learned: messages.Learned) -> None:
        graph = self.graph
        graph.leaves.update(learned.leaves)
        grown = graph.learn(learned.modules)
        changed = (graph.path, graph.context, graph.facts) != (learned.path, learned.context, learned.facts)
        graph.path, graph.context, graph.facts = learned.path, learned.context, learned.facts
        if learned.cache:
            self._cache = learned.cache
        if grown or changed:
            storage.save_graph(self._cache, graph)
            self._grow()

    def _unlearn(self, culprits: tuple[str, ...], reason: str) -> None:
        for name in culprits:
            self.graph.rejected[name] = reason
        if culprits:
            storage.save_graph(self._cache, self.graph)
            self._grow()

    def _grow(self) -> None:
        """Build a tower with what was learned, beside the one that serves."""
        if self._coming is None and self._last_request is not None:
            self._coming = Tower(self, self.graph, self._place.root)
            self._coming.layer_for(self._last_request, "project")

    # Layers

    def start_base(self, plan: messages.Build, reason: str) -> Layer:
        """Start a base zygote."""
        channel, theirs = sockets.pair()

        process = subprocess.Popen(
            [sys.executable, "-m", "pytest_zygote.zygote", str(theirs)],
            env=plan.environ,
            cwd=plan.cwd,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs],
            start_new_session=True,
        )
        os.close(theirs)
        self._zygotes[process.pid] = process
        layer = self._new_layer(plan, channel, reason)
        layer.pid = process.pid
        return layer

    def spawn_project(self, base: Layer, plan: messages.Build, reason: str) -> Layer:
        """Have a base zygote fork a project zygote."""
        channel, theirs = sockets.pair()
        number = next(self._numbers)
        with contextlib.suppress(OSError):
            base.channel.send(messages.Spawn(number), [theirs])
        os.close(theirs)
        return self._new_layer(plan, channel, reason)

    def _new_layer(self, plan: messages.Build, channel: Channel, reason: str) -> Layer:
        layer = Layer(next(self._numbers), plan, channel, reason)
        log.info("%s layer %d: building %d modules: %s", plan.kind, layer.number, len(plan.modules), reason)
        self.tally.reload(plan.kind, reason)
        self._all_layers.append(layer)
        self._watch(channel, lambda: self._hear_layer(layer))
        self._tell(layer, plan)
        return layer

    def retire(self, layer: Layer) -> None:
        """Let a layer finish its runs and go."""
        if layer.phase != lifecycle.GONE:
            layer.step(lifecycle.INVALIDATED)
            self._tell(layer, messages.Retire())

    def _tell(self, layer: Layer, message: Record) -> None:
        with contextlib.suppress(OSError):
            layer.channel.send(message)

    def _hear_layer(self, layer: Layer) -> None:
        try:
            received = layer.channel.receive()
        except ProtocolError as error:
            log.error("layer %d broke the protocol: %s", layer.number, error)
            received = None
        if received is None:
            self._end_layer(layer)
            return
        for message in received:
            self._handle_layer(layer, message)

    def _handle_layer(self, layer: Layer, message: Record) -> None:
        match message:
            case messages.Built():
                self._failures = 0
                layer.take(message)
                log.info("%s layer %d: ready in %d ms", layer.plan.kind, layer.number, message.took_ms)
                self._advance()
            case messages.BuildFailed(culprits, reason):
                log.warning("%s layer %d: %s", layer.plan.kind, layer.number, reason)
                layer.step(lifecycle.FAILED)
                self._tell(layer, messages.Retire())
                self._build_failed(culprits, reason)
            case messages.Forked(run, pid):
                self._on_run(run, lambda client: self._forked(client, pid))
            case messages.ForkFailed(run, reason):
                layer.runs.discard(run)
                self._on_run(run, lambda client: self._dismiss(client, messages.Cold(reason)))
            case messages.RunStopped(run, number):
                self._on_run(run, lambda client: client.say(messages.Stopped(number)))
            case messages.RunExited(run, status):
                layer.runs.discard(run)
                self._on_run(run, lambda client: self._run_exited(client, status))

    def _forked(self, client: Client, pid: int) -> None:
        client.pid = pid
        client.say(messages.Started(pid))

    def _on_run(self, run: int, action: Callable[[Client], None]) -> None:
        for client in [client for client in self._clients if client.run == run]:
            action(client)

    def _build_failed(self, culprits: dict[str, str], reason: str) -> None:
        fresh = culprits.keys() - self.graph.rejected.keys()
        self.graph.rejected.update(culprits)
        if not fresh:
            self._failures += 1
            self._failure = reason
        storage.save_graph(self._cache, self.graph)
        self._advance()

    def _advance(self) -> None:
        """Go on with whatever waits for a layer."""
        coming = self._coming
        if coming is not None and self._last_request is not None:
            layer = coming.layer_for(self._last_request, "project")
            if layer.phase == lifecycle.READY:
                self.tower.retire()
                self.tower, self._coming = coming, None
                if len(self.graph.modules) > coming.size:
                    self._grow()
        for client in [client for client in self._clients if client.request is not None and not client.run]:
            self._admit(client)

    def _end_layer(self, layer: Layer) -> None:
        """Account for a layer whose process is gone."""
        if layer.phase == lifecycle.GONE:
            return
        was = layer.phase
        layer.step(lifecycle.EXITED)
        self._forget(layer.channel)
        layer.channel.close()
        self._all_layers.remove(layer)
        self._reap()
        if was == lifecycle.BUILDING:
            log.error("%s layer %d died while importing", layer.plan.kind, layer.number)
            self._build_failed({}, "the zygote died while importing")
        elif was == lifecycle.READY:
            log.error("%s layer %d died", layer.plan.kind, layer.number)

    def _reap(self) -> None:
        """Collect children: base zygotes, and runs whose zygote died before them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            zygote = self._zygotes.pop(pid, None)
            if zygote is not None:
                zygote.returncode = processes.decode_wait(status)
            for client in [client for client in self._clients if client.pid == pid]:
                self._run_exited(client, processes.decode_wait(status))

    def layers(self) -> list[Layer]:
        """Return all layers that exist, for the status."""
        return list(self._all_layers)

    def runs(self) -> int:
        """Return how many runs are going on."""
        return sum(1 for client in self._clients if client.run)

    def _shut_down(self) -> None:
        for client in [client for client in self._clients if client.request is not None and not client.run]:
            self._dismiss(client, messages.Cold("the daemon is stopping"))
        self.tower.retire()
        if self._coming is not None:
            self._coming.retire()
        self._listener.close()


MISFIT = 75
"""Exit code of a run whose layer was not exact (`pytest_zygote.run.MISFIT`)."""


def _interpreter_flags() -> tuple[str, ...]:
    flags = ",".join(str(flag) for flag in sys.flags)
    options = ",".join(f"{key}={value}" for key, value in sorted(sys._xoptions.items()))  # noqa: SLF001 - documented
    return (flags, options, ",".join(sys.warnoptions))
