"""A daemon whose clock, connections and processes are the test's: nothing starts, waits or sleeps."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, cast

import pytest_zygote
from pytest_zygote.adapters.interpreter.start_state import start_state
from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.sockets import Channel, Listener
from pytest_zygote.client.request import interpreter_identity
from pytest_zygote.core.cli.daemon_options import DaemonOptions, options_of
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol import client_messages, layer_messages
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.background_gate import BackgroundGate
from pytest_zygote.daemon.connections import Connections
from pytest_zygote.daemon.dispatcher import Dispatcher
from pytest_zygote.daemon.endpoint import Endpoint
from pytest_zygote.daemon.event_loop import EventLoop, Timer
from pytest_zygote.daemon.history import RunHistory
from pytest_zygote.daemon.layer import Layer
from pytest_zygote.daemon.layer_processes import LayerProcesses
from pytest_zygote.daemon.layer_supervisor import LayerSupervisor
from pytest_zygote.daemon.parts import Parts, ServerSettings
from pytest_zygote.daemon.process_table import ProcessTable
from pytest_zygote.daemon.rebuild_trigger import RebuildTrigger
from pytest_zygote.daemon.run_table import RunTable
from pytest_zygote.daemon.session_cache import SessionCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    import pytest

    from pytest_zygote.core.protocol.framing import Route
    from pytest_zygote.core.record import Record
    from pytest_zygote.daemon.event_loop import Source
    from pytest_zygote.daemon.events import Event, EventQueue
    from pytest_zygote.daemon.layer import LayerChannel

    AnyChannel = Channel[Record, Record]
    Kind = TypeVar("Kind")
    Received = TypeVar("Received", bound=Record)
    Sent = TypeVar("Sent", bound=Record)

else:
    AnyChannel = Channel

FIRST_START = Reason("first-start", "first start")
APP_CHANGED = Reason("file-changed", "app.py changed")


class FakeLoop(EventLoop):
    """A loop whose clock stands still until a test moves it."""

    def __init__(self) -> None:
        """Start at a time that is not 0."""
        self.time = 1000.0
        self.actions: dict[Source, Callable[[], None]] = {}
        self.timers: list[tuple[float, Timer]] = []
        self._is_stopped = False

    @property
    def now(self) -> float:
        """The time that the test has set."""
        return self.time

    def watch(self, source: Source, action: Callable[[], None]) -> None:
        """Remember what to call."""
        self.actions[source] = action

    def forget(self, source: Source) -> None:
        """Forget it."""
        self.actions.pop(source, None)

    def after(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Remember what is due."""
        timer = Timer(action)
        self.timers.append((self.time + delay_s, timer))
        return timer

    def stop(self) -> None:
        """Note that the daemon has ended."""
        self._is_stopped = True

    def has_stopped(self) -> bool:
        """Return whether the daemon has ended."""
        return self._is_stopped

    def advance(self, seconds: float, settle: Callable[[], None] = lambda: None) -> None:
        """Let time pass, firing what comes due in order."""
        end = self.time + seconds
        while due := [entry for entry in self.timers if entry[0] <= end]:
            entry = min(due, key=lambda entry: entry[0])
            self.timers.remove(entry)
            self.time = max(self.time, entry[0])
            entry[1].fire()
            settle()
        self.time = end


