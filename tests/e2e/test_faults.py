"""Whatever dies, hangs or lies: a run's status is the truth or a failure, and the next run works."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import pytest_zygote
from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client.request import interpreter_identity
from pytest_zygote.core.protocol import client_messages, framing, layer_messages
from pytest_zygote.core.protocol.framing import MAX_PAYLOAD
from tests.support.daemon import BIN, UNIT_S, Project, ask, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


PYTEST = str(BIN / "pytest")

APP = """
    import os
    import pathlib

    hold = pathlib.Path(__file__).parent.parent / "hold"
    while hold.exists():
        os.sched_yield()

    VALUE = 1
    """

TEST = """
    from app import VALUE

    def test_value():
        assert VALUE == 1
    """

HOLD = """
    import os
    import pathlib
    import subprocess
    import sys
    import time

    here = pathlib.Path(__file__).parent
    STUBBORN = "import signal as s; [s.signal(n, s.SIG_IGN) for n in (1, 2, 15)]; print(flush=True); s.pause()"

    def test_hold():
        helper = subprocess.Popen([sys.executable, "-ISc", STUBBORN], stdout=subprocess.PIPE)
        helper.stdout.readline()
        (here / "running.new").write_text(f"{os.getpid()} {helper.pid}")
        (here / "running.new").rename(here / "running")
        while not (here / "go").exists():
            time.sleep(0.02)
        helper.kill()
        helper.communicate()
        assert (here / "go").read_text() == "pass"
    """


def warmed(project: Project) -> Project:
    """Give a project an app, a test of it, and a daemon with both layers."""
    project.write("app/__init__.py", APP)
    project.write("test_app.py", TEST)
    project.write("test_hold.py", HOLD)
    project.warm_up("test_app.py")
    return project


@pytest.fixture
def warm(project: Project) -> Project:
    """Make a warm project with a daemon of its own."""
    return warmed(project)


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Make one warm project for all tests after which its daemon is as it was."""
    project = Project(tmp_path_factory.mktemp("unharmed") / "project")
    yield warmed(project)
    project.close()


@pytest.fixture
def held(warm: Project) -> Iterator[Held]:
    """Make a run that goes on until it is told how to end."""
    held = Held(warm)
    yield held
    held.close()


class Held:
    """A client whose run waits inside a test.

    Attributes:
        pid: of the run.
        helper: a process that the test started, which ignores all signals but SIGKILL.
    """

    def __init__(self, project: Project) -> None:
        """Start it; return when the test is running."""
        self.project = project
        self.client = project.start([PYTEST, "-q", "test_hold.py"])
        eventually((project.root / "running").exists, "the test is running")
        self.pid, self.helper = map(int, (project.root / "running").read_text().split())

    def end(self, how: str) -> tuple[int, str]:
        """Let the test pass or fail; return the client's exit code and stderr."""
        (self.project.root / "go.new").write_text(how)
        (self.project.root / "go.new").rename(self.project.root / "go")
        _, stderr = self.client.communicate(timeout=4 * UNIT_S)
        return self.client.returncode, stderr

    def close(self) -> None:
        """Kill what is left."""
        (self.project.root / "go").write_text("over")
        if self.client.poll() is None:
            self.client.kill()
        self.client.communicate()
        for pid in (self.pid, self.helper):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def assert_works(project: Project) -> None:
    """Make sure that the next run is warm and passes."""
    result = project.pytest("-q", "test_app.py")
    assert (result.returncode, result.was_warm) == (0, True), result.stderr


def is_gone(pid: int) -> bool:
    """Return whether a process is gone, or a zombie."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def layer_pid(project: Project, kind: str) -> int:
    """Return the process of the layer of this kind that serves; of the daemon for 'daemon'."""
    status = project.status()
    if kind == "daemon":
        return status.pid
    layer = status.layer(kind)
    assert layer is not None
    assert layer.pid
    return layer.pid


# Processes that die


def test_run_of_a_killed_client_is_ended_with_all_it_started(held: Held) -> None:
    """A client that is killed takes its run with it, and what the run started, within five seconds."""
    held.client.kill()
    eventually(lambda: is_gone(held.pid) and is_gone(held.helper), "the run's process group is gone", units=1)
    eventually(lambda: held.project.status().runs_going_on == 0, "the daemon knows")
    assert_works(held.project)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_client_ends_by_the_signal_that_ended_its_run(warm: Project, number: signal.Signals) -> None:
    """A run that is killed, or crashes, looks to the caller as if the client had."""
    warm.write("test_dies.py", f"import os\n\ndef test_dies():\n    os.kill(os.getpid(), {number:d})\n")
    result = warm.pytest("-q", "test_dies.py")
    assert (result.returncode, result.was_warm) == (-number, True)
    assert_works(warm)


@pytest.mark.parametrize("kind", ["project", "base"])
def test_zygote_killed_while_idle_is_replaced(warm: Project, kind: str) -> None:
    """The run after a zygote's death is warm again."""
    pid = layer_pid(warm, kind)
    os.kill(pid, signal.SIGKILL)
    assert_works(warm)
    assert layer_pid(warm, kind) != pid


