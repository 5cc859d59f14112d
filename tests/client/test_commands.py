"""What each command about the daemon asks, prints, and ends with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import rendezvous, signals, sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client import commands
from pytest_zygote.client.daemon_launcher import DaemonLauncher
from pytest_zygote.client.request import make_request
from pytest_zygote.client.run_relay import RunEnd
from pytest_zygote.client.watch import loop
from pytest_zygote.core.cli.daemon_options import DaemonOptions
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol.client_messages import (
    FROM_CLIENT,
    TO_CLIENT,
    Answer,
    Notice,
    ReloadRequest,
    StatusRequest,
    StopRequest,
)
from pytest_zygote.core.protocol.errors import Unavailable, UsageError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.fixtures import keeper_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, RunRequest, ToClient

IDLE = json.dumps({"runs_going_on": 0, "layers": []})
BUSY = json.dumps({"runs_going_on": 1, "layers": []})


class Daemon:
    """Answers each connection with the next of these texts, and then is gone.

    Attributes:
        asked: what came on each connection.
    """

    def __init__(self, *answers: str) -> None:
        """Be there as long as there are answers."""
        self._answers = list(answers)
        self._channels: list[Channel[FromClient, ToClient]] = []

    def connect(self, _: str) -> Channel[ToClient, FromClient] | None:
        """Accept a client."""
        if not self._answers:
            return None
        ours: Channel[ToClient, FromClient]
        ours, theirs = sockets.pair(TO_CLIENT)
        channel: Channel[FromClient, ToClient] = sockets.adopt(theirs, FROM_CLIENT)
        channel.send(Notice("it takes a moment"))
        channel.send(Answer(self._answers.pop(0)))
        self._channels.append(channel)
        return ours

    @property
    def asked(self) -> list[FromClient]:
        """What came on each connection."""
        return [message for channel in self._channels for message in channel.receive() or ()]

    def close(self) -> None:
        """Close what is open."""
        for channel in self._channels:
            channel.close()


class Commands:
    """A command line for a daemon of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Reach no real daemon, and end no process."""
        self._monkeypatch = monkeypatch
        self.launch = DaemonLauncher(Rendezvous(str(folder)), cache="", options=DaemonOptions({}))
        self.daemon = Daemon()
        self.ended = 0
        monkeypatch.setattr(rendezvous, "check_private", lambda _: None)
        monkeypatch.setattr(keeper_client, "end_all", lambda _: self.ended)
        monkeypatch.setattr(signals, "leave", self._leave)

    def answer(self, *answers: str) -> None:
        """Have a daemon that answers so."""
        self.daemon = Daemon(*answers)
        self._monkeypatch.setattr(sockets, "connect_to_daemon", self.daemon.connect)

    @staticmethod
    def _leave(code: int) -> None:
        raise SystemExit(code)

    def obey(self, *args: str) -> object:
        """Carry out a command; return the exit code."""
        with pytest.raises(SystemExit) as raised:
            commands.obey(self.launch, Settings(args, {}), make_request(args))
        return raised.value.code


@pytest.fixture(name="command")
def _command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Commands]:
    """Give commands without a daemon."""
    command = Commands(monkeypatch, tmp_path)
    command.answer()
    yield command
    command.daemon.close()


@pytest.mark.parametrize(
    ("args", "question"),
    [
        (("--daemon-status",), StatusRequest("1")),
        (("--daemon-status=json",), StatusRequest("json")),
        (("--daemon-reload",), ReloadRequest()),
    ],
)
def test_the_answer_of_the_daemon_is_printed(
    command: Commands, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], question: FromClient
) -> None:
    """What else it sends is for runs."""
    command.answer("all is well")

    assert command.obey(*args) == 0
    assert capsys.readouterr().out == "all is well\n"
    assert command.daemon.asked == [question]


@pytest.mark.parametrize(
    ("args", "code", "printed"),
    [
        (("--daemon-status",), 1, "no daemon is running for this project: {root}"),
        (("--daemon-status=json",), 1, "null"),
        (("--daemon-reload",), 1, "no daemon is running for this project: {root}"),
        (("--daemon-reset-fixtures",), 1, "no daemon is running for this project: {root}"),
        (("--stop-daemon",), 0, "no daemon is running for this project: {root}"),
    ],
)
def test_without_a_daemon(
    command: Commands, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], code: int, printed: str
) -> None:
    """The root is named: it depends on where the ini-file is. What is to be stopped is stopped."""
    assert command.obey(*args) == code
    assert capsys.readouterr().out == printed.format(root=command.launch.place.root) + "\n"


def test_a_folder_that_was_never_made_has_no_daemon(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked."""

    def check(folder: str) -> None:
        raise FileNotFoundError(folder)

    command.answer("all is well")
    monkeypatch.setattr(rendezvous, "check_private", check)

    assert command.obey("--daemon-status") == 1


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (IDLE, ["it has stopped"]),
        (BUSY, ["waiting for runs that are going on (a second --stop-daemon ends them)", "it has stopped"]),
    ],
)
def test_a_daemon_that_stops_may_have_to_wait(
    command: Commands, capsys: pytest.CaptureFixture[str], status: str, lines: list[str]
) -> None:
    """The user reads how to end the runs."""
    command.answer(status, "it has stopped")

    assert command.obey("--stop-daemon") == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert command.daemon.asked == [StatusRequest("json"), StopRequest()]