class FakeChannel(AnyChannel):
    """A connection whose other end is the test.

    Attributes:
        sent: the messages that the daemon has sent.
        inbox: what it will receive: messages, or an error that is raised.
        is_cut: whether the other end has closed.
        is_full: whether the other end does not read.
        is_slow: whether it has not read all yet.
    """

    def __init__(self, route: Route[Record]) -> None:
        """Start with nothing sent or received; what is no message of this route is refused."""
        self.route = route
        self.sent: list[Record] = []
        self.inbox: deque[Record | Exception] = deque()
        self.descriptors = []
        self.is_cut = False
        self.is_full = False
        self.is_slow = False
        self.is_closed = False

    def send(self, message: Record, descriptors: Sequence[int] = ()) -> None:
        """Remember the message."""
        if self.is_full or self.is_cut:
            raise BrokenPipeError
        assert all(os.fstat(descriptor) for descriptor in descriptors)
        self.sent.append(message)

    def flush(self) -> bool:
        """Return whether the other end has room for all."""
        return not self.is_slow

    def receive(self) -> list[Record] | None:
        """Return what the test has put into the inbox; None once that is empty and the other end closed."""
        received = []
        while self.inbox:
            message = self.inbox.popleft()
            if isinstance(message, Exception):
                raise message
            if type(message).__name__ not in self.route.kinds:
                text = f"{self.route.sender} must not send {type(message).__name__}"
                raise RemoteProtocolError(text)
            received.append(message)
        return received if received or not self.is_cut else None

    def fileno(self) -> int:
        """Return a number that no descriptor has."""
        return -1

    def peer_pid(self) -> int:
        """Return the process at the other end: this one."""
        return os.getpid()

    def is_readable(self) -> bool:
        """Return whether there is a message, or the end."""
        return bool(self.inbox) or self.is_cut

    def close(self) -> None:
        """Note that the daemon has closed it."""
        self.is_closed = True

    def all_sent(self, kind: type[Kind]) -> list[Kind]:
        """Return the messages of a kind that the daemon has sent."""
        return [message for message in self.sent if isinstance(message, kind)]

    def last(self, kind: type[Kind]) -> Kind:
        """Return the last message of a kind that the daemon has sent; there must be one."""
        return self.all_sent(kind)[-1]