def test_daemon_killed_while_idle_is_replaced(warm: Project) -> None:
    """A socket without a daemon behind it is no obstacle, and the layers of the old one leave."""
    before = set(warm.processes())
    os.kill(layer_pid(warm, "daemon"), signal.SIGKILL)
    result = warm.pytest("-q", "test_app.py")
    assert result.returncode == 0
    eventually(lambda: not before & warm.processes().keys(), "the old layers have left")
    assert_works(warm)


@pytest.mark.measured
@pytest.mark.parametrize("kind", ["project", "base"])
@pytest.mark.parametrize(("how", "code"), [("pass", 0), ("fail", 1)])
def test_status_of_a_run_whose_zygote_was_killed_arrives(held: Held, kind: str, how: str, code: int) -> None:
    """The daemon inherits the runs of a dead zygote and collects their exit codes."""
    os.kill(layer_pid(held.project, kind), signal.SIGKILL)
    assert held.end(how)[0] == code
    assert_works(held.project)


def test_signals_reach_a_run_whose_zygote_was_killed(held: Held) -> None:
    """Ctrl-C works without a zygote."""
    os.kill(layer_pid(held.project, "project"), signal.SIGKILL)
    eventually(lambda: held.project.status().layer("project") is None, "the daemon has noticed")
    held.client.send_signal(signal.SIGINT)
    _, stderr = held.client.communicate(timeout=4 * UNIT_S)
    assert held.client.returncode == 2, stderr


@pytest.mark.parametrize(("how", "code"), [("pass", 0), ("fail", 1)])
def test_status_of_a_run_whose_daemon_was_killed_arrives(held: Held, how: str, code: int) -> None:
    """Its zygote finishes its runs, and says to their clients how they end."""
    os.kill(layer_pid(held.project, "daemon"), signal.SIGKILL)
    eventually(lambda: held.project.find_status() is None, "the daemon is gone")
    assert held.client.poll() is None
    assert held.end(how)[0] == code
    assert held.project.pytest("-q", "test_app.py").returncode == 0


def test_signals_reach_a_run_whose_daemon_was_killed(held: Held) -> None:
    """Ctrl-C ends it as it ends plain pytest."""
    os.kill(layer_pid(held.project, "daemon"), signal.SIGKILL)
    eventually(lambda: held.project.find_status() is None, "the daemon is gone")
    held.client.send_signal(signal.SIGINT)
    _, stderr = held.client.communicate(timeout=4 * UNIT_S)
    assert held.client.returncode == 2, stderr
    assert held.project.pytest("-q", "test_app.py").returncode == 0


def test_run_whose_client_and_daemon_were_killed_is_ended(held: Held) -> None:
    """By its zygote, with what its tests have started; and nobody is left behind."""
    os.kill(layer_pid(held.project, "daemon"), signal.SIGKILL)
    held.client.kill()
    eventually(lambda: is_gone(held.pid) and is_gone(held.helper), "the run's process group is gone", units=2)
    eventually(lambda: not held.project.processes(), "the zygotes are gone")
    assert held.project.pytest("-q", "test_app.py").returncode == 0


@pytest.mark.parametrize("how", ["pass", "fail"])
def test_result_of_a_run_without_daemon_and_zygote_is_never_a_success(held: Held, how: str) -> None:
    """The client of a run that outlives both waits for it, says so, and exits with 3."""
    for pid in [layer_pid(held.project, kind) for kind in ("daemon", "project")]:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: held.project.find_status() is None, "the daemon is gone")
    assert held.client.poll() is None
    code, stderr = held.end(how)
    assert code == 3
    assert "the daemon ended during the run" in stderr
    assert held.project.pytest("-q", "test_app.py").returncode == 0


def test_zygote_killed_while_it_imports_is_replaced_for_the_client_that_waits(warm: Project) -> None:
    """Its run is cold at once; the next one finds the layer built."""
    (warm.root / "hold").touch()
    warm.write("app/__init__.py", APP + "# changed\n")
    client = warm.start([PYTEST, "-q", "test_app.py"])
    await_client(warm)
    killed = building_pid(warm)
    (warm.root / "hold").unlink()
    os.kill(killed, signal.SIGKILL)
    stdout, stderr = client.communicate(timeout=4 * UNIT_S)
    assert client.returncode == 0, stdout + stderr
    assert_works(warm)


def await_client(project: Project) -> None:
    """Wait until a client waits for its run."""
    eventually(lambda: '"clients_waiting": 1' in project.status().raw, "a client waits")


def building_pid(project: Project) -> int:
    """Wait until a project layer is importing the app; return its process."""
    found: list[int] = []

    def look() -> bool:
        layers = [layer for layer in project.status().layers if layer.phase == "building" and layer.kind == "project"]
        found[:] = [layer.pid for layer in layers if layer.pid]
        return bool(found)

    eventually(look, "a project layer is building")
    return found[-1]


