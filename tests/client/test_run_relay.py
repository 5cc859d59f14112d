"""How a client lends its terminal: what it sends, and what each answer of the daemon means."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.signals import SignalPipe
from pytest_zygote.client import run_relay
from pytest_zygote.client.request import make_request
from pytest_zygote.client.run_relay import Declined, RunEnd, lend
from pytest_zygote.core.protocol.client_messages import (
    FROM_CLIENT,
    LOST,
    TO_CLIENT,
    Answer,
    Cold,
    Finished,
    Notice,
    Outdated,
    Relay,
    RunRequest,
    Started,
    Stopped,
)
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, ToClient

    Ours: TypeAlias = Channel[ToClient, FromClient]
    Theirs: TypeAlias = Channel[FromClient, ToClient]
    Ends: TypeAlias = tuple[Ours, Theirs]

STOPPING = Reason("daemon-stopping", "it is leaving")


@pytest.fixture(name="ends")
def _ends() -> Iterator[Ends]:
    """Give both ends of a connection: the client's and the daemon's."""
    ours: Ours
    daemon: Theirs
    ours, theirs = sockets.pair(TO_CLIENT)
    daemon = sockets.adopt(theirs, FROM_CLIENT)
    yield ours, daemon
    ours.close()
    daemon.close()


@pytest.fixture(name="link")
def _link() -> Iterator[Ours]:
    """Give a link at whose other end is nobody any more."""
    link: Ours
    link, theirs = sockets.pair(TO_CLIENT)
    os.close(theirs)
    yield link
    link.close()


def lend_to(ends: Ends, *answers: ToClient, hangs_up: bool = False) -> RunEnd | Declined:
    """Lend the terminal to a daemon that answers at once."""
    client, daemon = ends
    for answer in answers:
        daemon.send(answer)
    if hangs_up:
        daemon.close()
    return lend(client, make_request(("-q",)))


def received(ends: Ends) -> list[FromClient]:
    """Return what the daemon has got, once the client has closed the connection."""
    ends[0].close()
    found: list[FromClient] = []
    while (batch := ends[1].receive()) is not None:
        found += batch
    return found


class Pipe:
    """Signals that have arrived."""

    def __init__(self, *numbers: int) -> None:
        """Give these."""
        self._numbers = numbers

    def read(self) -> tuple[int, ...]:
        """Return them."""
        return self._numbers


def test_the_run_ends_the_client(ends: Ends) -> None:
    """With its exit code; the daemon got the request, and descriptors 0, 1, 2, and a link."""
    assert lend_to(ends, Started(1), Finished(5)) == RunEnd(5)

    (request,) = received(ends)
    assert isinstance(request, RunRequest)
    assert len(ends[1].adopt_descriptors()) == 4 + len(request.descriptors)


@pytest.mark.parametrize(("message", "restart"), [(Cold(STOPPING), False), (Outdated(STOPPING), True)])
def test_a_daemon_that_declines_says_why(ends: Ends, message: ToClient, restart: bool) -> None:  # noqa: FBT001 - a case
    """One that is outdated makes room for another, which may serve the run."""
    assert lend_to(ends, message) == Declined(STOPPING, restart=restart)


def test_notices_are_printed(ends: Ends, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, as ours; a message that nobody expects is shown by its name."""
    lend_to(ends, Notice("importing pandas"), Answer("what?"), Finished(0))

    printed = capsys.readouterr().err
    assert printed == "zygote: importing pandas\nzygote: the daemon sent Answer out of place\n"


def test_a_daemon_that_is_gone_may_be_replaced(ends: Ends) -> None:
    """No test has run yet."""
    outcome = lend_to(ends, hangs_up=True)

    assert isinstance(outcome, Declined)
    assert (outcome.reason.code, outcome.restart) == ("daemon-lost", True)


def test_a_run_whose_end_nobody_saw_is_no_success(ends: Ends, link: Ours, capsys: pytest.CaptureFixture[str]) -> None:
    """The process had started, and is gone too."""
    client, daemon = ends
    pipe = SignalPipe(())
    relay = run_relay._RelayedTerminal(client, pipe, link)  # noqa: SLF001 - a daemon that dies now
    daemon.send(Started(2**22 + 1))
    daemon.close()

    assert [relay._listen(), relay._listen()] == [None, RunEnd(LOST)]  # noqa: SLF001
    pipe.close()
    assert "its result is unknown" in capsys.readouterr().err


def test_a_suspended_daemon_keeps_nobody_waiting(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent nothing: our output would stay open with it."""
    monkeypatch.setattr(type(ends[0]), "stopped_peer", lambda _: 77)
    outcome = lend_to(ends)

    assert isinstance(outcome, Declined)
    assert (outcome.reason.code, outcome.restart) == ("daemon-suspended", False)
    assert "kill -CONT 77" in outcome.reason.text


def test_the_client_stops_with_the_run(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the shell continues the client, it continues the run."""
    stops: list[None] = []
    monkeypatch.setattr(run_relay, "suspend", lambda: stops.append(None))

    lend_to(ends, Started(2**22 + 1), Stopped(signal.SIGTSTP), Finished(0))

    assert stops == [None]
    assert received(ends)[1:] == [Relay(signal.SIGCONT)]


def test_the_client_does_not_stop_for_a_run_that_goes_on(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch system has continued it before the client read that it was stopped."""
    stops: list[None] = []
    monkeypatch.setattr(run_relay, "suspend", lambda: stops.append(None))

    lend_to(ends, Started(os.getpid()), Stopped(signal.SIGSTOP), Finished(0))

    assert stops == []
    assert len(received(ends)) == 1


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, RunEnd(-signal.SIGINT)), (signal.SIGWINCH, None), (signal.SIGTSTP, None)]
)
def test_a_signal_before_the_run_is_the_clients(
    ends: Ends, link: Ours, monkeypatch: pytest.MonkeyPatch, number: int, expected: RunEnd | None
) -> None:
    """It ends or stops the client, as it would a pytest that imports."""
    stops: list[None] = []
    monkeypatch.setattr(run_relay, "suspend", lambda: stops.append(None))
    relay = run_relay._RelayedTerminal(ends[0], Pipe(number), link)  # type: ignore[arg-type]  # noqa: SLF001 - signals without a process

    assert relay._relay() == expected  # noqa: SLF001
    assert bool(stops) == (number == signal.SIGTSTP)


def test_a_signal_during_the_run_is_the_runs(ends: Ends, link: Ours) -> None:
    """The client waits for what the run makes of it."""
    relay = run_relay._RelayedTerminal(ends[0], Pipe(signal.SIGINT), link)  # type: ignore[arg-type]  # noqa: SLF001 - signals without a process
    ends[1].send(Started(1))
    relay._listen()  # noqa: SLF001

    assert relay._relay() is None  # noqa: SLF001
    assert received(ends) == [Relay(signal.SIGINT)]
