"""``--daemon-verify``: the same command cold and warm, compared test by test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.client.launch import connect_or_start
from pytest_zygote.client.lending import Ended, lend
from pytest_zygote.client.request import make_request
from pytest_zygote.core.comparison import Recording, compare, decode, render
from pytest_zygote.core.options import without
from pytest_zygote.record import VARIABLE

if TYPE_CHECKING:
    from pytest_zygote.client.launch import Launch


def verify(launch: Launch, args: tuple[str, ...]) -> int:
    """Run a command line cold, then warm, and print what differs.

    Returns:
        1 if anything differs or the warm run could not be warm; else the exit code of both runs.
    """
    command = ("-p", "pytest_zygote.record", *_same_order(args), *without("--daemon-verify", args))
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = Path(folder, "cold.json"), Path(folder, "warm.json")
        _say("the cold run")
        status = _run_cold(command, cold)
        _say("the warm run")
        problem = _run_warm(launch, command, warm)
        if problem:
            _say(f"nothing was compared: {problem}")
            return 1
        differences = compare(_read(cold), _read(warm))
    for line in render(differences):
        sys.stdout.write(f"{line}\n")
    _say(f"{len(differences)} differences" if differences else "cold and warm agree")
    return 1 if differences else status


def _same_order(args: tuple[str, ...]) -> tuple[str, ...]:
    # pytest-randomly draws an order for each run; both must draw the same.
    chosen = any(arg.startswith("--randomly-seed") or arg.endswith("no:randomly") for arg in args)
    return () if chosen or find_spec("pytest_randomly") is None else ("--randomly-seed=1",)


def _say(text: str) -> None:
    sys.stdout.write(f"zygote: {text}\n")
    sys.stdout.flush()


def _read(path: Path) -> Recording:
    return decode(path.read_text(encoding="utf-8"))


def _run_cold(command: tuple[str, ...], record: Path) -> int:
    environ = {**os.environ, "PYTEST_DAEMON_DISABLE": "1", VARIABLE: str(record)}
    return subprocess.run([sys.executable, sys.argv[0], *command], env=environ, check=False).returncode


def _run_warm(launch: Launch, command: tuple[str, ...], record: Path) -> str:
    """Run warm; return why that was not possible, or ''."""
    os.environ[VARIABLE] = str(record)
    channel, _ = connect_or_start(launch, may_start=True)
    outcome = lend(channel, make_request(command, argv0=sys.argv[0]))
    return "" if isinstance(outcome, Ended) else outcome.reason