@pytest.mark.measured
def test_module_that_kills_its_process_is_left_to_the_runs(warm: Project) -> None:
    """A module that crashes the zygote twice is not imported early any more; the run shows the crash."""
    warm.write("app/__init__.py", "import os\n\nif not os.environ.get('SAFE'):\n    os.abort()\nVALUE = 1\n")
    assert warm.pytest("-q", "test_app.py").returncode == -signal.SIGABRT
    eventually(lambda: "kills the process" in warm.status().rejected.get("app", ""), "the module is given up")
    warm.settle()
    result = warm.pytest("-q", "test_app.py", SAFE="1")
    assert (result.returncode, result.was_warm) == (0, True)


def test_import_that_does_not_end_is_given_up(project: Project) -> None:
    """A client does not wait for ever for an import that hangs in the zygote."""
    project.write("app/__init__.py", APP)
    project.write("test_app.py", TEST)
    with own_daemon(project, "--build-patience-s", "4"):
        project.warm_up("test_app.py")
        (project.root / "hold").touch()
        project.write("app/__init__.py", APP + "# changed\n")
        client = project.start([PYTEST, "-q", "test_app.py"])
        eventually(lambda: "app" in project.status().rejected, "the module is given up")
        (project.root / "hold").unlink()
        assert client.wait(4 * UNIT_S) == 0
        stderr = client.communicate()[1]
        assert "importing app" in stderr


def test_edits_without_end_do_not_grow_the_daemon(project: Project) -> None:
    """After many patches in a row all is imported anew, beside the layer that serves, and takes its place."""
    numbers, looks = itertools.count(1), itertools.count()

    def run_edited() -> None:
        number = next(numbers)
        project.write("app.py", f"def value():\n    return {number}\n")
        result = project.pz("-s")
        assert f"VALUE {number}\n" in result.stdout
        assert result.was_warm

    def has_other_layers() -> bool:
        if next(looks) % 40 == 0:  # again if one was not patched, because it was seen while it was being saved
            for _ in range(3):
                run_edited()
        return base.isdisjoint(layer.pid for layer in project.status().layers)

    project.write("app.py", "def value():\n    return 0\n")
    project.write("test_app.py", "import app\ndef test_it(): print('VALUE', app.value())\n")
    with own_daemon(project, "--max-forks", "3"):
        project.warm_up("-s")
        base = {layer.pid for layer in project.status().layers if layer.kind == "base"}
        eventually(has_other_layers, "all was imported anew", units=8)
        assert "edits: all is imported anew beside it" in (project.folder / "own.log").read_text()
        run_edited()


