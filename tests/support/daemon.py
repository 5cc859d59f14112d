"""A project with a daemon of its own, in folders of its own, that must leave nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import psutil

from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.protocol.client_messages import Answer, StatusRequest, StopRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.core.protocol.client_messages import ControlRequest, FromClient, ToClient

UNIT_S = 10.0 * float(os.environ.get("ZYGOTE_TEST_TIMEOUT_FACTOR", "1"))
"""What should be over at once is given this long; all deadlines are multiples of it.

Only what hangs waits for one, so it may be long: a machine that does other work beside the tests must not fail them.
"""

WAITING = re.compile(r" … \(\d+\.\d s\)$")
"""How a line ends that tells a client what it waits for."""

LOOK_AGAIN_S = 0.02
MAX_LOOK_AGAIN_S = 0.25
BIN = Path(sys.executable).parent
INI = "[pytest]\naddopts = -p pytest_zygote -p no:randomly -p no:hypothesispytest\n"
"""Enables the plugin. Those of our own tests' tools are blocked: hypothesis' imports hypothesis at the end of each
session, which takes longer than the rest of a small project's run."""

STRANGE = ("CI", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS")
"""Environment keys of whoever runs these tests that would reach into the projects."""

SESSION_KEYS = ("PYTEST_DAEMON_SESSIONS", "PYTEST_DAEMON_FORCE_SESSIONS")
"""Environment keys with which the tests are run from collected sessions."""

RUNTIME_FILES = (".lock", ".start", ".log")
"""What a daemon may leave in its runtime folder: no state, only names to meet at and a log."""


def eventually(condition: Callable[[], object], what: str, *, units: float = 4) -> None:
    """Wait until a condition holds: for what tells nobody when it happens.

    The longer it takes, the more seldom it looks: to ask a daemon costs the processor what it would build with.

    Raises:
        AssertionError: it did not within the deadline.
    """
    started = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - started
        if waited_s > units * UNIT_S:
            message = f"not within {units * UNIT_S} s: {what}"
            raise AssertionError(message)
        select.select([], [], [], min(max(LOOK_AGAIN_S, waited_s / 10), MAX_LOOK_AGAIN_S))


@dataclass(frozen=True)
class Layer:
    """One entry of the daemon's status."""

    kind: str
    pid: int
    phase: str
    reason: str
    runs_served: int
    modules: int


@dataclass(frozen=True)
class Session:
    """One collected session of the daemon's status."""

    args: tuple[str, ...]
    pid: int
    phase: str
    tests: int
    hits: int
    why_closed: str


@dataclass(frozen=True)
class Status:
    """What the daemon says about itself.

    Attributes:
        session_runs: runs that were forked from collected sessions.
        unused: why the last run was not.
        raw: all of it, as it came.
    """

    pid: int
    runs_served: int
    runs_going_on: int
    layers: tuple[Layer, ...]
    rejected: dict[str, str]
    reloads: tuple[str, ...]
    sessions: tuple[Session, ...]
    session_runs: int
    unused: str
    raw: str

    def layer(self, kind: str) -> Layer | None:
        """Return the layer of a kind that serves; None if there is none."""
        return next((layer for layer in self.layers if layer.kind == kind and layer.phase == "ready"), None)

    @property
    def is_building(self) -> bool:
        """Whether a layer is being built."""
        phases = [*(layer.phase for layer in self.layers), *(session.phase for session in self.sessions)]
        return "building" in phases


@dataclass(frozen=True)
class Result:
    """How a command ended.

    Attributes:
        returncode: of the client; the negative number of the signal it died of.
        was_warm: whether a fork of a zygote served it.
    """

    returncode: int
    stdout: str
    stderr: str
    was_warm: bool

    @property
    def said(self) -> list[str]:
        """What we, not pytest, told the user; without what a client says that waits, as on a slow machine."""
        lines = [line.removeprefix("zygote: ") for line in self.stderr.splitlines() if line.startswith("zygote: ")]
        return [line for line in lines if not WAITING.search(line)]


class Project:
    """A folder with tests, and the daemon that may run for it.

    Attributes:
        bin: where ``pytest`` and ``pz`` are.
        root: the project's folder.
        environ: the environment of all commands; change it as you like.
        prefix: a program that is to run all commands, with its arguments.
    """

    def __init__(self, root: Path) -> None:
        """Make a project that has nothing but an ini-file which enables the plugin."""
        self.root = root
        self.bin = BIN
        self.prefix: list[str] = []
        # Short, because a socket's path may have 103 bytes only; pytest's own folders are long.
        self.home = Path(tempfile.mkdtemp(dir="/tmp", prefix="z"))
        self.folder = self.home / "pytest-zygote"
        self.temporary = self.home / "tmp"
        self.temporary.mkdir()
        self.environ = self._environment()
        self.write("pytest.ini", INI)

    def _environment(self) -> dict[str, str]:
        kept = {key: v for key, v in os.environ.items() if key not in STRANGE and not key.startswith("PYTEST_")}
        return {
            **kept,
            # A run is forked from the project layer, whatever ran before, where a test does not ask for more.
            "PYTEST_DAEMON_SESSIONS": "0",
            # Seconds: what a killed session of tests leaves behind ends by itself.
            "PYTEST_DAEMON_TIMEOUT": "900",
            # However long layers take to build on a slow machine, runs wait for them and are warm.
            "PYTEST_DAEMON_PATIENT": "1",
            **{key: os.environ[key] for key in SESSION_KEYS if key in os.environ},
            "XDG_RUNTIME_DIR": str(self.home),
            "TMPDIR": str(self.temporary),
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            # What Python itself colours, as pdb's prompt from 3.15 on: pytest's colours are its own.
            "PYTHON_COLORS": "0",
            # setproctitle writes over what /proc/PID/environ shows, and by that we know our processes.
            "SPT_NOENV": "1",
        }

    # Files

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project, dedented; return its path."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def remove(self, path: str) -> None:
        """Remove a file of the project."""
        (self.root / path).unlink()

    # Commands

    def pytest(self, *args: str, **environ: str) -> Result:
        """Run the user's ``pytest``."""
        return self.run([str(BIN / "pytest"), *args], environ)

    def pz(self, *args: str, **environ: str) -> Result:
        """Run ``pz``."""
        return self.run([str(BIN / "pz"), *args], environ)

    def plain(self, *args: str, **environ: str) -> Result:
        """Run pytest without a daemon."""
        return self.pytest(*args, PYTEST_DAEMON_DISABLE="1", **environ)

    def run(self, command: list[str], environ: dict[str, str] | None = None, *, cwd: Path | None = None) -> Result:
        """Run any command in the project and tell whether the daemon served it."""
        before = self.runs_served()
        ended = subprocess.run(
            [*self.prefix, *command],
            cwd=cwd or self.root,
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=12 * UNIT_S,
            check=False,
        )
        was_warm = self.runs_served() > before and "zygote: cold run" not in ended.stderr
        return Result(ended.returncode, ended.stdout, ended.stderr, was_warm)

    def start(self, command: list[str], **environ: str) -> subprocess.Popen[str]:
        """Start a command in the project, with pipes; the caller waits for it."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def warm_up(self, *args: str, **environ: str) -> Result:
        """Run until a run teaches the daemon nothing new and all layers are built; return the last run.

        By ``pz``, as it starts in a tenth of the time that ``pytest`` takes.

        Raises:
            AssertionError: that does not happen, or the last run was cold.
        """
        said: list[str] = []
        for _ in range(6):
            before = self.reloads()
            result = self.pz(*args, **environ)
            self.settle()
            if result.was_warm and before and before == self.reloads():
                return result
            said.append(result.stderr)
        message = f"the daemon learns something new from each run:\n{''.join(said)}\n{self.log()}"
        raise AssertionError(message)

    def settle(self) -> None:
        """Wait until no layer is being built."""
        eventually(
            lambda: not (status := self.find_status()) or not status.is_building, "all layers are built", units=12
        )

    # The daemon

    def reloads(self) -> tuple[str, ...]:
        """Return the reasons of all builds of layers so far."""
        status = self.find_status()
        return status.reloads if status is not None else ()

    def runs_served(self) -> int:
        """Return how many runs the daemon has served; 0 if there is none."""
        status = self.find_status()
        return status.runs_served if status is not None else 0

    def status(self) -> Status:
        """Return the daemon's status; there must be one."""
        status = self.find_status()
        assert status is not None, "no daemon runs"
        return status

    def find_status(self) -> Status | None:
        """Return the daemon's status; None if none runs."""
        answers = [answer for path in self.sockets() if (answer := ask(path, StatusRequest("json")))]
        return _parse(answers[0]) if answers else None

    def sockets(self) -> list[Path]:
        """Return the sockets in the runtime folder, one for each daemon."""
        return sorted(self.folder.glob("*.sock"))

    def log(self) -> str:
        """Return what the daemons wrote."""
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def processes(self) -> dict[int, str]:
        """Return pid → command line of all processes that came from this project's commands."""
        found = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("XDG_RUNTIME_DIR") == str(self.home):
                    found[process.pid] = " ".join(process.cmdline()).strip()
        return found

    def standby_runs(self) -> list[int]:
        """Return the processes that wait to become runs."""
        return [pid for pid, title in self.processes().items() if title.startswith("pytest_zygote standby run")]

    def standby(self) -> int:
        """Return the process that waits to become the next run, once there is one."""
        eventually(self.standby_runs, "a standby run waits")
        (pid,) = self.standby_runs()
        return pid

    def stop(self) -> None:
        """Stop the daemons and wait until all processes are gone."""
        for path in self.sockets():
            with contextlib.suppress(OSError):
                ask(path, StopRequest())
        eventually(lambda: not self.processes(), "all processes of the project are gone")

    def close(self) -> None:
        """Stop the daemon; make sure that nothing is left, and remove the folders.

        Raises:
            AssertionError: something is left.
        """
        try:
            self.stop()
            # Commands that were hung up end by themselves, a moment later.
            eventually(lambda: not self._leftovers(), "nothing is left")
        except AssertionError as error:
            left = self.processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            message = f"{error}\nprocesses: {left}\nfiles: {self._leftovers()}\n{self.log()}"
            raise AssertionError(message) from None
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def _leftovers(self) -> list[str]:
        files = list(self.folder.iterdir()) if self.folder.is_dir() else []
        left = [str(file) for file in files if file.suffix not in RUNTIME_FILES]
        left += [f"{file} is locked" for file in files if file.suffix in (".lock", ".start") and _is_locked(file)]
        return left + [str(file) for file in self.temporary.iterdir() if not file.name.startswith("pytest-of-")]


def ask(path: Path, question: ControlRequest) -> str:
    """Put a question to a daemon; '' if it is gone."""
    channel = sockets.connect_to_daemon(str(path))
    if channel is None:
        return ""
    try:
        channel.send(question)
        return _answer(channel)
    except OSError:
        return ""
    finally:
        channel.close()


def _answer(channel: sockets.Channel[ToClient, FromClient]) -> str:
    while select.select([channel], [], [], 4 * UNIT_S)[0]:
        received = channel.receive()
        answers = [message.text for message in received or () if isinstance(message, Answer)]
        if answers or received is None:
            return "".join(answers)
    raise AssertionError("the daemon does not answer")


def _parse(text: str) -> Status:
    facts = json.loads(text)
    keys = ("kind", "pid", "phase", "reason", "runs_served", "modules")
    return Status(
        pid=facts["pid"],
        runs_served=facts["runs_served"],
        runs_going_on=facts["runs_going_on"],
        layers=tuple(Layer(**{key: entry[key] for key in keys}) for entry in facts["layers"]),
        rejected=facts["rejected"],
        reloads=tuple(f"{entry['layer']} at {entry['at']}: {entry['reason']}" for entry in facts["reloads"]),
        sessions=tuple(
            Session(tuple(entry["args"]), *(entry[key] for key in ("pid", "phase", "tests", "hits", "why_closed")))
            for entry in facts["sessions"]
        ),
        session_runs=facts["session_runs"],
        unused=facts["session_unused"],
        raw=text,
    )


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
