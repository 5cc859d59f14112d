"""How a run of watch mode is asked for, and what its news mean."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client.daemon_launcher import DaemonLauncher
from pytest_zygote.client.request import make_request
from pytest_zygote.client.watch import jobs
from pytest_zygote.client.watch.jobs import Starter, WarmRun
from pytest_zygote.core.cli.daemon_options import options_of
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol.client_messages import (
    FROM_CLIENT,
    LOST,
    TO_CLIENT,
    Cold,
    Finished,
    Notice,
    Relay,
    RunRequest,
    Started,
    Stopped,
)
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.runner_code import TERMINAL
from pytest_zygote.daemon.client import LINKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, ToClient

STOPPING = Reason("daemon-stopping", "it is leaving")


class Daemon:
    """The other end of a run's connection."""

    def __init__(self) -> None:
        """Connect, and let the run ask."""
        ours: Channel[ToClient, FromClient]
        ours, theirs = sockets.pair(TO_CLIENT)
        self.channel: Channel[FromClient, ToClient] = sockets.adopt(theirs, FROM_CLIENT)
        self.lines: list[str] = []
        self.run = WarmRun(ours, make_request(("-q",)), self.lines.append)

    def received(self) -> list[FromClient]:
        """Return what came."""
        return self.channel.receive() or []


@pytest.fixture(name="daemon")
def _daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.run.close()
    daemon.channel.close()


def test_a_warm_run_is_asked_for_without_input(daemon: Daemon) -> None:
    """The keys are watch mode's; output goes to the terminal."""
    (request,) = daemon.received()

    assert isinstance(request, RunRequest)
    assert len(daemon.channel.adopt_descriptors()) == 3 + len(request.descriptors) + LINKS


@pytest.mark.parametrize(("message", "expected"), [(Finished(1), 1), (Cold(STOPPING), STOPPING), (Started(1), None)])
def test_news_of_a_warm_run(daemon: Daemon, message: ToClient, expected: int | Reason | None) -> None:
    """It has ended, it is to be plain, or it goes on."""
    daemon.channel.send(message)

    assert daemon.run.proceed() == expected


def test_what_the_daemon_says_is_printed(daemon: Daemon) -> None:
    """The run goes on."""
    daemon.channel.send(Notice("importing pandas"))

    assert daemon.run.proceed() is None
    assert daemon.lines == ["importing pandas"]


def test_a_signal_waits_for_the_process(daemon: Daemon) -> None:
    """Before that there is nobody to get it."""
    daemon.received()
    daemon.run.send(signal.SIGINT)
    daemon.channel.send(Started(1))
    daemon.run.proceed()
    daemon.run.send(signal.SIGKILL)

    assert daemon.received() == [Relay(signal.SIGINT), Relay(signal.SIGKILL)]


def test_a_paused_run_has_stopped(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only been told to: until it stops, it reads the keys that are meant for the shell."""
    states = [True, False]
    monkeypatch.setattr(jobs, "goes_on", lambda _pid: states.pop(0))
    for message in (Started(7), Notice("it waits"), Stopped(signal.SIGSTOP)):
        daemon.channel.send(message)
        if isinstance(message, Started):
            daemon.run.proceed()
    daemon.run.pause()

    assert (daemon.lines, states) == (["it waits"], [])


def test_a_run_that_ends_is_not_waited_for_to_stop(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how it ended is not lost."""
    monkeypatch.setattr(jobs, "goes_on", lambda _pid: True)
    daemon.channel.send(Started(7))
    daemon.run.proceed()
    daemon.channel.send(Finished(3))
    daemon.run.pause()

    assert daemon.run.proceed() == 3


def test_run_whose_daemon_is_gone_ends_as_its_zygote_says(daemon: Daemon) -> None:
    """On the link that was sent with the request."""
    daemon.received()
    link: Channel[FromClient, ToClient] = sockets.adopt(daemon.channel.adopt_descriptors()[-1], FROM_CLIENT)
    daemon.channel.send(Started(1))
    daemon.run.proceed()
    daemon.channel.close()
    assert daemon.run.proceed() is None
    link.send(Finished(1))
    assert daemon.run.proceed() == 1
    link.close()


@pytest.mark.parametrize("has_started", [False, True])
def test_a_daemon_that_is_gone(daemon: Daemon, *, has_started: bool) -> None:
    """Before the run it is no harm; during the run its end is unknown, and that is no success."""
    if has_started:
        daemon.channel.send(Started(1))
        daemon.run.proceed()
    daemon.channel.close()
    outcome = daemon.run.proceed()

    assert outcome == (LOST if has_started else Reason("daemon-lost", "the daemon ended before the run started"))


@pytest.fixture(name="lines")
def _lines() -> list[str]:
    return []


@pytest.fixture(name="starter")
def _starter(tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> Starter:
    """Return what starts runs, where plain pytest is only named."""
    monkeypatch.setattr(jobs, "ineligible", lambda *_: None)
    monkeypatch.setattr(jobs, "ColdRun", lambda args, environ: ("cold", args, environ))
    settings = Settings((), {})
    launcher = DaemonLauncher(Rendezvous(str(tmp_path)), "", options_of(settings))
    return Starter(launcher, settings, make_request(()), lines.append, "a socket")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Unavailable(Reason("no-daemon", "there is none")), "cold run [no-daemon]: there is none"),
        (OSError("no room"), "cold run [daemon-unreachable]: no room"),
    ],
)
def test_without_a_daemon_runs_are_plain(
    starter: Starter, lines: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    """One line says why."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(jobs, "connect_or_start", fail)

    job: object = starter.start(("-q",))
    assert job == ("cold", ("-q",), {TERMINAL: "a socket"})
    assert lines == [line]


def test_what_the_user_switched_off_is_not_printed(starter: Starter, lines: list[str]) -> None:
    """As in a run without watch mode."""
    starter.start_cold((), Reason("switched-off", "by a setting"))
    starter.start_cold((), STOPPING)

    assert lines == ["cold run [daemon-stopping]: it is leaving"]
