"""Ways to run a test: plain pytest, pytest through a warm daemon, and the peers. All give a `Run` that was checked."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts import example, procfs, stopwatch
from scripts.environments import Environment
from scripts.stopwatch import Run, UntrueRunError

_OURS = ("PYTEST", "PYTHON", "COV_", "COVERAGE")
_NOT_A_USERS = ("CI", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Place:
    """Where commands run: a scratch folder, and an environment that leads nowhere outside it.

    The environment is the user's without what changes Python, pytest or us, so that a machine's habits
    (a CI mark, no bytecode files) are not measured.
    """

    scratch: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def with_environ(self, **more: str) -> "Place":
        """Return the same place with more in its environment."""
        return replace(self, environ={**self.environ, **more})

    def run(self, *command: str, cwd: Path) -> Run:
        """Run a command here."""
        return stopwatch.run(command, cwd=cwd, environ=self.environ)


@contextmanager
def private_place() -> Iterator[Place]:
    """Make a place of our own, and leave no file and no process of it behind, even if we are told to end."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    scratch = Path(tempfile.mkdtemp(prefix="zygote-")).resolve()
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_OURS) and name not in _NOT_A_USERS
    }
    folders = {"XDG_RUNTIME_DIR": scratch / "run", "TMPDIR": scratch / "tmp"}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    # What a figure says of a layer would else depend on which command lines came before.
    sessions = {"PYTEST_DAEMON_SESSIONS": "0"}
    place = Place(scratch, inherited | sessions | {name: str(path) for name, path in folders.items()})
    try:
        yield place
    finally:
        for process in procfs.inside(scratch):
            with suppress(ProcessLookupError):
                os.kill(process.pid, 9)
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class Plain:
    """Plain pytest: every run is a cold one.

    Attributes:
        place: where it runs.
        environment: whose pytest.
        project: the folder of the tests.
    """

    place: Place
    environment: Environment
    project: Path

    def call(self, script: str, *args: str) -> Run:
        """Run a console script of the environment, whatever comes of it."""
        return self.place.run(self.environment.command(script), *args, cwd=self.project)

    def pytest(self, *args: str, tests: int = 1) -> Run:
        """Run pytest; *tests* tests must pass."""
        return self.call("pytest", *args).that_passed(tests)

    def python(self, *args: str) -> Run:
        """Run the interpreter, for the floors that no runner can be below."""
        return self.call("python", *args).that_succeeded()


@dataclass(frozen=True)
class Warm(Plain):
    """pytest with our plugin, and its thin client `pz`.

    Attributes:
        runs: the warm runs so far. The daemon is asked in the end whether it served them.
    """

    runs: list[Run] = field(default_factory=list, compare=False)

    def pytest(self, *args: str, tests: int = 1) -> Run:
        """Run pytest; *tests* tests must pass, warm."""
        self.runs.append(super().pytest(*args, tests=tests).that_was_warm())
        return self.runs[-1]

    def pz(self, *args: str, tests: int = 1) -> Run:
        """Run the thin client; *tests* tests must pass, warm."""
        self.runs.append(self.call("pz", *args).that_passed(tests).that_was_warm())
        return self.runs[-1]

    def status(self) -> dict[str, object]:
        """Return what the daemon says of itself."""
        answer: dict[str, object] = json.loads(self.call("pytest", "--daemon-status=json").that_succeeded().out)
        return answer

    def stop(self) -> None:
        """Stop the daemon, if there is one."""
        self.call("pytest", "--stop-daemon")

    def forget(self) -> None:
        """Stop the daemon and drop what it learned, so that the next run is a first one."""
        self.stop()
        shutil.rmtree(self.project / ".pytest_cache", ignore_errors=True)

    @contextmanager
    def started(self) -> Iterator["Warm"]:
        """Start the daemon, and stop it in the end.

        Raises:
            UntrueRunError: it did not start, did not serve all runs, or left processes behind.
        """
        self.runs.clear()
        others = set(procfs.inside(self.place.scratch))
        self.call("pytest", "--daemon", "--detach").that_succeeded()
        try:
            yield self
            served = self.status()["runs_served"]
            if not isinstance(served, int) or served < len(self.runs):
                raise UntrueRunError(f"the daemon served {served} of {len(self.runs)} runs")
        finally:
            self.stop()
        if leftovers := procfs.wait_until_gone(set(procfs.inside(self.place.scratch)) - others):
            raise UntrueRunError(f"left behind by --stop-daemon: {[process.command for process in leftovers]}")


