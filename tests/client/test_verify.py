"""The same command cold and warm: what is run, and what the command ends with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client import verify as module
from pytest_zygote.client.daemon_launcher import DaemonLauncher
from pytest_zygote.client.request import make_request
from pytest_zygote.client.run_relay import Declined, RunEnd
from pytest_zygote.client.verify import verify
from pytest_zygote.core.cli.daemon_options import DaemonOptions
from pytest_zygote.core.cli.recording import Phase, Recording, Result, encode
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.reasons import Reason
from pytest_zygote.run.outcome_recorder import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_zygote.core.protocol.client_messages import RunRequest

PASSED = Recording(0, results=(Result("t.py::a", (Phase("call", "passed"),)),))
FAILED = Recording(1, results=(Result("t.py::a", (Phase("call", "failed", "no"),)),))
ARGS = ("--daemon-verify", "-x", "-p", "no:randomly")


class Runs:
    """Runs of pytest that only leave a recording.

    Attributes:
        commands: what was run cold.
        requests: what was run warm.
    """

    def __init__(self, cold: Recording | None, warm: Recording | Declined | None) -> None:
        """Have these outcomes; None for a run without a session."""
        self.cold, self.warm = cold, warm
        self.commands: list[Sequence[str]] = []
        self.requests: list[RunRequest] = []

    def run(self, command: Sequence[str], *, env: Mapping[str, str], check: bool) -> SimpleNamespace:
        """Be the cold run."""
        assert env["PYTEST_DAEMON_DISABLE"] == "1"
        assert not check
        self.commands.append(command)
        if self.cold is None:
            return SimpleNamespace(returncode=4)
        Path(env[VARIABLE]).write_text(encode(self.cold), encoding="utf-8")
        return SimpleNamespace(returncode=self.cold.exit_code)

    def lend(self, _: object, request: RunRequest) -> RunEnd | Declined:
        """Be the warm run."""
        self.requests.append(request)
        if isinstance(self.warm, Declined):
            return self.warm
        if self.warm is not None:
            Path(request.environ[VARIABLE]).write_text(encode(self.warm), encoding="utf-8")
        return RunEnd(0)


def verify_with(monkeypatch: pytest.MonkeyPatch, folder: Path, runs: Runs) -> int:
    """Compare these runs."""
    monkeypatch.setattr(subprocess, "run", runs.run)
    monkeypatch.setattr(module, "connect_or_start", lambda *_, may_start: (None, may_start))
    monkeypatch.setattr(module, "lend", runs.lend)
    launch = DaemonLauncher(Rendezvous(str(folder)), cache="", options=DaemonOptions({}))
    return verify(launch, Settings(ARGS, {}), make_request(ARGS))


@pytest.mark.parametrize(
    ("cold", "warm", "status", "printed"),
    [
        (PASSED, PASSED, 0, ["zygote: cold and warm agree"]),
        (FAILED, FAILED, 1, ["zygote: cold and warm agree"]),
        (PASSED, None, 1, ["zygote: nothing was compared: the warm run had no session"]),
        (
            PASSED,
            Declined(Reason("no-fork", "no way"), restart=False),
            1,
            ["zygote: nothing was compared: [no-fork] no way"],
        ),
        (
            PASSED,
            Recording(0, results=FAILED.results),
            1,
            ["result: t.py::a", "    plain: call passed", "    warm:  call failed: no", "zygote: 1 difference"],
        ),
    ],
    ids=["equal", "equally failed", "no session", "no warm run", "different"],
)
def test_the_command_ends_as_both_runs_did(  # noqa: PLR0913, PLR0917 - a case
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    cold: Recording,
    warm: Recording | Declined | None,
    status: int,
    printed: list[str],
) -> None:
    """Or with 1, if they differ, or nothing could be compared."""
    assert verify_with(monkeypatch, tmp_path, Runs(cold, warm)) == status
    assert capsys.readouterr().out.splitlines() == ["zygote: the cold run", "zygote: the warm run", *printed]


def test_without_a_session_there_is_nothing_to_run_warm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As with an option that pytest does not know."""
    runs = Runs(None, PASSED)

    assert verify_with(monkeypatch, tmp_path, runs) == 4
    assert capsys.readouterr().out.splitlines()[1:] == ["zygote: nothing was compared: the cold run had no session"]
    assert runs.requests == []


def test_both_run_the_same_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That of the user without the command, and with the plugin that records."""
    runs = Runs(PASSED, PASSED)
    verify_with(monkeypatch, tmp_path, runs)
    expected = ("-p", "pytest_zygote.run.outcome_recorder", "-x", "-p", "no:randomly")

    assert tuple(runs.commands[0][-len(expected) :]) == expected
    assert runs.requests[0].args == expected
