"""How the plugin gives its run to the daemon, and what it does when it gets it back."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from pytest_zygote.adapters.interpreter import start_state
from pytest_zygote.adapters.system import signals
from pytest_zygote.client import handover
from pytest_zygote.client.run_relay import Declined, RunEnd
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol.errors import RemoteProtocolError, Unavailable
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pathlib import Path

NO_DAEMON = Reason("no-daemon", "there is none")
LOST = Reason("daemon-lost", "it ended")


class Manager:
    """Notes what is registered."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.registered: dict[str, object] = {}

    def register(self, plugin: object, name: str) -> None:
        """Note it."""
        self.registered[name] = plugin


class Daemon:
    """Answers requests with what it was given; the last answer is for all that follow."""

    def __init__(self, *answers: RunEnd | Declined | Exception) -> None:
        """Answer in this order."""
        self.answers = [*answers]
        self.asked = 0

    def connect_or_start(self, *_: object, may_start: bool) -> tuple[None, bool]:
        """Be there."""
        del may_start
        return None, False

    def lend(self, *_: object) -> RunEnd | Declined:
        """Answer a request."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def config(folder: Path, plugins: tuple[object, ...] = ()) -> pytest.Config:
    """Return what is needed of pytest's configuration."""
    return cast(
        "pytest.Config",
        SimpleNamespace(
            invocation_params=SimpleNamespace(plugins=plugins, args=("-q",)),
            rootpath=folder,
            getini=lambda key: ".pytest_cache" if key == "cache_dir" else [],
            pluginmanager=Manager(),
        ),
    )


def adopt(
    monkeypatch: pytest.MonkeyPatch, folder: Path, daemon: Daemon, plugins: tuple[object, ...] = ()
) -> tuple[Reason | None, dict[str, object]]:
    """Hand over a run that a program asked for; return the reason to run here, and what was registered."""
    monkeypatch.setattr(handover, "connect_or_start", daemon.connect_or_start)
    monkeypatch.setattr(handover, "lend", daemon.lend)
    monkeypatch.setattr(start_state, "is_pytest", lambda: False)
    given = config(folder, plugins)
    parser = cast("pytest.Parser", SimpleNamespace(parse=None, parse_known_args=None))
    reason = handover.adopt(given, parser, Settings((), {}))
    return reason, cast("Manager", given.pluginmanager).registered


def test_a_program_gets_the_exit_code_of_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own pytest ends before a session starts."""
    reason, registered = adopt(monkeypatch, tmp_path, Daemon(RunEnd(5)))

    assert reason is None
    served = registered["zygote_served"]
    assert isinstance(served, handover.Served)
    assert served.pytest_cmdline_main() == 5


def test_a_process_that_is_pytest_ends_as_the_run_did(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By a signal too."""
    ends: list[int] = []

    def leave(status: int) -> NoReturn:
        ends.append(status)
        raise SystemExit

    monkeypatch.setattr(signals, "leave_like", leave)
    with pytest.raises(SystemExit):
        adopt(monkeypatch, tmp_path, Daemon(RunEnd(-2)))

    assert ends == [-2]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable(NO_DAEMON), NO_DAEMON),
        (RemoteProtocolError("no frame"), Reason("daemon-unreachable", "no frame")),
        (OSError("no room"), Reason("daemon-unreachable", "no room")),
    ],
)
def test_without_a_daemon_the_run_is_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, reason: Reason
) -> None:
    """With the reason that there is."""
    assert adopt(monkeypatch, tmp_path, Daemon(error))[0] == reason


def test_a_daemon_that_makes_room_is_asked_again_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By then it is another one; two that leave are enough."""
    daemon = Daemon(Declined(LOST, restart=True), RunEnd(0))
    assert adopt(monkeypatch, tmp_path, daemon)[0] is None
    assert daemon.asked == 2

    daemon = Daemon(Declined(LOST, restart=True))
    assert adopt(monkeypatch, tmp_path, daemon)[0] == LOST
    assert daemon.asked == 2


def test_a_daemon_that_declines_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It would say the same."""
    daemon = Daemon(Declined(LOST, restart=False))

    assert adopt(monkeypatch, tmp_path, daemon)[0] == LOST
    assert daemon.asked == 1


def test_plugin_objects_stay_in_their_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module and a name can be imported elsewhere, an object cannot."""
    daemon = Daemon(RunEnd(0))
    reason, _ = adopt(monkeypatch, tmp_path, daemon, (object(),))
    assert reason is not None
    assert reason.code == "plugin-objects"
    assert not daemon.asked

    assert adopt(monkeypatch, tmp_path, daemon, (sys.modules[__name__], "json"))[0] is None


def test_a_run_that_was_served_loads_no_conftest_file() -> None:
    """Nor does it refuse the options that those would have defined."""
    parser = SimpleNamespace(parse=None, parse_known_args=os.getcwd)
    served = handover.Served(0, cast("pytest.Parser", parser))
    early = SimpleNamespace(known_args_namespace=SimpleNamespace(noconftest=False))
    loading = served.pytest_load_initial_conftests(cast("pytest.Config", early))
    next(loading)

    assert parser.parse is os.getcwd
    assert early.known_args_namespace.noconftest


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("-q", "--affected-export", __file__), ("-q", f"--affected-export={__file__}")),
        (("-q", "--affected-export", "/nowhere/results.json"), None),
        (("-q", f"--affected-export={__file__}"), None),
        ((__file__,), None),
    ],
)
def test_pytest_begins_again_if_a_value_was_a_path_to_it(
    monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], expected: tuple[str, ...] | None
) -> None:
    """Only if there is such a file: any other value leads nowhere."""
    executed: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: executed.append(command))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "-m", "pytest", *args])
    monkeypatch.setattr(start_state, "is_pytest", lambda: True)
    handover.restart_if_misread(args)

    assert executed == ([["python", "-X", "dev", "-m", "pytest", *expected]] if expected else [])


def test_a_program_does_not_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has done would be done twice."""
    executed: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: executed.append(command))
    monkeypatch.setattr(sys, "orig_argv", ["python", "program.py", "--affected-export", __file__])
    monkeypatch.setattr(start_state, "is_pytest", lambda: False)
    handover.restart_if_misread(("--affected-export", __file__))

    assert executed == []
