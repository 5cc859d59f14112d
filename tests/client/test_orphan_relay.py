"""A client whose daemon has died: it gets the run's status from the zygote, and passes on signals itself."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.signals import SignalPipe
from pytest_zygote.client import orphan_relay
from pytest_zygote.client.orphan_relay import OrphanRelay
from pytest_zygote.core.protocol.client_messages import FROM_CLIENT, TO_CLIENT, Finished, Started, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, ToClient

    Ours: TypeAlias = Channel[ToClient, FromClient]
    Theirs: TypeAlias = Channel[FromClient, ToClient]

GONE = 2**22 + 1


class System:
    """Processes: those that end, and the signals that were sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for the adapters."""
        self.sent: list[tuple[int, int]] = []
        self.ended, self.end = os.pipe()
        monkeypatch.setattr(orphan_relay, "signal_group", lambda *sent: self.sent.append(sent))
        monkeypatch.setattr(orphan_relay, "suspend", lambda: self.sent.append((0, signal.SIGSTOP)))
        monkeypatch.setattr(orphan_relay, "open_pid", lambda pid: -1 if pid == GONE else os.dup(self.ended))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Provide processes of the test's own."""
    system = System(monkeypatch)
    yield system
    os.close(system.ended)
    if system.end >= 0:
        os.close(system.end)


@pytest.fixture
def ends() -> Iterator[tuple[Ours, Theirs]]:
    """Give both ends of a link."""
    ours: Ours
    ours, theirs = sockets.pair(TO_CLIENT)
    zygote: Theirs = sockets.adopt(theirs, FROM_CLIENT)
    yield ours, zygote
    ours.close()
    zygote.close()


@pytest.fixture
def pipe() -> Iterator[SignalPipe]:
    """Provide signals that never come."""
    pipe = SignalPipe(())
    yield pipe
    pipe.close()


@pytest.mark.usefixtures("system")
def test_the_zygote_says_how_the_run_ended(ends: tuple[Ours, Theirs], pipe: SignalPipe) -> None:
    """With the run that is going on: a first one may have been compared with it."""
    for message in (Started(1), Finished(1), Started(2), Finished(0)):
        ends[1].send(message)
    assert OrphanRelay(ends[0], pipe, 2).wait() == 0


def test_stops_are_shared_and_end(ends: tuple[Ours, Theirs], pipe: SignalPipe, system: System) -> None:
    """When the shell continues the client, that continues the run."""
    ends[1].send(Stopped(signal.SIGTSTP))
    ends[1].send(Finished(-2))
    assert OrphanRelay(ends[0], pipe, 7).wait() == -2
    assert system.sent == [(0, signal.SIGSTOP), (7, signal.SIGCONT)]


def test_nobody_can_tell_once_the_zygote_and_the_run_are_gone(
    ends: tuple[Ours, Theirs], pipe: SignalPipe, system: System
) -> None:
    """The client waits for both."""
    ends[1].close()
    os.close(system.end)
    system.end = -1
    assert OrphanRelay(ends[0], pipe, 7).wait() is None


@pytest.mark.usefixtures("system")
def test_a_run_that_was_never_forked_is_not_waited_for(ends: tuple[Ours, Theirs], pipe: SignalPipe) -> None:
    """The daemon died before its order reached a zygote."""
    ends[1].close()
    relay = OrphanRelay(ends[0], pipe, 0)
    assert (relay.wait(), relay.run_pid) == (None, 0)


def test_a_zygote_that_is_stopped_is_not_waited_for(
    ends: tuple[Ours, Theirs], pipe: SignalPipe, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the run has ended it has little time to say so."""
    monkeypatch.setattr(orphan_relay, "UNREPORTED_MS", 0)
    os.close(system.end)
    system.end = -1
    assert OrphanRelay(ends[0], pipe, 7).wait() is None


def test_signals_go_to_the_run(ends: tuple[Ours, Theirs], system: System) -> None:
    """Ctrl-C works without a daemon."""
    pipe = SignalPipe((signal.SIGUSR1,))
    os.kill(os.getpid(), signal.SIGUSR1)
    relay = OrphanRelay(ends[0], pipe, 7)
    relay._relay()  # noqa: SLF001 - one signal, and no wait
    pipe.close()
    assert system.sent == [(7, signal.SIGUSR1)]