@contextlib.contextmanager
def own_daemon(project: Project, *options: str, prefix: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Run the project's daemon as a child of this test."""
    ready, theirs = os.pipe()
    command = [sys.executable, "-m", "pytest_zygote.daemon", "--root", str(project.root)]
    project.folder.mkdir(mode=0o700, exist_ok=True)
    with (project.folder / "own.log").open("wb") as log:
        daemon = subprocess.Popen(
            [*prefix, *command, "--cache", str(project.root / ".pytest_cache"), "--ready", str(theirs), *options],
            env=project.environ,
            pass_fds=[theirs],
            stderr=log,
        )
    os.close(theirs)
    assert os.read(ready, 1)
    os.close(ready)
    try:
        yield daemon
    finally:
        project.stop()
        daemon.wait(4 * UNIT_S)


# Code that is broken for a while


@pytest.mark.parametrize(
    ("path", "broken"),
    [
        ("app/__init__.py", "def f(:\n"),
        ("app/__init__.py", "raise LookupError('not today')\n"),
        ("app/__init__.py", "import no_such_module\n"),
        ("conftest.py", "raise LookupError('not today')\n"),
        ("conftest.py", "def f(:\n"),
        ("test_app.py", "def f(:\n"),
    ],
)
def test_broken_file_fails_as_in_plain_pytest_until_it_is_mended(warm: Project, path: str, broken: str) -> None:
    """What cannot be imported shows in the run as always, and is gone when it is mended."""
    whole = (warm.root / path).read_text() if (warm.root / path).exists() else ""
    warm.write(path, broken)
    plain = warm.plain("-q", "test_app.py")
    result = warm.pytest("-q", "test_app.py")
    assert result.returncode == plain.returncode != 0
    assert without_times(result.stdout) == without_times(plain.stdout)
    assert result.was_warm
    warm.write(path, whole)
    assert_works(warm)


def without_times(text: str) -> list[str]:
    """Return the lines of pytest's output without how long it took."""
    return [line.rpartition(" in ")[0] or line for line in text.splitlines()]


@pytest.mark.measured
def test_import_that_changes_what_it_reads_makes_runs_cold(warm: Project) -> None:
    """Layers that are stale as soon as they are built do not keep a client waiting."""
    warm.write(
        "app/__init__.py",
        """
        import pathlib
        import sqlite3

        file = pathlib.Path(__file__).parent.parent / "counter.db"
        with sqlite3.connect(file) as database:  # C code is not seen to write
            database.execute("CREATE TABLE IF NOT EXISTS counted (at)")
            database.execute("INSERT INTO counted VALUES (datetime())")
        database.close()
        VALUE = 1
        """,
    )
    result = warm.pytest("-q", "test_app.py")
    assert result.returncode == 0
    assert not result.was_warm
    assert "cold run [inputs-unstable]: counter.db changed while the run waited for a layer" in result.stderr


# What the daemon says and does about changes


def test_layer_is_built_anew_before_the_next_run_asks(warm: Project) -> None:
    """A file event has the daemon do at once what the next run would wait for."""
    before = layer_pid(warm, "project")
    warm.write("app/__init__.py", APP + "# changed\n")
    eventually(lambda: (layer := warm.status().layer("project")) and layer.pid != before, "another project layer")
    result = warm.pytest("-q", "test_app.py")
    assert (result.returncode, result.was_warm, result.said) == (0, True, [])


def test_client_is_told_why_layers_were_built_for_it(project: Project) -> None:
    """One line names the file or the key that changed, and what it cost."""
    project.write("app/__init__.py", "import os\n\nVALUE = int(os.environ.get('VALUE', '1'))\n")
    project.write("test_app.py", TEST)
    with own_daemon(project, "--no-watching"):
        project.warm_up("test_app.py")
        (line,) = project.pytest("-q", "test_app.py", VALUE="2").said
        assert re.fullmatch(
            r"re-imported 1 project module \(\d+\.\d\d s\) \[environment-changed\]: app read VALUE, which changed", line
        )
        project.write("app/__init__.py", "VALUE = 1\n")
        (line,) = project.pytest("-q", "test_app.py").said
        assert line.startswith("re-imported 1 project module (")
        assert line.endswith(" s) [file-changed]: app/__init__.py changed")
        assert project.pytest("-q", "test_app.py").said == []


def test_client_that_waits_is_told_what_is_imported(warm: Project) -> None:
    """A build that takes more than a second names the module."""
    (warm.root / "hold").touch()
    warm.write("app/__init__.py", APP + "# changed\n")
    client = warm.start([PYTEST, "-q", "test_app.py"])
    assert client.stderr is not None
    line = client.stderr.readline()
    (warm.root / "hold").unlink()
    client.communicate(timeout=4 * UNIT_S)
    assert re.fullmatch(r"zygote: importing app \(\d\.\d s\)\n", line)


def test_two_kinds_of_runs_in_turn_leave_each_other_s_layers_alone(warm: Project) -> None:
    """A run with unusual options starts from the base layer, and the next is as fast as ever."""
    unusual = ("-q", "-p", "no:doctest", "test_app.py")
    warm.pytest(*unusual)
    warm.settle()
    before = warm.reloads()
    for args in (("-q", "test_app.py"), unusual) * 2:
        result = warm.pytest(*args)
        assert (result.returncode, result.was_warm) == (0, True)
        warm.settle()
    assert warm.reloads() == before


def test_options_that_stay_unusual_become_usual(warm: Project) -> None:
    """Twice the same in a row, and the project layer is built for them."""
    for _ in range(3):
        warm.pytest("-q", "-p", "no:doctest", "test_app.py")
        warm.settle()
    layer = warm.status().layer("project")
    assert layer is not None
    assert layer.runs_served == 1


# Many clients


def test_second_client_waits_for_the_daemon_that_the_first_starts(project: Project) -> None:
    """Two clients at a cold start get one daemon."""
    project.write("test_app.py", "def test_passes():\n    pass\n")
    clients = [project.start([PYTEST, "-q"]) for _ in range(2)]
    texts = [client.communicate(timeout=6 * UNIT_S)[1] for client in clients]
    assert [client.returncode for client in clients] == [0, 0], texts
    assert sum("started a daemon" in text for text in texts) == 1
    assert "cold" not in "".join(texts)
    assert project.runs_served() == 2


def test_twenty_clients_at_once_are_all_served(warm: Project) -> None:
    """Clients do not get in each other's way, while a layer is being built either."""
    before = warm.runs_served()
    warm.write("app/__init__.py", APP + "# changed\n")
    clients = [warm.start([PYTEST, "-q", "test_app.py"]) for _ in range(20)]
    ended = [(client.communicate(timeout=12 * UNIT_S), client.returncode) for client in clients]
    assert [code for _, code in ended] == [0] * 20, ended
    assert warm.runs_served() == before + 20


def test_clients_that_need_different_layers_are_served_in_turn(warm: Project) -> None:
    """Clients whose environments exclude each other's layers do not replace them for ever."""
    warm.write("app/__init__.py", "import os\n\nVALUE = int(os.environ.get('VALUE', '1'))\n")
    warm.write(
        "test_env.py", "import os\n\nimport app\n\ndef test_env():\n    assert str(app.VALUE) == os.environ['VALUE']\n"
    )
    warm.warm_up("test_env.py", VALUE="1")
    before = warm.runs_served()
    clients = [warm.start([PYTEST, "-q", "test_env.py"], VALUE=str(number % 3)) for number in range(9)]
    ended = [(client.communicate(timeout=12 * UNIT_S), client.returncode) for client in clients]
    assert [code for _, code in ended] == [0] * 9, ended
    assert warm.runs_served() == before + 9


def test_client_that_waits_can_be_interrupted(warm: Project) -> None:
    """Ctrl-C works while the layers are being built, and the daemon goes on."""
    (warm.root / "hold").touch()
    warm.write("app/__init__.py", APP + "# changed\n")
    client = warm.start([PYTEST, "-q", "test_app.py"])
    await_client(warm)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=4 * UNIT_S)
    assert client.returncode == -signal.SIGINT
    (warm.root / "hold").unlink()
    assert_works(warm)


