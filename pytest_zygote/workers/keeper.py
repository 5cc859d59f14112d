"""The process that keeps one fixture from run to run.

It is a fork of the first run that needs the fixture, with everything imported that the fixture
needs, and with nothing of that run's: no terminal, no connections, no captured output, temporary
folders of its own. It sets the fixture up, with all that this needs, and gives each run a copy of
the value. It tears down when it is told to and nobody uses the value, or when the daemon is gone.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import selectors
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters import exits, keepers, processes
from pytest_zygote.core.records import Record
from pytest_zygote.workers import wire
from pytest_zygote.workers.host import Host

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator

    from pytest_zygote.workers.instance import Instance

LOOK_AGAIN_S = 1.0
"""Where no descriptor tells of the daemon's end (macOS), it is looked for this often."""
FAILED, REFUSED, READY = "failed", "refused", "ready"


class Told(Record):
    """How setting up went.

    Attributes:
        outcome: one of the three.
        text: what is wrong.
        output: what was printed meanwhile.
    """

    outcome: str
    text: str
    output: str


class Order:
    """What is to be kept, and where.

    Attributes:
        item: a test that needs it.
        name: of the fixture.
        path: of the socket.
        fingerprint: of its code and inputs.
        daemon: whose end is the end of the fixture.
        log: where is written what nobody reads.
    """

    def __init__(self, item: pytest.Item, name: str, path: str) -> None:
        """Have the rest filled in."""
        self.item = item
        self.name = name
        self.path = path
        self.fingerprint = ""
        self.daemon = 0
        self.log = os.devnull


def keep(order: Order, reply: int) -> int:
    """Be the process, in a fresh fork of a run; tell at `reply` how setting up went; return the exit code."""
    _part(order, reply)
    basetemp = Path(tempfile.mkdtemp(prefix="zygote-fixture-"))
    host = _fresh_host(order.item.session, basetemp)
    told = Told(FAILED, "it ended while it was set up", "")
    try:
        host.make(order.item, order.name)
        instance = host.find_for(order.item, order.name)
        told, payload = _outcome(instance)
        if payload is not None:
            keeper = Keeper(order, payload)
            _tell(reply, told)
            keeper.serve()
        else:
            _tear_down(host)
            _tell(reply, told)
    except SystemExit:  # the daemon's or the user's SIGTERM
        pass
    finally:
        _tear_down(host)
        shutil.rmtree(basetemp, ignore_errors=True)
        keepers.remove(order.path)
    return 0


def _part(order: Order, reply: int) -> None:
    """Stop being a part of the run."""
    os.setsid()
    processes.die_with_parent(on=False)
    gc.freeze()
    exits.forget()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    capture = order.item.config.pluginmanager.getplugin("capturemanager")
    shared = getattr(capture, "_global_capturing", None)
    if shared is not None:
        shared.stop_capturing()
    foreign = _foreign(reply)
    with open(os.devnull, "r+b") as nothing, open(order.log, "ab") as log:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        for descriptor in foreign:
            os.dup2(nothing.fileno(), descriptor, inheritable=False)
    if capture is not None and shared is not None:
        capture._global_capturing = None
        capture.start_global_capturing()
        capture.suspend_global_capture()


def _foreign(reply: int) -> list[int]:
    """Return the descriptors behind which somebody may wait for this process to close them."""
    found = []
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            kind = os.fstat(int(name)).st_mode
            if int(name) not in {0, 1, 2, reply} and (stat.S_ISSOCK(kind) or stat.S_ISFIFO(kind) or stat.S_ISCHR(kind)):
                found.append(int(name))
    return found


def _fresh_host(session: pytest.Session, basetemp: Path) -> Host:
    """Forget what the run has set up: it is torn down there."""
    manager = session.config.pluginmanager
    if manager.hasplugin("zygote_host"):
        manager.unregister(name="zygote_host")
    for definition in _definitions([vars(session._fixturemanager)]):
        definition.cached_result = None
        definition._finalizers.clear()
    session._setupstate.stack.clear()
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        factory._given_basetemp = factory._basetemp = basetemp
    host = Host(session)
    manager.register(host, "zygote_host")
    return host


