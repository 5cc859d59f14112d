"""``--daemon-verify``: the same command cold and warm, compared test by test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.state import interpreter_flags
from pytest_zygote.client.daemon_launcher import connect_or_start
from pytest_zygote.client.run_relay import RunEnd, lend
from pytest_zygote.core.cli.comparison import compare, render
from pytest_zygote.core.cli.options import without_commands
from pytest_zygote.core.cli.recording import decode
from pytest_zygote.core.cli.wording import counted
from pytest_zygote.run.outcome_recorder import VARIABLE

if TYPE_CHECKING:
    from pytest_zygote.client.daemon_launcher import DaemonLauncher
    from pytest_zygote.core.cli.recording import Recording
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.protocol.client_messages import RunRequest


def verify(launch: DaemonLauncher, settings: Settings, request: RunRequest) -> int:
    """Run a command line cold, then warm, and print what differs.

    Returns:
        1 if anything differs or the warm run could not be warm; else the exit code of both runs.
    """
    args = ("-p", "pytest_zygote.run.outcome_recorder", *_same_order(settings.args), *without_commands(request.args))
    request = request.replaced(args=args)
    with tempfile.TemporaryDirectory() as folder:
        _say("the cold run")
        status, cold = _run_cold(request, Path(folder, "cold.json"))
        if cold is None:
            _say("nothing was compared: the cold run had no session")
            return status or 1
        _say("the warm run")
        problem, warm = _run_warm(launch, request, Path(folder, "warm.json"))
        if warm is None:
            _say(f"nothing was compared: {problem}")
            return 1
    differences = compare(cold, warm)
    for line in render(differences):
        _print(line)
    _say(counted(len(differences), "difference") if differences else "cold and warm agree")
    return 1 if differences else status


def _same_order(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return what makes pytest-randomly draw the same order for both runs."""
    is_chosen = any(arg.startswith("--randomly-seed") or arg.endswith("no:randomly") for arg in args)
    is_absent = find_spec("pytest_randomly") is None or bool(os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"))
    return () if is_chosen or is_absent else ("--randomly-seed=1",)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    _print(f"zygote: {text}")


def _read(path: Path) -> Recording | None:
    return decode(path.read_text(encoding="utf-8")) if path.exists() else None


def _run_cold(request: RunRequest, record: Path) -> tuple[int, Recording | None]:
    environ = {**request.environ, "PYTEST_DAEMON_DISABLE": "1", VARIABLE: str(record)}
    module = request.main[0].removesuffix(".__main__")
    flags = interpreter_flags()
    program = ["-m", module] if module else [request.argv0]
    status = subprocess.run([sys.executable, *flags, *program, *request.args], env=environ, check=False).returncode
    return status, _read(record)


def _run_warm(launch: DaemonLauncher, request: RunRequest, record: Path) -> tuple[str, Recording | None]:
    """Run warm; return what the run recorded, or why there is nothing."""
    request.environ[VARIABLE] = str(record)
    channel, _ = connect_or_start(launch, may_start=True)
    outcome = lend(channel, request)
    if not isinstance(outcome, RunEnd):
        return str(outcome.reason), None
    return "the warm run had no session", _read(record)