def test_stopped_daemon_keeps_nobody_waiting(project: Project) -> None:
    """After Ctrl-Z in its window runs are cold, commands say why; when it goes on, it serves again."""
    project.environ["PYTEST_DAEMON_SESSIONS"] = "3"  # these look at the client's process, which is gone by then
    project.write("test_app.py", "def test_passes():\n    pass\n")
    project.warm_up("-q")
    pid = project.status().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        ended = [project.start([PYTEST, "-q", *args]) for args in ((), ("--daemon-status",), ("--stop-daemon",))]
        said = [f"{process.returncode} {errors}" for process in ended for _, errors in [process.communicate()]]
    finally:
        os.kill(pid, signal.SIGCONT)

    reason = f"the daemon is stopped (fg in its terminal, or kill -CONT {pid}, has it go on)"
    assert said == [f"0 zygote: cold run [daemon-suspended]: {reason}\n", *2 * [f"4 ERROR: {reason}\n\n"]]
    assert project.pytest("-q").was_warm
    assert project.status().pid == pid


# Peers that do not keep to the protocol


def raw_connection(project: Project) -> socket.socket:
    """Connect to the daemon without our own code."""
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(project.sockets()[0]))
    raw.settimeout(4 * UNIT_S)
    return raw


def request(project: Project, **forged: object) -> client_messages.RunRequest:
    """Describe a run of the project's tests; forged fields may be of any type."""
    honest = client_messages.RunRequest(
        version=pytest_zygote.__version__,
        interpreter=interpreter_identity(),
        args=("-q", "test_app.py"),
        argv0=PYTEST,
        main=("", PYTEST),
        cwd=str(project.root),
        umask=0o22,
        environ=project.environ,
        path=(str(BIN), *sys.path[1:]),
        ignored=(),
        closed=(),
        pid=os.getpid(),
    )
    request = object.__new__(client_messages.RunRequest)
    request.__dict__.update(vars(honest), **forged)
    return request


def frame(payload: bytes) -> bytes:
    """Return a frame with any payload."""
    return framing.MAGIC + len(payload).to_bytes(4, "big") + payload


def whole(_project: Project) -> bytes:
    """Return a request in order, for tests that send a part of it."""
    return framing.pack(request(_project))


LIES: dict[str, Callable[[Project], bytes]] = {
    "garbage": lambda _: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": lambda _: bytes(4096),
    "oversized": lambda _: framing.MAGIC + (MAX_PAYLOAD + 1).to_bytes(4, "big"),
    "other protocol": lambda p: whole(p).replace(framing.MAGIC, framing.MAGIC[:-1] + b"\xfe", 1),
    "malformed": lambda _: frame(b"l3:s5:abc"),
    "unknown message": lambda _: frame(b"l1:s4:Evil"),
    "zygote's message": lambda _: framing.pack(layer_messages.RunExited(1, 0)),
    "second request": lambda p: whole(p) * 2,
    "wrong types": lambda p: framing.pack(request(p, environ={1: 2})),
    "numbers for arguments": lambda p: framing.pack(request(p, args=(1, 2))),
    "text for signals": lambda p: framing.pack(request(p, ignored=("1",))),
    "no descriptors": whole,
    "deep nesting": lambda _: frame(b"l1:" * 5000),
}


@pytest.mark.parametrize("lie", LIES)
def test_peer_that_lies_harms_only_itself(unharmed: Project, lie: str) -> None:
    """The connection is closed, or the client sent away; the daemon and its layers stay."""
    pid = unharmed.status().pid
    with raw_connection(unharmed) as raw:
        raw.sendall(LIES[lie](unharmed))
        received = b""
        while data := raw.recv(4096):
            received += data
    assert b"Finished" not in received
    assert_works(unharmed)
    assert unharmed.status().pid == pid


def test_half_a_frame_and_a_silent_peer_harm_nobody(unharmed: Project) -> None:
    """Others are served while a connection says nothing, or stops in the middle."""
    with raw_connection(unharmed), raw_connection(unharmed) as half:
        half.sendall(whole(unharmed)[:200])
        assert_works(unharmed)
    assert_works(unharmed)


def test_silent_peer_is_not_kept_for_ever(unharmed: Project) -> None:
    """A connection that asks for nothing is closed."""
    with raw_connection(unharmed) as raw:
        assert raw.recv(1) == b""