@contextmanager
def example_project() -> Iterator[tuple[Plain, Warm]]:
    """Make the example project in a place of our own; give who runs it cold and who warm, and stop the daemon."""
    with private_place() as place:
        project = example.write(place.scratch / "project", "-q -p pytest_zygote")
        environment = Environment(Path(sys.executable))
        warm = Warm(place, environment, project)
        try:
            yield Plain(place.with_environ(PYTEST_DAEMON_DISABLE="1"), environment, project), warm
        finally:
            warm.stop()


@dataclass(frozen=True)
class Fast(Plain):
    """The peer pytest-fast. Its command takes no test names; what its daemon collects is what it runs.

    So it is given the fastest form there is: a daemon that has collected these tests, and no more workers than needed.

    Attributes:
        tests: how many tests its daemon has collected.
        workers: how many workers it has.
    """

    requirements = ("pytest-fast", "pytest>=9")

    tests: int = 1
    workers: int = 1

    @contextmanager
    def started(self, collected: str, folders: str = "market,tests") -> Iterator["Fast"]:
        """Start its daemon by a first run, and stop it in the end.

        Args:
            collected: arguments of pytest: what it collects.
            folders: where its daemon looks for changes.
        """
        place = self.place.with_environ(PYTEST_ADDOPTS=collected, PYTEST_FAST_WATCH_DIRS=folders)
        fast = replace(self, place=place)
        fast.run()
        try:
            yield fast
        finally:
            pid = int((fast.address.with_suffix(".sock.pid")).read_text(encoding="utf-8"))
            os.kill(pid, 15)

    @property
    def address(self) -> Path:
        """Where its daemon listens."""
        return self.place.scratch / "fast.sock"

    def run(self) -> Run:
        """Run the tests that its daemon was started for."""
        options = (f"--workers={self.workers}", "--ttl=3600", f"--address={self.address}")
        command = (self.environment.command("pytest-fast"), *options)
        return self.place.run(*command, cwd=self.project).that_passed(self.tests)

    def warm(self) -> Run:
        """Run it; its daemon must have been there."""
        run = self.run()
        if "(warm)" not in run.out or "daemon" in run.err:
            raise UntrueRunError(f"expected a warm run of pytest-fast:\n{run.out}\n{run.err}")
        return run


@dataclass(frozen=True)
class Hot(Plain):
    """The peer pytest-hot-reloading, as its README says to use it. It needs pytest 8."""

    requirements = ("pytest-hot-reloading>=0.1.0a1", "pytest<9")
    addopts = "-p pytest_hot_reloading.plugin"

    @contextmanager
    def started(self) -> Iterator["Hot"]:
        """Start its daemon on a port of its own, and stop it in the end."""
        port = _free_port()
        hot = replace(self, place=self.place.with_environ(PYTEST_DAEMON_PORT=str(port)))
        command = (hot.environment.command("pytest"), "--daemon")
        nothing = subprocess.DEVNULL
        with subprocess.Popen(
            command, cwd=hot.project, env=hot.place.environ, stdin=nothing, stdout=nothing, stderr=nothing
        ) as daemon:
            try:
                _await_port(port)
                yield hot
            finally:
                daemon.terminate()


def _free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _await_port(port: int, tries: int = 600) -> None:
    for _ in range(tries):
        with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            return
        procfs.pause(0.1)
    raise TimeoutError(f"nothing listens on port {port}")