@pytest.mark.parametrize(
    ("ended", "answers", "code"),
    [(2, (), 0), (0, (IDLE,), 0), (0, (), 1)],
    ids=["fixtures without a daemon", "a daemon without fixtures", "neither"],
)
def test_persistent_fixtures_are_torn_down(command: Commands, ended: int, answers: tuple[str, ...], code: int) -> None:
    """They end a little later than the daemon: it need not be there."""
    command.answer(*answers)
    command.ended = ended

    assert command.obey("--daemon-reset-fixtures") == code


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        ("--daemon-status=xml", "--daemon-status takes no value or 'json', not 'xml'"),
        ("--stop-daemon=now", "--stop-daemon takes no value, not 'now'"),
        ("--watch-queue=1,5", "--watch-queue takes no value, not '1,5'"),
    ],
)
def test_a_value_that_means_nothing_is_refused(command: Commands, arg: str, message: str) -> None:
    """Before anything is done."""
    with pytest.raises(UsageError) as raised:
        commands.obey(command.launch, Settings((arg,), {}), make_request((arg,)))

    assert str(raised.value) == message


def test_a_daemon_that_is_stopped_is_named(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would answer when somebody continues it."""
    suspended = Reason("daemon-suspended", "the daemon is stopped")
    command.answer("never read")
    monkeypatch.setattr(commands, "why_silent", lambda _: suspended)
    monkeypatch.setattr("select.select", lambda *_: ([], [], []))
    with pytest.raises(Unavailable) as raised:
        commands.obey(command.launch, Settings(("--daemon-reload",), {}), make_request(()))

    assert raised.value.reason == suspended


def test_watch_mode_ends_as_its_last_run(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a command, too."""
    monkeypatch.setattr(loop, "watch", lambda *_: 5)

    assert command.obey("--watch") == 5


def test_a_new_daemon_collects_once(
    command: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the user gave, without commands, and until no layer is being built; its output is not shown."""
    building = json.dumps({"layers": [{"phase": "building"}]})
    lent: list[tuple[str, ...]] = []

    def lend(channel: Channel[ToClient, FromClient], request: RunRequest, terminal: list[int]) -> RunEnd:
        channel.close()
        assert 1 not in terminal
        lent.append(request.args)
        return RunEnd(0)

    command.answer(IDLE, "stopped", "", "", building, IDLE)
    monkeypatch.setattr(commands, "connect_or_start", lambda *_, may_start: (command.daemon.connect(""), may_start))
    monkeypatch.setattr(commands, "lend", lend)

    assert command.obey("--daemon", "--detach", "-x", "tests") == 0
    assert lent == [("--collect-only", "-q", "-x", "tests")]
    assert "zygote: the daemon is ready (" in capsys.readouterr().out