def test_client_that_does_not_read_harms_nobody(unharmed: Project) -> None:
    """The daemon does not wait for a peer to read its answers."""
    question = framing.pack(client_messages.StatusRequest("json"))
    with raw_connection(unharmed) as raw:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            raw.sendall(question * 300)  # the answers are a megabyte, five times what the socket holds
        assert_works(unharmed)


def converse(project: Project, message: client_messages.FromClient) -> list[client_messages.ToClient]:
    """Send a message with descriptors; return all that comes back."""
    channel = sockets.connect_to_daemon(str(project.sockets()[0]))
    assert channel is not None
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - a descriptor is wanted
        channel.send(message, [nothing.fileno()] * 3)
    received: list[client_messages.ToClient] = []
    while (batch := channel.receive()) is not None:
        received += batch
    channel.close()
    return received


@pytest.mark.parametrize("changes", [{"version": "0.0.0"}, {"interpreter": ("python", "2.7", "/usr", "", "", "")}])
def test_daemon_makes_room_for_another_version(warm: Project, changes: dict[str, object]) -> None:
    """A client of another version or interpreter is told to start a daemon of its own; this one leaves."""
    before = set(warm.processes())
    (answer,) = converse(warm, request(warm, **changes))
    assert isinstance(answer, client_messages.Outdated)
    assert answer.reason.code == ("daemon-version" if "version" in changes else "daemon-interpreter")
    assert not warm.sockets()
    result = warm.pytest("-q", "test_app.py")
    assert (result.returncode, result.was_warm) == (0, True)
    eventually(lambda: not before & warm.processes().keys(), "the old daemon and its layers have left")


@pytest.mark.measured
def test_old_daemon_stays_for_its_runs(held: Held) -> None:
    """A daemon that makes room still relays the status of the runs that are going on."""
    converse(held.project, request(held.project, version="0.0.0"))
    assert held.project.pytest("-q", "test_app.py").returncode == 0
    assert held.end("fail")[0] == 1


def test_client_with_other_flags_runs_cold(warm: Project) -> None:
    """The layers were imported by an interpreter with other flags; the reason names it."""
    result = warm.run([str(BIN / "python"), "-O", "-m", "pytest", "-q", "test_app.py"])
    assert result.returncode == 0
    assert any("other flags" in line for line in result.said)
    assert "runs were cold because" in warm.pytest("--daemon-status").stdout


# Stopping


def test_stop_waits_for_runs(held: Held) -> None:
    """Runs that are going on end in their own time, and their clients learn how."""
    stopping = held.project.start([PYTEST, "--stop-daemon"])
    eventually(lambda: "is stopping" in held.project.status().raw, "the daemon is stopping")
    result = held.project.pytest("-q", "test_app.py")
    assert (result.returncode, result.was_warm) == (0, False)
    assert held.end("fail")[0] == 1
    assert "has stopped" in stopping.communicate(timeout=4 * UNIT_S)[0]
    eventually(lambda: not held.project.processes(), "all processes are gone")


