"""Fixtures that outlive the run, as a run uses them: found, looked after, or made anew.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pickle
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters import keepers, processes, rendezvous, sockets
from pytest_zygote.workers import wire
from pytest_zygote.workers.instance import KEEPING, NOTHING
from pytest_zygote.workers.keeper import FAILED, READY, Order, Told, keep
from pytest_zygote.workers.reach import Reach, contents
from pytest_zygote.workers.sharing import DAEMON, sharing_of

if TYPE_CHECKING:
    import socket

    from _pytest.fixtures import SubRequest

    from pytest_zygote.adapters.rendezvous import Rendezvous
    from pytest_zygote.workers.instance import Instance


class Refused(Exception):  # noqa: N818 - the fixture is an ordinary one then
    """Why a fixture cannot outlive the run."""


class Wanted:
    """A fixture, for a test and a parameter."""

    def __init__(self, item: pytest.Item, definition: pytest.FixtureDef[object], key: object) -> None:
        """Look at what pytest knows of it."""
        self.item = item
        self.definition = definition
        self.key = key
        self.name = f"{definition.baseid}\0{definition.argname}\0{key!r}"
        sharing = sharing_of(definition)
        assert sharing is not None  # noqa: S101 - the caller has looked
        self.sharing = sharing


class Kept:
    """Gives values to the fixtures of a session that are declared to live as long as the daemon."""

    def __init__(self, session: pytest.Session, place: Rendezvous, daemon: int) -> None:
        """Have used nothing yet."""
        self._session = session
        self._place = place
        self._daemon = daemon
        self._values: dict[str, tuple[str, object]] = {}
        self._links: list[socket.socket] = []
        self._refused: set[str] = set()
        self._kept_here: pytest.FixtureDef[object] | None = None
        self._needs: dict[pytest.FixtureDef[object], tuple[str, ...]] = {}

    def cut(self) -> None:
        """Have pytest set up nothing in the run that only fixtures need which are set up elsewhere."""
        infos = {id(info): info for item in self._session.items if (info := getattr(item, "_fixtureinfo", None))}
        for info in infos.values():
            found = [one for definitions in info.name2fixturedefs.values() for one in definitions if self.keeps(one)]
            for definition in found:
                self._needs.setdefault(definition, tuple(definition.argnames))
                definition.argnames = ()
            if found:
                info.prune_dependency_tree()

    def _restore(self, definition: pytest.FixtureDef[object]) -> None:
        definition.argnames = self._needs.get(definition, definition.argnames)  # type: ignore[misc]

    def _needed(self, wanted: Wanted) -> dict[str, pytest.FixtureDef[object]]:
        """Return what a fixture needs, itself included: name → definition."""
        manager = self._session._fixturemanager
        found: dict[str, pytest.FixtureDef[object]] = {}
        waiting = {wanted.definition.argname: wanted.definition}
        while waiting:
            name, definition = waiting.popitem()
            found[name] = definition
            for other in self._needs.get(definition, definition.argnames):
                definitions = manager.getfixturedefs(other, wanted.item)
                if other not in found and definitions:
                    waiting[other] = definitions[-1]
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object], request: SubRequest) -> object | None:
        """Give the value of a fixture that outlives the run; leave all others to pytest."""
        __tracebackhide__ = True
        if not self.keeps(fixturedef):
            return None
        key = fixturedef.cache_key(request)
        try:
            value = self.value_of(request._pyfuncitem, fixturedef, key)
        except Refused:
            for name in fixturedef.argnames:  # as pytest does before it calls this hook
                needed = request._get_active_fixturedef(name)
                needed.addfinalizer(functools.partial(fixturedef.finish, request=request))
            return None
        except pytest.fail.Exception as error:
            fixturedef.cached_result = (None, key, (error, error.__traceback__))
            raise
        fixturedef.cached_result = (value, key, None)
        return value if value is not None else NOTHING

    def keeps(self, definition: pytest.FixtureDef[object]) -> bool:
        """Tell whether a fixture is declared to outlive the run."""
        sharing = sharing_of(definition)
        return sharing is not None and sharing.lifetime == DAEMON and definition is not self._kept_here

    def provide(self, instance: Instance) -> bool:
        """Give an instance its value; tell whether it is one of a fixture that outlives the run."""
        __tracebackhide__ = True
        if not self.keeps(instance.definition):
            return False
        try:
            instance.value = self.value_of(instance.item, instance.definition, instance.key)
        except Refused:
            return False
        return True

    def value_of(self, item: pytest.Item, definition: pytest.FixtureDef[object], key: object) -> object:
        """Return the value of a fixture, which is set up now if it does not exist, or is not right any more.

        Raises:
            Refused: it cannot outlive the run.
            pytest.fail.Exception: setting it up failed.
        """
        wanted = Wanted(item, definition, key)
        if wanted.name in self._refused:
            raise Refused
        return self._find(wanted)[1]

    def _find(self, wanted: Wanted) -> tuple[str, object]:
        """Return token and value."""
        __tracebackhide__ = True
        if wanted.name not in self._values:
            fingerprint = self._fingerprint(wanted)
            path = keepers.path_for(self._place.socket, wanted.name)
            lock = rendezvous.take_lock(keepers.lock_of(path), wait=True)
            try:
                found = self._use(wanted, path, fingerprint)
                if found is None:
                    self._make(wanted, path, fingerprint, lock)
                    found = self._use(wanted, path, fingerprint)
            finally:
                os.close(lock)
            if found is None:
                pytest.fail(f"the fixture {wanted.definition.argname!r} was set up, and is not healthy", pytrace=False)
            self._values[wanted.name] = found
        return self._values[wanted.name]

    def _fingerprint(self, wanted: Wanted) -> str:
        """Return what changes when the fixture must be set up again."""
        from _blake2 import blake2b

        reach = Reach()
        digest = blake2b(digest_size=16)
        for name, definition in sorted(self._needed(wanted).items()):
            reach.follow(definition.func)
            if definition is not wanted.definition and self.keeps(definition):
                spec = getattr(wanted.item, "callspec", None)
                key = spec.params.get(name) if spec is not None else None
                digest.update(self._find(Wanted(wanted.item, definition, key))[0].encode())
        root = str(self._session.config.rootpath)
        inputs = wanted.sharing.inputs
        paths = [os.path.join(root, path) for path in inputs if not path.startswith("$")]
        keys = [f"{name}={os.environ.get(name[1:])}".encode() for name in inputs if name.startswith("$")]
        for part in (*keys, *contents([*reach.files, *paths])):
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()

    def _use(self, wanted: Wanted, path: str, fingerprint: str) -> tuple[str, object] | None:
        """Return token and value of what exists, if it is right; else end it."""
        link = keepers.connect(path)
        if link is None:
            return None
        if sockets.peer_user(link) != os.getuid():
            link.close()
            return None
        try:
            link.sendall(keepers.USE)
            reply = wire.unpack(link.recv)
            assert isinstance(reply, wire.Loan)  # noqa: S101 - see `keeper.Keeper`
            value = pickle.loads(reply.payload)  # noqa: S301 - a process of ours has written it
            reason = "its code or inputs changed" if reply.fingerprint != fingerprint else reply.ailment
            reason = reason or _ailment(wanted, value)
        except Exception as error:  # noqa: BLE001 - it is dead, or its class is not what it was
            reason = f"it cannot be used ({error!r})"
        else:
            if not reason:
                self._links.append(link)
                return reply.token, value
        self._say(f"fixture {wanted.definition.argname!r} is set up again: {reason}")
        link.close()
        keepers.end(path)
        return None

    def _make(self, wanted: Wanted, path: str, fingerprint: str, lock: int) -> None:
        """Fork the process that keeps it, and wait until it is set up."""
        __tracebackhide__ = True
        order = Order(wanted.item, wanted.definition.argname, path)
        order.fingerprint, order.daemon, order.log = fingerprint, self._daemon, self._place.log
        ours, theirs = os.pipe()
        pid = processes.fork_among_threads(lambda: self._be(wanted, order, theirs, (ours, lock)))
        os.close(theirs)
        processes.wait(pid)
        told = _outcome(ours)
        sys.stdout.write(told.output)
        if told.outcome == FAILED:
            pytest.fail(f"setting up {wanted.definition.argname!r} failed:\n{told.text}", pytrace=False)
        if told.outcome != READY:
            self._refused.add(wanted.name)
            self._restore(wanted.definition)
            self._say(f"fixture {wanted.definition.argname!r} lives as long as the run: {told.text}")
            raise Refused(told.text)

    def _be(self, wanted: Wanted, order: Order, theirs: int, ours: tuple[int, ...]) -> int:
        """Be a child that leaves the process behind: to the run it is no child."""
        for descriptor in ours:  # a lock is held until the last process has closed it
            os.close(descriptor)
        self._kept_here = wanted.definition
        self._restore(wanted.definition)
        processes.fork_among_threads(lambda: keep(order, theirs))
        return 0

    def _say(self, line: str) -> None:
        reporter = self._session.config.pluginmanager.getplugin("terminalreporter")
        capture = self._session.config.pluginmanager.getplugin("capturemanager")
        if reporter is not None and self._session.config.option.verbose >= 0:
            with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
                reporter.ensure_newline()
                reporter.write_line(f"zygote: {line}")


def _outcome(descriptor: int) -> Told:
    """Wait for the word of the process that sets a fixture up."""
    with open(descriptor, "rb") as stream:
        try:
            told = wire.unpack(stream.read)
        except EOFError:
            return Told(FAILED, "the process that was to keep it has ended", "")
    assert isinstance(told, Told)  # noqa: S101 - see `keeper._tell`
    return told


def _ailment(wanted: Wanted, value: object) -> str:
    """Return why a value cannot be used, as the user's own check says; '' if it can."""
    check = wanted.sharing.check
    if check is None:
        return ""
    try:
        return "" if check(value) else "its check failed"
    except Exception as error:  # noqa: BLE001 - the user's own
        return f"its check failed ({error!r})"


def begin(session: pytest.Session, name: str) -> None:
    """Have fixtures outlive this run, which a daemon of this name serves."""
    place = rendezvous.Rendezvous(str(session.config.rootpath), name)
    daemon = _daemon_at(place)
    if daemon:
        kept = Kept(session, place, daemon)
        kept.cut()
        session.config.pluginmanager.register(kept, KEEPING)


def _daemon_at(place: Rendezvous) -> int:
    """Return the process of the daemon; 0 if there is none here."""
    from pytest_zygote.adapters import sockets
    from pytest_zygote.core.messages import Answer, StatusRequest

    channel = sockets.connect(place.socket)
    if channel is None:
        return 0
    channel.send(StatusRequest("json"))
    while (received := channel.receive()) is not None:
        for message in received:
            if isinstance(message, Answer):
                return int(json.loads(message.text)["pid"])
    return 0