def _definitions(parts: Iterable[object]) -> Iterator[pytest.FixtureDef[object]]:
    """Give the fixtures in what pytest's manager holds: lists of them, by names and nodes, in each version another."""
    for part in parts:
        if isinstance(part, pytest.FixtureDef):
            yield part
        elif isinstance(part, dict):
            yield from _definitions(part.values())
        elif isinstance(part, (list, tuple)):
            yield from _definitions(part)


def _outcome(instance: Instance | None) -> tuple[Told, bytes | None]:
    """Return what is to be told about a fixture that was set up, and its value as bytes."""
    assert instance is not None  # noqa: S101 - it has just been made
    if instance.error is not None:
        error = pytest.ExceptionInfo.from_exception(instance.error.with_traceback(instance.traceback))
        return Told(FAILED, str(error.getrepr(style="short")), instance.output), None
    try:
        payload = pickle.dumps(instance.value, protocol=5)
    except Exception as error:  # noqa: BLE001 - __reduce__ of a foreign class may raise anything
        return Told(REFUSED, f"its value cannot be sent to another process ({error})", instance.output), None
    return Told(READY, "", instance.output), payload


def _tell(reply: int, told: Told) -> None:
    with open(reply, "wb", closefd=False) as stream, contextlib.suppress(OSError):
        stream.write(wire.parcel(told))
    os.close(reply)


def _tear_down(host: Host) -> None:
    for instance in host.give_up():
        try:
            instance.close()
        except BaseException:  # noqa: BLE001 - there is nobody left whom it concerns
            sys.stderr.write(f"fixture {instance.definition.argname!r}, torn down:\n{traceback.format_exc()}")


class Keeper:
    """Gives the value to runs, until it is told to end."""

    def __init__(self, order: Order, payload: bytes) -> None:
        """Listen."""
        from pytest_zygote.adapters.sockets import Listener

        self._order = order
        self._payload = payload
        self._token = uuid.uuid4().hex
        self._children = processes.children(os.getpid())
        self._users: set[socket.socket] = set()
        self._enders: set[socket.socket] = set()
        self._uses = 0
        self._since = time.time()
        self._listener = Listener(order.path)
        self._daemon = processes.open_pid(order.daemon)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        if self._daemon >= 0:
            self._selector.register(self._daemon, selectors.EVENT_READ)
        self._describe()

    def _describe(self) -> None:
        facts = {"name": self._order.name, "pid": os.getpid(), "since": self._since, "uses": self._uses}
        keepers.describe(self._order.path, facts)

    def serve(self) -> None:
        """Serve until the daemon is gone, or somebody has this ended and nobody uses it."""
        while not (self._enders and not self._users):
            if not processes.exists(self._order.daemon):
                return
            for key, _ in self._selector.select(None if self._daemon >= 0 else LOOK_AGAIN_S):
                if key.fileobj is self._listener:
                    self._admit()
                elif key.fileobj == self._daemon:
                    return
                else:
                    self._answer(key.data)

    def _admit(self) -> None:
        import socket

        channel = self._listener.accept(send_timeout_s=LOOK_AGAIN_S)
        if channel is not None:
            link = socket.socket(fileno=os.dup(channel.fileno()))
            channel.close()
            self._selector.register(link, selectors.EVENT_READ, link)

    def _answer(self, link: socket.socket) -> None:
        try:
            said = link.recv(1)
            if said == keepers.USE:
                self._users.add(link)
                self._uses += 1
                self._describe()
                loan = wire.Loan(self._token, self._order.fingerprint, self._ailment(), self._payload)
                link.sendall(wire.parcel(loan))
        except OSError:
            said = b""
        if said == keepers.END:
            self._users.discard(link)
            self._retire(link)
        elif not said:
            self._users.discard(link)
            self._enders.discard(link)
            self._selector.unregister(link)
            link.close()

    def _retire(self, link: socket.socket) -> None:
        """Be found by nobody any more."""
        if not self._enders:
            self._selector.unregister(self._listener)
            self._listener.close()
        self._enders.add(link)

    def _ailment(self) -> str:
        """Return what is wrong; '' if nothing is: programs that the fixture has started must still run."""
        for pid in self._children:
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    return f"its process {pid} has ended"
        return ""
