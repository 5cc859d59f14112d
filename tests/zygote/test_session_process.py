"""The process of a collected session: how it ends, and what it does for the daemon."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.internals import Feature
from pytest_zygote.core.protocol import client_messages, framing, layer_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.zygote.zygote_loop import CheckFiles
from pytest_zygote.run.process import descriptor_in_use
from pytest_zygote.zygote import session_process
from pytest_zygote.zygote.session_process import SessionProcess, SessionRun
from tests.support.strategies import example_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pytest_zygote.run.collected_session import PytestSession
    from pytest_zygote.run.inherited_layer import InheritedLayer

    DaemonEnd: TypeAlias = sockets.Channel[layer_messages.FromSession, layer_messages.ToSession]

LAYER = cast("InheritedLayer", SimpleNamespace(run_state=lambda _: None, kind="project"))


class LeftError(BaseException):
    """The process would have ended."""


class OpenSession(SessionProcess):
    """A session whose orders come from the test, without the daemon's loop."""

    def check(self, *paths: str) -> None:
        """Perform what a question of the daemon has led to."""
        assert self._perform(CheckFiles(paths)) is None

    def know(self, pytest_session: object) -> None:
        """Have collected this."""
        self._pytest = cast("PytestSession", pytest_session)

    def be_a_run(self) -> None:
        """Be a fork that is a run."""
        self._is_run = True

    @property
    def run(self) -> SessionRun:
        """The run that it stands for."""
        return self._run


class World:
    """A session, and the daemon's end of its connection.

    Attributes:
        marks: how often it was noted what was written so far.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start before pytest does."""
        self.marks: list[str] = []
        doubles = SimpleNamespace(descriptors=[], mark=lambda: self.marks.append("mark"))
        monkeypatch.setattr(session_process, "TerminalDoubles", lambda *_: doubles)
        monkeypatch.setattr(session_process, "CollectionInputs", lambda *_, **__: SimpleNamespace())
        monkeypatch.setattr("pytest_zygote.run.process.ImportReplay", lambda _: SimpleNamespace())
        monkeypatch.setattr(os, "_exit", self.leave)
        self.daemon: DaemonEnd
        self.daemon, descriptor = sockets.pair(layer_messages.FROM_SESSION)
        self.channel: sockets.Channel[layer_messages.ToSession, layer_messages.FromSession]
        self.channel = sockets.adopt(descriptor, layer_messages.TO_SESSION)
        self.session = self.new_session(descriptors=())

    def new_session(self, **fields: object) -> OpenSession:
        """Return a session for a request of which this is known."""
        request = example_of(client_messages.RunRequest).replaced(**fields)
        return OpenSession(layer_messages.Collect(framing.pack(request), (), ()), LAYER, self.channel)

    @staticmethod
    def leave(_status: int) -> None:
        """Stand for the end of the process."""
        raise LeftError

    def received(self) -> list[layer_messages.FromSession]:
        """Return what the daemon was sent."""
        return (self.daemon.receive() or []) if self.daemon.is_readable() else []


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Provide a session."""
    made = World(monkeypatch)
    yield made
    made.daemon.close()
    made.channel.close()


LEAK = Reason("session-side-effect", "collection leaves a thread")
LOST = Reason("internals-changed", "pytest is another")
OTHER_OPTIONS = Reason("options-differ", "importmode is 'importlib'")


def failed(reason: Reason) -> layer_messages.BuildFailed:
    """Return what the daemon is sent by a session that cannot be."""
    return layer_messages.BuildFailed({}, reason)


def test_a_session_that_cannot_be_says_why_and_ends(world: World) -> None:
    """Runs are forked from the project layer."""
    with pytest.raises(LeftError):
        world.session.abort(LEAK)

    assert world.received() == [failed(LEAK)]


def test_a_run_is_not_ended_with_its_session(world: World) -> None:
    """What its tests do is their affair."""
    world.session.be_a_run()

    world.session.abort(LEAK)
    world.session.mark()

    assert (world.received(), world.marks) == ([], [])


def test_a_layer_that_is_not_exact_ends_the_session(world: World) -> None:
    """There is no client yet whose run could start over."""
    with pytest.raises(LeftError):
        world.session.run.start_over("base", OTHER_OPTIONS)

    assert world.received() == [failed(OTHER_OPTIONS)]


def test_a_fault_of_ours_ends_the_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its trace, for the daemon's log."""

    def fail(_feature: Feature) -> str:
        message = "a fault"
        raise ValueError(message)

    monkeypatch.setattr(session_process, "lost_reason", fail)

    with pytest.raises(LeftError):
        world.session.collect()

    (message,) = world.received()
    assert isinstance(message, layer_messages.BuildFailed)
    assert "ValueError: a fault" in message.reason.text


def test_a_number_of_the_layer_s_own_ends_the_session(world: World) -> None:
    """A run from the layer starts over for the same reason."""
    taken, other = os.pipe()
    with pytest.raises(LeftError):
        world.new_session(descriptors=(taken,)).collect()
    assert world.received()[0] == failed(descriptor_in_use(taken))
    os.close(taken)
    os.close(other)


def test_an_unknown_pytest_has_no_sessions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What sessions rely on is looked at first."""
    lost = {Feature.SESSIONS: LOST}
    monkeypatch.setattr(session_process, "lost_reason", lost.get)

    with pytest.raises(LeftError):
        world.session.collect()

    assert world.received()[0] == failed(LOST)


def test_what_was_written_is_marked_before_more_is_collected(world: World) -> None:
    """A run that collects again writes the rest itself."""
    world.session.mark()

    assert world.marks == ["mark"]


def test_the_daemon_learns_only_which_files_cannot_be_collected_again(world: World) -> None:
    """Those that can are said nothing of."""
    known = SimpleNamespace(why_not_recollectable=lambda paths: "" if paths == ("test_a.py",) else "it warns")
    world.session.know(known)

    world.session.check("test_a.py")
    assert world.received() == []

    world.session.check("test_b.py")
    assert world.received() == [layer_messages.NotRecollectable(Reason("session-recollection", "it warns"))]
