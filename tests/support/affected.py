"""A project whose tests run again and again, each time in a fork of a process that has pytest imported."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import IO, TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.files import drop_bytecode
from pytest_zygote.affected.store import Store, store_path
from pytest_zygote.core.affected.number_sets import unpack
from tests.support.daemon import STRANGE, UNIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.affected.dependency import Need

# Each line is a command: folder, arguments, environment, file for the output. The answer is the exit code.
_SERVER = """
import gc, json, os, signal, sys
import pytest, sqlite3, pytest_zygote.plugin, _pytest.pytester, pytest_zygote.affected.plugin
gc.freeze()  # else each fork would copy all pages when it looks for garbage
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0); os.dup2(out, 1); os.dup2(out, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environ"])
        if "COVERAGE_PROCESS_CONFIG" in os.environ:
            import coverage; coverage.process_startup()
        sys.argv[:] = ["pytest", *order["args"]]
        status = 70
        try:
            status = int(pytest.console_main())
        except SystemExit as leaving:
            status = int(leaving.code)
        finally:
            sys.stdout.flush()
            os._exit(status)
    print(f"pid {pid}", flush=True)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


INI = "[pytest]\naddopts = -p pytest_zygote\npythonpath = .\n"
"""Enables the plugin."""

PRECISE = sys.version_info >= (3, 12)
precisely = pytest.mark.skipif(not PRECISE, reason="Python 3.11 does not tell which functions a test runs")


class Server:
    """The process that forks."""

    def __init__(self) -> None:
        """Start it."""
        environ = {k: v for k, v in os.environ.items() if k not in STRANGE and not k.startswith(("PYTEST_", "COV"))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environ, "PYTEST_DAEMON_DISABLE": "1"},
            cwd="/",
            text=True,
        )
        self.pid = 0

    def begin(self, order: dict[str, object]) -> None:
        """Start a command."""
        self._pipe(self._process.stdin).write(json.dumps(order) + "\n")
        self._pipe(self._process.stdin).flush()
        self.pid = int(self._pipe(self._process.stdout).readline().split()[1])

    def end(self) -> int:
        """Wait for a command; return its exit code."""
        return int(self._pipe(self._process.stdout).readline())

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe

    def close(self) -> None:
        """End it."""
        self._pipe(self._process.stdin).close()
        self._pipe(self._process.stdout).close()
        self._process.wait(4 * UNIT_S)


@dataclass(frozen=True)
class Ran:
    """How a run ended.

    Attributes:
        ran: names of the tests that ran, with their outcomes.
    """

    status: int
    output: str
    ran: dict[str, str]

    @property
    def names(self) -> set[str]:
        """The tests that ran."""
        return set(self.ran)

    @property
    def said(self) -> list[str]:
        """What we, not pytest, told the user."""
        return [line for line in self.output.splitlines() if line.startswith(("affected: ", "zygote: "))]


_LINE = re.compile(r"^(\S+?)::(\S+)(?: <- \S+)? (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)", re.MULTILINE)


class AffectedProject:
    """A folder with tests that are run by ``pytest --affected``.

    Attributes:
        root: the folder.
        environ: the environment of all runs; change it as you like.
    """

    def __init__(self, root: Path, server: Server) -> None:
        """Make a project that has nothing but an ini-file."""
        self.root = root
        self._server = server
        self.environ = {
            **{
                key: os.environ[key] for key in ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_CONFIG") if key in os.environ
            },
            "PYTEST_DAEMON_DISABLE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        self.write("pytest.ini", INI)

    def write(self, path: str, text: str) -> Path:
        """Write a file, dedented; Python would run the old code if the size and the second stay the same."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        drop_bytecode([str(file)])
        return file

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file."""
        file = self.root / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        drop_bytecode([str(file)])

    def order(self, *args: str, **environ: str) -> dict[str, object]:
        """Return what the server is asked."""
        self._wait_for_the_clock()
        return {
            "folder": str(self.root),
            "args": [*args, "-vv", "--color=no"],
            "environ": {**self.environ, **environ},
            "output": str(self._beside("output")),
        }

    def _beside(self, name: str) -> Path:
        """Return a file of ours, which is none of the project's."""
        return self.root.with_name(f".{self.root.name}.{name}")

    def _wait_for_the_clock(self) -> None:
        """Wait until files that were just written are older than a tick: what a run reads must have been there."""
        probe = self._beside("clock")
        probe.write_text("")
        start = probe.stat().st_ctime_ns
        while probe.stat().st_ctime_ns < start + 25_000_000:
            select.select([], [], [], 0.01)
            probe.write_text("")

    def run(self, *args: str, **environ: str) -> Ran:
        """Run pytest."""
        self._server.begin(self.order(*args, **environ))
        return self.finish()

    def begin(self, *args: str, **environ: str) -> int:
        """Start pytest; return its process id."""
        self._server.begin(self.order(*args, **environ))
        return self._server.pid

    def finish(self) -> Ran:
        """Wait for pytest."""
        status = self._server.end()
        output = self._beside("output").read_text(errors="replace")
        ran = {f"{path.rpartition('/')[2]}::{name}": outcome for path, name, outcome in _LINE.findall(output)}
        return Ran(status, output, {name.partition("::")[2]: outcome for name, outcome in ran.items()})

    def affected(self, *args: str, **environ: str) -> Ran:
        """Run what is affected."""
        ran = self.run("--affected=explain", *args, **environ)
        assert "INTERNALERROR" not in ran.output, ran.output
        return ran

    def stored(self) -> dict[str, tuple[bool, str, frozenset[tuple[Need, bytes]]]]:
        """Return for each test its newest row: whether it is exact, how it ended, and on what."""
        store = Store(str(self.store), print)
        sets, versions = store.sets(), store.versions()
        rows = {nodeid: rows[0] for number in (1, 2) for nodeid, rows in store.rows(number).items()}
        store.close()
        return {
            nodeid: (
                row.is_exact,
                row.outcome,
                frozenset(versions[version] for number in row.sets for version in unpack(sets[number])),
            )
            for nodeid, row in rows.items()
        }

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send a signal to a run."""
        os.kill(pid, number)

    @property
    def store(self) -> Path:
        """The file of the store."""
        return Path(store_path(str(self.root / ".pytest_cache")))


def serve() -> Iterator[Server]:
    """Give a server, and end it."""
    server = Server()
    yield server
    server.close()


CALC = """
    LIMIT = 10

    class Base:
        factor = 2

        def scale(self, value):
            return value * self.factor

    def add(a, b):
        return a + b

    def sub(a, b):
        return a - b
    """
TESTS = """
    from app import calc

    def test_add():
        assert calc.add(1, 2) == 3

    def test_sub():
        assert calc.sub(3, 2) == 1
    """
OTHER = """
    def test_other():
        assert True
    """


def calculator(tmp_path: Path, server: Server) -> AffectedProject:
    """Return a project of two test files, one of which uses a module."""
    project = AffectedProject(tmp_path, server)
    project.write("app/__init__.py", "")
    project.write("app/calc.py", CALC)
    project.write("tests/test_calc.py", TESTS)
    project.write("tests/test_other.py", OTHER)
    return project
