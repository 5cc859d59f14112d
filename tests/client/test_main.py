"""The console script ``pz``: who serves its command line, and how it ends."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_zygote import client
from pytest_zygote.adapters.system import rendezvous, signals, sockets
from pytest_zygote.client.run_relay import Declined, RunEnd
from pytest_zygote.core.protocol.errors import RemoteProtocolError, Unavailable
from pytest_zygote.core.reasons import Reason
from pytest_zygote.shards import commands

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.core.cli.settings import Settings

COLD = Reason("coverage-started", "coverage is measured")
LOST = Reason("daemon-lost", "it ended")


class Pz:
    """The script, with a daemon that gives one answer, or none that runs.

    Attributes:
        plain: why the command line is plain pytest, whatever the daemon is.
        settings: those by which that was decided.
        served: the command lines that the daemon was asked to serve.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have no daemon."""
        self._monkeypatch = monkeypatch
        self.answer: RunEnd | Declined | Exception | None = None
        self.plain: Reason | None = None
        self.settings: list[Settings] = []
        self.served: list[tuple[str, ...]] = []
        places = [SimpleNamespace(folder="/run/zygote", socket="d.sock")]
        monkeypatch.setattr(rendezvous, "candidates", lambda *_: places)
        monkeypatch.setattr(rendezvous, "check_private", lambda _: None)
        monkeypatch.setattr(sockets, "connect_to_daemon", lambda _: self.answer)
        monkeypatch.setattr(client, "ineligible", self._ineligible)
        monkeypatch.setattr(client, "lend", self._lend)
        monkeypatch.setattr(client, "make_request", self.served.append)
        monkeypatch.setattr(client, "_run_pytest_here", self._end("pytest"))
        monkeypatch.setattr(signals, "leave", self._end("leave"))
        monkeypatch.setattr(signals, "leave_like", self._end("run"))
        for key in ("PYTEST_ADDOPTS", client.DISABLE):
            monkeypatch.setenv(key, "")  # so that it is put back, whatever the script does
            monkeypatch.delenv(key)

    def _ineligible(self, settings: Settings, *_: object) -> Reason | None:
        self.settings.append(settings)
        return self.plain

    def _lend(self, *_: object) -> RunEnd | Declined | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @staticmethod
    def _end(how: str) -> object:
        def end(*status: int) -> NoReturn:
            raise SystemExit((how, *status))

        return end

    def run(self, *args: str) -> object:
        """Run it; return who ended the process, and with what."""
        self._monkeypatch.setattr(sys, "argv", ["/venv/bin/pz", *args])
        with pytest.raises(SystemExit) as ended:
            client.main()
        return ended.value.code


@pytest.fixture(name="pz")
def _pz(monkeypatch: pytest.MonkeyPatch) -> Pz:
    return Pz(monkeypatch)


@pytest.mark.parametrize("status", [0, 1, -2])
def test_it_ends_as_the_run_did(pz: Pz, status: int) -> None:
    """By a signal too; the request has the command line with what makes it ours."""
    pz.answer = RunEnd(status)

    assert pz.run("-q", "tests") == ("run", status)
    assert pz.served == [("-p", "pytest_zygote", "-q", "tests")]


@pytest.mark.parametrize("args", [("--daemon-status",), ()])
def test_it_is_pytest_where_no_daemon_serves(pz: Pz, args: tuple[str, ...]) -> None:
    """None runs, or a command is meant for it: the plugin obeys those, and starts one."""
    pz.answer = RunEnd(0) if args else None

    assert pz.run(*args) == ("pytest",)
    assert sys.argv == ["/venv/bin/pytest", "-p", "pytest_zygote", *args]
    assert client.DISABLE not in os.environ


@pytest.mark.parametrize("error", [RemoteProtocolError("no frame"), Unavailable(LOST), OSError("no room")])
def test_a_daemon_that_fails_is_left_to_the_plugin(pz: Pz, error: Exception) -> None:
    """It looks again, and says what is wrong."""
    pz.answer = error

    assert pz.run() == ("pytest",)
    assert client.DISABLE not in os.environ


def test_a_run_that_is_declined_is_cold(pz: Pz, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason, once: neither the plugin nor pytest inside of tests tries again."""
    pz.answer = Declined(COLD, restart=False)

    assert pz.run() == ("pytest",)
    assert os.environ[client.DISABLE] == "1"
    assert capsys.readouterr().err == "zygote: cold run [coverage-started]: coverage is measured\n"


def test_a_daemon_that_must_be_started_anew_is_left_to_the_plugin(pz: Pz, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said: perhaps the run is warm."""
    pz.answer = Declined(LOST, restart=True)

    assert pz.run() == ("pytest",)
    assert client.DISABLE not in os.environ
    assert capsys.readouterr().err == ""


def test_what_is_plain_pytest_anyway_asks_nobody(pz: Pz, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of the environment count like those of the command line."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--daemon-port=other")
    pz.answer, pz.plain = RunEnd(0), Reason("ci-machine", "CI is set")

    assert pz.run() == ("pytest",)
    assert pz.served == []
    assert pz.settings[0].text("--daemon-port") == "other"


def test_options_that_do_not_go_together_are_an_error_of_usage(pz: Pz, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anybody is asked."""
    assert pz.run("--on-fail=beep") == ("leave", 4)
    assert capsys.readouterr().err == "ERROR: --on-fail goes with --watch\n"


def test_a_word_may_stand_for_an_option(pz: Pz) -> None:
    """The plugin obeys it."""
    assert pz.run("doctor", "-q") == ("pytest",)
    assert sys.argv[1:] == ["-p", "pytest_zygote", "--daemon-doctor", "-q"]


def test_results_of_shards_are_a_command_unless_there_is_a_file_of_its_name(
    pz: Pz, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder of tests may have the name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "obey", lambda command, args: (command, *args))

    assert pz.run("merge", "results") == ("merge", "results")
    (tmp_path / "merge").mkdir()
    assert pz.run("merge", "results") == ("pytest",)


@pytest.mark.parametrize(("text", "options"), [("", []), ("-q -k 'a or b'", ["-q", "-k", "a or b"])])
def test_options_of_the_environment_are_split_as_in_a_shell(text: str, options: list[str]) -> None:
    """As pytest does it."""
    assert client.addopts({"PYTEST_ADDOPTS": text} if text else {}) == options