class FakeListener(Listener):
    """A socket at which the test's clients arrive."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self.arriving: deque[FakeChannel] = deque()
        self.is_mine = True
        self.is_closed = False

    def accept(self, route: Route[Received], *, send_timeout_s: float) -> Channel[Received, Sent] | None:
        """Return the next client; None where it left again."""
        assert send_timeout_s > 0
        assert route is client_messages.FROM_CLIENT
        return cast("Channel[Received, Sent]", self.arriving.popleft()) if self.arriving else None

    def is_ours(self) -> bool:
        """Return what the test has set."""
        return self.is_mine

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


class FakeProcesses(ProcessTable):
    """A table in which a process exists if the test says so.

    Attributes:
        started: environments of the base zygotes.
        signals: (pid, number) of each signal; negative pids are groups.
        alive: processes that exist.
        groups: process → process group, where it does not lead its own.
        private: pid → KiB.
        ended: what `reap` gives.
    """

    def __init__(self) -> None:
        """Start with no process."""
        self.started: list[Mapping[str, str]] = []
        self.signals: list[tuple[int, int]] = []
        self.alive: set[int] = set()
        self.groups: dict[int, int] = {}
        self.stopped: set[int] = set()
        self.private: dict[int, int] = {}
        self.offspring: dict[int, list[int]] = {}
        self.ended: list[tuple[int, int]] = []
        self.fails = False

    def start_zygote(self, connection: int, environ: Mapping[str, str], folder: str) -> int:
        """Give the next pid; 0 if the test wants none to be had."""
        assert os.fstat(connection)
        assert folder
        if self.fails:
            return 0
        self.started.append(environ)
        return 100 + len(self.started)

    def forget_zygote(self, pid: int, returncode: int) -> bool:
        """Return whether it was given by `start_zygote`."""
        assert returncode is not None
        return 100 < pid <= 100 + len(self.started)

    def reap(self) -> Iterator[tuple[int, int]]:
        """Give what the test has put there."""
        return iter(self.ended)

    def signal(self, pid: int, number: int) -> None:
        """Note a signal."""
        self.signals.append((pid, number))

    def signal_group(self, pgid: int, number: int) -> None:
        """Note a signal to a group."""
        self.signals.append((-pgid, number))

    def signal_run(self, pid: int, group: int, number: int) -> None:
        """Note a signal to the group that a run began in."""
        assert pid
        self.signal_group(group, number)

    def group_of(self, pid: int) -> int:
        """Return what the test has set; the process leads its group if it has set nothing."""
        return self.groups.get(pid, pid)

    def is_stopped(self, pid: int) -> bool:
        """Return what the test has set."""
        return pid in self.stopped

    def exists(self, pid: int) -> bool:
        """Return what the test has set."""
        return pid in self.alive

    def children(self, pid: int) -> list[int]:
        """Return what the test has set."""
        return self.offspring.get(pid, [])

    def private_kib(self, pid: int) -> int:
        """Return what the test has set."""
        return self.private.get(pid, 0)

    def pss_kib(self, pid: int) -> int:
        """Return a number that is easy to find in a table."""
        return 2048 if pid else 0


class FakeEndpoint(Endpoint):
    """A place in the file system that is lost when the test says so."""

    def __init__(self, root: str, listener: Listener) -> None:
        """Own nothing."""
        self.root = root
        self.socket = "/nowhere/daemon.sock"
        self.listener = listener
        self.lost = ""
        self._lock = 1

    def why_lost(self) -> str:
        """Return what the test has set."""
        return self.lost

    def release(self) -> None:
        """Note it."""
        self._lock = -1


def request(root: str, *args: str, **fields: object) -> client_messages.RunRequest:
    """Return a request that a daemon of this interpreter can serve."""
    made = client_messages.RunRequest(
        version=pytest_zygote.__version__,
        interpreter=interpreter_identity(),
        args=args,
        argv0="pytest",
        main=("", "pytest"),
        cwd=root,
        umask=0o022,
        environ={"HOME": "/home/user"},
        path=("",),
        ignored=(),
        closed=(),
        pid=os.getpid(),
        start=start_state(),
    )
    return made.replaced(**fields)


def built(**fields: object) -> layer_messages.Built:
    """Return the report of a build that read nothing."""
    report = layer_messages.Built(
        names=("app",),
        files={},
        directories={},
        missing=(),
        environ={},
        readers={},
        written=(),
        slowest=(("app", 3),),
        rejected={},
        warned=(),
        took_ms=250,
    )
    return report.replaced(**fields)


def plan(root: str, kind: str = "base", **fields: object) -> layer_messages.Build:
    """Return a plan that imports nothing."""
    made = layer_messages.Build(
        kind=kind,
        modules=(),
        origins=(),
        rewritten=(),
        leaves=(),
        path=(),
        client_path=("",),
        environ={"HOME": "/home/user"},
        context=(),
        cwd=root,
        facts={},
    )
    return made.replaced(**fields)


def layer(root: str, kind: str = "base", number: int = 1, **fields: object) -> Layer:
    """Return a layer that is being built."""
    return Layer(
        number,
        plan(root, kind, **fields),
        cast("LayerChannel", FakeChannel(layer_messages.FROM_ZYGOTE)),
        FIRST_START,
        1000.0,
    )


def options(**values: str) -> DaemonOptions:
    """Return the options of a daemon that never leaves and keeps no session, but for these (``sessions="3"``)."""
    given = {"timeout": "0", "sessions": "0", "use-os-events": "0", **values}
    return options_of(Settings([f"--daemon-{name.replace('_', '-')}={value}" for name, value in given.items()], {}))


class FakeDaemon:
    """All parts of a daemon, connected as `Server` connects them, with the test at the other ends.

    Attributes:
        opened: the connections to layers and runs, in the order in which they were made.
    """

    def __init__(
        self,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        forces_sessions: bool = False,
        is_patient: bool = True,
        **values: str,
    ) -> None:
        """Start with no layer; `values` are options of the daemon."""
        self.root = str(root)
        self.settings = ServerSettings(options(**values), forces_sessions=forces_sessions, is_patient=is_patient)
        self.loop = FakeLoop()
        self.queue: EventQueue = deque()
        self.listener = FakeListener()
        self.endpoint = FakeEndpoint(self.root, self.listener)
        self.processes = FakeProcesses()
        self.opened: list[FakeChannel] = []
        monkeypatch.setattr(sockets, "pair", self._pair)
        self.history = RunHistory()
        self.layers = LayerProcesses(
            self.loop, self.queue, self.history, self.processes, self.settings.build_patience_s
        )
        self.runs = RunTable(self.loop, self.layers, self.queue)
        self.supervisor = LayerSupervisor(self.layers, self.root, self.settings.cache)
        self.sessions = SessionCache(self.loop, self.layers, self.root, is_forced=forces_sessions)
        self.trigger = RebuildTrigger(self.loop, self.root, self.queue)
        self.gate = BackgroundGate(self.root)
        self.connections = Connections(self.loop, self.listener, self.queue)
        self.parts = Parts(
            loop=self.loop,
            endpoint=self.endpoint,
            connections=self.connections,
            layers=self.layers,
            runs=self.runs,
            supervisor=self.supervisor,
            sessions=self.sessions,
            trigger=self.trigger,
            gate=self.gate,
            history=self.history,
        )
        self.dispatcher = Dispatcher(self.parts, self.queue, self.settings)

    def _pair(self, route: Route[Record], *, send_timeout_s: float | None = None) -> tuple[FakeChannel, int]:
        assert send_timeout_s == 0 or route.sender == "run", "nothing may wait for a zygote"
        self.opened.append(FakeChannel(route))
        return self.opened[-1], os.open(os.devnull, os.O_RDWR)

    def settle(self) -> None:
        """End a round of the loop."""
        self.dispatcher.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, with a round of the loop for each timer."""
        self.loop.advance(seconds, self.settle)

    def handle(self, *events: Event) -> None:
        """Have the dispatcher handle events."""
        self.queue.extend(events)
        self.settle()

    def connect(self) -> FakeChannel:
        """Have a client connect."""
        client = FakeChannel(client_messages.FROM_CLIENT)
        self.listener.arriving.append(client)
        self.loop.actions[self.listener]()
        return client

    def ask(self, *args: str, client: FakeChannel | None = None, **fields: object) -> FakeChannel:
        """Have a client ask for a run."""
        client = client or self.connect()
        client.descriptors = [os.open(os.devnull, os.O_RDWR) for _ in range(4)]
        self.receive(client, request(self.root, *args, **fields))
        return client

    def receive(self, channel: FakeChannel, *received: Record | Exception) -> None:
        """Have the daemon receive messages in one round of its loop."""
        channel.inbox.extend(received)
        self.loop.actions[channel]()
        self.settle()

    def cut(self, channel: FakeChannel) -> None:
        """End a connection at the other end."""
        channel.is_cut = True
        self.receive(channel)

    def teach(self, tmp_path: Path, first: Iterable[str] = (), third: Iterable[str] = ()) -> None:
        """Have the graph know modules, as if a run had taught them."""
        for names, party in ((third, "third"), (first, "first")):
            for name in names:
                file = tmp_path / f"{name}.py"
                file.write_text(f"name = {name!r}\n")
                self.supervisor.graph.modules[name] = (str(file), party, "")

    def build(self, *, pid: int = 500, **fields: object) -> FakeChannel:
        """Have the layer that was started last become ready; return its connection."""
        channel = self.opened[-1]
        self.receive(channel, layer_messages.Hello(pid), built(**fields))
        return channel

    def ready(self) -> tuple[FakeChannel, FakeChannel]:
        """Serve a first client up to its run: return the connections of the client and of the run's own."""
        client = self.ask()
        self.build()
        return client, self.opened[-1]