def test_second_stop_ends_runs(held: Held) -> None:
    """Who insists is obeyed."""
    first = held.project.start([PYTEST, "--stop-daemon"])
    eventually(lambda: "is stopping" in held.project.status().raw, "the daemon is stopping")
    second = held.project.start([PYTEST, "--stop-daemon"])
    held.client.communicate(timeout=2 * UNIT_S)
    assert held.client.returncode not in (0, None)
    for stopping in (first, second):
        assert "has stopped" in stopping.communicate(timeout=2 * UNIT_S)[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_daemon_and_layers(warm: Project, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C at the daemon leave nothing behind."""
    os.kill(warm.status().pid, number)
    eventually(lambda: not warm.processes(), "all processes are gone", units=1)
    assert not warm.sockets()


def test_daemon_stops_while_a_layer_is_being_built(warm: Project) -> None:
    """A layer in the middle of an import does not keep the daemon."""
    (warm.root / "hold").touch()
    warm.write("app/__init__.py", APP + "# changed\n")
    client = warm.start([PYTEST, "-q", "test_app.py"])
    await_client(warm)
    (path,) = warm.sockets()
    assert "has stopped" in ask(path, client_messages.StopRequest())
    (warm.root / "hold").unlink()
    stderr = client.communicate(timeout=4 * UNIT_S)[1]
    assert client.returncode == 0
    assert "cold run [daemon-stopping]: the daemon is stopping" in stderr


def test_daemon_leaves_when_nobody_asks_for_long(project: Project) -> None:
    """The idle limit ends daemon and layers."""
    project.write("test_app.py", "def test_passes():\n    pass\n")
    assert project.pytest("-q", "--daemon-timeout", "1").returncode == 0
    eventually(lambda: not project.processes(), "all processes are gone")
    assert not project.sockets()


def test_daemon_leaves_when_its_project_is_deleted(warm: Project) -> None:
    """A daemon without a project ends, with its layers."""
    shutil.rmtree(warm.root)
    eventually(lambda: not warm.processes(), "all processes are gone")


def test_daemon_leaves_when_its_socket_is_gone(warm: Project) -> None:
    """A daemon that nobody can reach ends."""
    warm.sockets()[0].unlink()
    eventually(lambda: not warm.processes(), "all processes are gone")


# The system


@pytest.mark.parametrize("name", ["argparse", "platform", "runpy", "selectors", "types", "watchdog"])
def test_project_with_a_module_named_as_one_of_ours_is_served(project: Project, name: str) -> None:
    """Daemon and zygotes start without the project's folder on their path."""
    project.write(f"{name}.py", "raise SystemExit('this is the project')\n")
    project.write("test_app.py", "def test_passes():\n    pass\n")
    result = project.warm_up("-q")
    assert result.returncode == 0
    assert "this is the project" not in project.log()


def test_long_log_is_emptied(project: Project) -> None:
    """A daemon that starts does not add to a log of many days."""
    project.write("test_app.py", "def test_passes():\n    pass\n")
    project.folder.mkdir(mode=0o700)
    log = Path(place_of(project).socket).with_suffix(".log")
    log.write_text("old\n" * 1_000_000)
    project.warm_up("-q")
    assert "ready in" in log.read_text()
    assert log.stat().st_size < 100_000


def place_of(project: Project) -> Rendezvous:
    """Return where the project's daemon would listen."""
    place = Rendezvous(str(project.root))
    place.socket = str(project.folder / Path(place.socket).name)
    return place


def test_stale_socket_is_replaced(project: Project) -> None:
    """A socket that was left over from a power cut is no obstacle."""
    project.write("test_app.py", "def test_passes():\n    pass\n")
    project.folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.bind(place_of(project).socket)
    result = project.pytest("-q")
    assert (result.returncode, result.was_warm) == (0, True)


def assert_cold(
    project: Project, reason: str, prefix: Sequence[str] = (), code: str = "runtime-folder", **environ: str
) -> None:
    """Make sure that a run is plain pytest, says why in one line, and leaves no daemon."""
    project.write("test_app.py", "def test_passes():\n    pass\n")
    result = project.run([*prefix, PYTEST, "-q"], environ)
    assert result.returncode == 0, result.stderr
    assert "1 passed" in result.stdout
    assert len(result.said) == 1
    assert result.said[0].startswith(f"cold run [{code}]: ")
    assert reason in result.said[0]
    assert not [line for line in project.processes().values() if "daemon" in line]


def test_runtime_folder_that_is_a_link_is_refused(project: Project, tmp_path: Path) -> None:
    """Somebody else may have put the link there."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    project.folder.symlink_to(tmp_path / "elsewhere")
    assert_cold(project, "is not a directory")
    project.folder.unlink()


def test_runtime_folder_that_is_open_to_others_is_refused(project: Project) -> None:
    """Whoever can write to it can run code as this user."""
    project.folder.mkdir()
    project.folder.chmod(0o777)
    assert_cold(project, "is open to others (mode 0777")


def test_runtime_folder_that_is_a_file_is_refused(project: Project) -> None:
    """No folder, no daemon, but a run."""
    project.folder.touch(mode=0o600)
    assert_cold(project, "cannot be used")
    project.folder.unlink()


def test_read_only_runtime_folder_makes_runs_cold(project: Project) -> None:
    """/proc is read-only for everybody, root too."""
    assert_cold(project, "cannot be used", XDG_RUNTIME_DIR="/proc/self")


def test_missing_runtime_folder_is_made(project: Project) -> None:
    """$XDG_RUNTIME_DIR need not exist."""
    project.write("test_app.py", "def test_passes():\n    pass\n")
    shutil.rmtree(project.folder, ignore_errors=True)
    result = project.pytest("-q")
    assert (result.returncode, result.was_warm) == (0, True)
    assert project.folder.stat().st_mode & 0o777 == 0o700


def test_runtime_folder_whose_path_is_too_long_makes_runs_cold(project: Project) -> None:
    """A socket's path has an upper limit; the line says what to do."""
    long = project.home / ("long" * 30)
    long.mkdir(mode=0o700)
    assert_cold(project, "set XDG_RUNTIME_DIR to a shorter folder", XDG_RUNTIME_DIR=str(long))


def in_namespace(setup: str) -> list[str]:
    """Return a prefix that runs a command as root of a user namespace of its own, after a set-up."""
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", f'{setup}; exec "$@"', "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("user namespaces are not to be had here")
    return prefix


def test_full_disk_makes_runs_cold(project: Project) -> None:
    """Where no socket can be made there is no daemon."""
    project.folder.mkdir(mode=0o700)
    mount = f"mount -t tmpfs -o size=4k,nr_inodes=3,mode=700 none {project.folder}"
    assert_cold(project, "the daemon did not start", code="daemon-start-failed", prefix=in_namespace(mount))


def test_watch_limit_is_told_and_changes_nothing(project: Project) -> None:
    """Without file events files are looked at now and then; the status names the setting."""
    project.write("app/__init__.py", APP)
    project.write("test_app.py", TEST)
    limit = in_namespace("echo 0 > /proc/sys/user/max_inotify_watches")
    with own_daemon(project, prefix=limit) as daemon:
        # A command elsewhere would be cold: it is not limited so.
        project.prefix = ["nsenter", "-t", str(daemon.pid), "--user", "--mount", f"--wd={project.root}"]
        project.warm_up("test_app.py")
        eventually(lambda: "fs.inotify.max_user_watches" in project.status().raw, "the status names the limit")
        project.write("app/__init__.py", "VALUE = 2\n")
        result = project.pytest("-q", "test_app.py")
        assert (result.returncode, result.was_warm) == (1, True)
        assert "app/__init__.py: " in project.reloads()[-1]
        before = project.reloads()
        project.write("app/__init__.py", "VALUE = 3\n")
        eventually(lambda: project.reloads() != before, "the change is found")


@contextlib.contextmanager
def no_more_processes(pid: int) -> Iterator[None]:
    """Have a process fail to fork."""
    if os.getuid() != 0:
        limit = resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
        yield
        resource.prlimit(pid, resource.RLIMIT_NPROC, limit)
        return
    groups = [
        path for path in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")) if (path / "cgroup.procs").exists()
    ]
    if not groups:
        pytest.skip("no control group that counts processes")
    group = groups[0] / f"zygote-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "pids.max").write_text("1")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        yield
    finally:
        (groups[0] / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def test_run_is_cold_when_no_process_can_be_made(warm: Project) -> None:
    """A zygote that cannot fork says so; the layer stays."""
    pid = layer_pid(warm, "project")
    os.kill(warm.standby(), signal.SIGKILL)
    eventually(lambda: not warm.standby_runs(), "no run was forked beforehand")
    with no_more_processes(pid):
        result = warm.pytest("-q", "test_app.py")
    assert (result.returncode, result.was_warm) == (0, False)
    assert any(line.startswith("cold run [fork-failed]: no process could be made") for line in result.said)
    assert_works(warm)
    assert layer_pid(warm, "project") == pid


def test_command_goes_on_when_its_run_is_continued(held: Held) -> None:
    """By a batch system that had suspended it: no shell knows that the command has stopped itself too."""
    client = psutil.Process(held.client.pid)
    os.kill(held.pid, signal.SIGSTOP)
    eventually(lambda: client.status() == psutil.STATUS_STOPPED, "the command has stopped")
    os.kill(held.pid, signal.SIGCONT)
    eventually(lambda: client.status() != psutil.STATUS_STOPPED, "the command goes on")
    assert held.end("pass")[0] == 0


def test_zygote_that_is_stopped_does_not_stop_the_daemon(warm: Project) -> None:
    """Though it should read an edit that no buffer has room for; the next run has the edit."""
    function = f'''def f{{}}():\n    """{100 * "x"}"""\n    return {{}}\n\n'''
    warm.write("app/long.py", "".join(function.format(number, number) for number in range(4000)))
    warm.write("test_long.py", "from app import long\n\ndef test_it():\n    assert long.f3() != 3\n")
    warm.warm_up("test_long.py")
    os.kill(layer_pid(warm, "project"), signal.SIGSTOP)
    warm.write("app/long.py", "".join(function.format(number, number + 1) for number in range(4000)))
    eventually(lambda: warm.status().is_building, "the edit is followed")
    assert warm.pytest("-q", "test_long.py").returncode == 0


def test_client_is_cold_when_the_daemon_has_no_descriptor_left(held: Held) -> None:
    """It says so, and the run that is going on keeps its exit code."""
    pid = layer_pid(held.project, "daemon")
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 12, before[1]))
    result = held.project.pytest("-q", "test_app.py")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    assert (result.returncode, result.was_warm) == (0, False)
    assert any(line.startswith("cold run [descriptors-exhausted]: the daemon may have") for line in result.said)
    assert held.end("fail")[0] == 1
    assert layer_pid(held.project, "daemon") == pid
    assert_works(held.project)


def test_zygote_that_is_stopped_keeps_nobody_waiting_for_ever(warm: Project) -> None:
    """A zygote that does not fork in time is killed and replaced."""
    os.kill(layer_pid(warm, "project"), signal.SIGSTOP)
    started = time.monotonic()
    assert_works(warm)
    assert time.monotonic() - started < 3 * UNIT_S


# pytest inside a test


def test_pytest_inside_a_test_is_plain(warm: Project) -> None:
    """Pytester's runs, in the same process and in others, do not come back to the daemon."""
    warm.write(
        "test_outside.py",
        """
        import pytest

        pytest_plugins = "pytester"

        @pytest.mark.parametrize("how", ["inprocess", "subprocess"])
        def test_nested(pytester, how):
            pytester.makeini("[pytest]\\naddopts = -p pytest_zygote")
            pytester.makepyfile("def test_inner(): pass")
            result = pytester.runpytest("-v") if how == "inprocess" else pytester.runpytest_subprocess("-v")
            result.assert_outcomes(passed=1)
            assert "zygote:" not in result.stderr.str()
        """,
    )
    before = warm.runs_served()
    result = warm.pytest("-q", "test_outside.py")
    assert result.returncode == 0, result.stdout
    assert warm.runs_served() == before + 1
    assert len(warm.sockets()) == 1
