"""Fixtures that outlive the run: set up once in the daemon's life."""

from __future__ import annotations

import json
import re
import shutil
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.e2e.test_shared_fixtures import log, write
from tests.e2e.test_workers import count
from tests.support.daemon import BIN, eventually
from tests.support.postgres import bin_folder

if TYPE_CHECKING:
    from tests.support.daemon import Project

SERVER = """
    import subprocess
    import sys
    import urllib.request

    def is_up(url):
        return urllib.request.urlopen(url, timeout=20).status == 200

    @pytest_zygote.shared(lifetime="daemon", check=is_up, inputs=["schema.txt", "$SCHEMA"])
    @pytest.fixture(scope="session")
    def server(tmp_path_factory):
        folder = tmp_path_factory.mktemp("data")
        command = [sys.executable, "counting.py", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        note("up")
        print("the server is being started")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()
        process.wait()
        note("down")
"""

COUNTING = """
    import http.server
    import pathlib
    import sys

    class Handler(http.server.BaseHTTPRequestHandler):
        seen = 0

        def do_GET(self):
            Handler.seen += 1
            pathlib.Path(sys.argv[1], "seen").write_text(str(Handler.seen))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(Handler.seen).encode())

        def log_request(self, *_): ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
"""

TESTS = """
    import urllib.request

    @pytest.mark.parametrize("n", range(4))
    def test_it(server, n):
        note(f"seen {urllib.request.urlopen(server, timeout=20).read().decode()}")
"""


def served(project: Project, fixtures: str = SERVER, tests: str = TESTS) -> None:
    """Write a fixture that starts a server, and tests that ask it."""
    project.write("counting.py", COUNTING)
    write(project, fixtures, tests)


@pytest.mark.measured
def test_one_set_up_serves_many_runs(project: Project) -> None:
    """With and without workers, and it is torn down with the daemon."""
    served(project)
    first = project.warm_up()
    assert first.returncode == 0, first.stdout + first.stderr
    lines = log(project)
    assert lines.count("up") == 1
    assert "down" not in lines
    for command in ((), ("-n2",)):
        result = project.pytest(*command)
        assert result.was_warm
        assert result.returncode == 0, result.stdout
    seen = [int(line.removeprefix("seen ")) for line in log(project)]
    assert len(seen) == 8
    assert min(seen) > 1
    status = project.pytest("--daemon-status").stdout
    assert "fixture server, pid" in status
    assert project.pytest("--stop-daemon").returncode == 0
    assert log(project) == ["down"]


def test_what_is_not_right_any_more_is_set_up_again(project: Project) -> None:
    """After edits of its code, of what that uses, or of its inputs; if it is dead, or its check fails; if asked to."""
    project.write("helper.py", "def port_of(line):\n    return int(line)\n")
    fixtures = SERVER.replace("int(process.stdout", "helper.port_of(process.stdout").replace(
        "sys\n", "sys\n    import helper\n", 1
    )
    served(project, fixtures)
    project.pytest()
    log(project)

    def run() -> tuple[list[str], str]:
        result = project.pytest()
        assert result.returncode == 0, result.stdout
        return [line for line in log(project) if not line.startswith("seen")], result.stdout

    project.write("test_it.py", (project.root / "test_it.py").read_text() + "\n# edited\n")
    assert run()[0] == []
    for path in ("schema.txt", "helper.py"):
        file = project.root / path
        project.write(path, (file.read_text() if file.exists() else "") + "\n# edited\n")
        lines, output = run()
        assert lines == ["down", "up"], path
        assert "fixture 'server' is set up again: its code or inputs changed" in output
    project.environ["SCHEMA"] = "new"
    assert run()[0] == ["down", "up"]
    psutil.Process(keeper_pid(project)).children()[0].kill()
    lines, output = run()
    assert lines == ["down", "up"]
    assert re.search(r"is set up again: its process \d+ has ended", output)
    assert "1 fixture torn down" in project.pytest("--daemon-reset-fixtures").stdout
    assert run()[0] == ["down", "up"]


def keeper_pid(project: Project) -> int:
    """Return the process that keeps the only fixture."""
    (fixture,) = json.loads(project.status().raw)["fixtures"]
    return int(fixture["pid"])


SLOW = """
    import os
    import signal

    @pytest_zygote.shared(lifetime="daemon")
    @pytest.fixture(scope="session")
    def server(request):
        request.addfinalizer(lambda: note("released"))
        request.addfinalizer(lambda: os.rmdir("held"))
        os.mkdir("held")
        note("held")
        if os.path.exists("slow"):
            signal.pause()
        return 7
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_set_up_ends(project: Project, number: signal.Signals) -> None:
    """As in plain pytest; the run after it finds nothing in its way."""
    write(project, SLOW, "    def test_it(server): assert server == 7\n")
    assert project.warm_up().returncode == 0
    project.pytest("--daemon-reset-fixtures")
    log(project)
    (project.root / "slow").touch()
    process = project.start([str(BIN / "pytest"), "-q"])
    eventually((project.root / "log").exists, "the set-up has begun")
    assert log(project) == ["held"]
    process.send_signal(number)
    process.communicate()
    (project.root / "slow").unlink()
    result = project.pytest()
    assert result.returncode == 0, result.stdout
    assert log(project) == ["released", "held"]


OTHERS = """
    lasting = pytest_zygote.shared(lifetime="daemon")

    @pytest.fixture(scope="session")
    def needed(tmp_path_factory):
        note("needed up")
        yield tmp_path_factory.mktemp("needed")
        note("needed down")

    @lasting
    @pytest.fixture(scope="session")
    def first(needed):
        note("first up")
        yield str(needed)
        note("first down")

    @lasting
    @pytest.fixture(scope="session", params=["a", "b"])
    def second(first, request):
        note(f"second up {request.param} {pathlib.Path(first).is_dir()}")
        yield first + request.param
        note(f"second down {request.param} {pathlib.Path(first).is_dir()}")

    @lasting
    @pytest.fixture(scope="session")
    def unpicklable():
        note("unpicklable up")
        yield lambda: 7
        note("unpicklable down")

    @lasting
    @pytest.fixture(scope="session")
    def broken():
        note("broken up")
        raise ValueError("no server today")
"""


@pytest.mark.measured
def test_needs_parameters_and_failures(project: Project) -> None:
    """What a fixture needs lives with it; what cannot live on is set up for the run; errors are shown."""
    tests = """
    def test_values(first, second): assert second[:-1] == first
    def test_unpicklable(unpicklable): assert unpicklable() == 7
    def test_broken(broken): ...
    """
    write(project, OTHERS, tests)
    result = project.pytest()
    assert count(result) == "3 passed, 1 error"
    assert "ValueError: no server today" in result.stdout
    assert "zygote: fixture 'unpicklable' lives as long as the run: its value cannot be sent" in result.stdout
    lasting = ["needed up", "first up", "second up a True", "second up b True"]
    assert [line for line in log(project) if line.startswith(("needed", "first", "second"))] == lasting
    assert count(project.pytest("-n2")) == "3 passed, 1 error"
    assert not [line for line in log(project) if line.startswith(("needed", "first", "second"))]
    assert project.pytest("--stop-daemon").returncode == 0
    assert log(project) == ["second down b True", "second down a True", "first down", "needed down"]


def test_without_a_daemon_it_is_an_ordinary_shared_fixture(project: Project) -> None:
    """Set up once in each run, for all workers."""
    served(project)
    for command in ("-n0", "-n2"):
        assert count(project.plain(command)) == "4 passed"
        assert [line for line in log(project) if not line.startswith("seen")] == ["up", "down"]


def test_one_that_is_asked_for_while_tests_run(project: Project) -> None:
    """It outlives the run like others, with and without workers; its error is that of each test."""
    fixtures = """
    @pytest_zygote.shared(lifetime="daemon")
    @pytest.fixture(scope="session")
    def kept():
        note("up")
        yield 7
        note("down")

    @pytest_zygote.shared(lifetime="daemon")
    @pytest.fixture(scope="session")
    def broken(): raise ValueError("no server")
    """
    tests = """
    @pytest.mark.parametrize("n", range(4))
    def test_it(n, request): assert request.getfixturevalue("kept") == 7

    @pytest.mark.parametrize("n", range(2))
    def test_broken(n, request): request.getfixturevalue("broken")
    """
    write(project, fixtures, tests)
    for args in ((), ("-n2",)):
        result = project.pytest(*args)
        assert count(result) == "2 failed, 4 passed", result.stdout
        assert "AssertionError" not in result.stdout
    assert log(project) == ["up"]
    project.stop()
    assert log(project) == ["down"]


POSTGRES = """
    import os
    import shutil
    import subprocess
    import tempfile

    # The server refuses to be root.
    SERVER = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}

    def call(program, *arguments, **options):
        command = [f"{BIN}/{program}", *map(str, arguments)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd="/", **options).stdout

    def query(host, text):
        return call("psql", "-XAtq", "-h", host, "-U", "tester", "postgres", "-c", text).strip()

    @pytest_zygote.shared(lifetime="daemon", check=lambda host: query(host, "select 1") == "1")
    @pytest.fixture(scope="session")
    def postgres():
        folder = tempfile.mkdtemp(prefix="pg", dir="/tmp")  # a socket's path is short, and that user's too
        if SERVER:
            shutil.chown(folder, "postgres")
        call("initdb", "-D", f"{folder}/data", "-U", "tester", "-A", "trust", "--no-sync", **SERVER)
        options = f"-c listen_addresses= -c fsync=off -k {folder}"
        control = ("pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log")
        call(*control, "-o", options, "start", **SERVER)
        yield folder
        call(*control, "-m", "fast", "stop", **SERVER)
        shutil.rmtree(folder)
        note("stopped")
"""


@pytest.mark.skipif(not bin_folder(), reason="no PostgreSQL server is installed")
def test_a_database_server_outlives_runs(project: Project) -> None:
    """Its tables are there in the next run, with and without workers."""
    tests = """
    from conftest import query

    @pytest.mark.parametrize("n", range(4))
    def test_it(postgres, n):
        query(postgres, "create table if not exists seen (n int)") if n == 0 else None
        note(query(postgres, "select pg_postmaster_start_time()"))
    """
    write(project, f"    BIN = {bin_folder()!r}\n{POSTGRES}", tests)
    assert count(project.pytest()) == "4 passed"
    assert count(project.pytest("-n2")) == "4 passed"
    started = log(project)
    assert len(started) == 8
    assert len(set(started)) == 1
    assert project.pytest("--stop-daemon").returncode == 0
    assert log(project) == ["stopped"]


def test_one_whose_process_is_stopped_is_set_up_again(project: Project) -> None:
    """That process is killed; without this the run would wait for ever."""
    project.write(
        "conftest.py",
        """
        import os, pytest, pytest_zygote

        @pytest_zygote.shared(lifetime="daemon")
        @pytest.fixture(scope="session")
        def holder():
            with open("holders", "a") as file:
                file.write(f"{os.getpid()} ")
            yield 7
        """,
    )
    project.write("test_holder.py", "def test_it(holder):\n    assert holder == 7\n")
    project.warm_up("test_holder.py")
    (*_, before) = (project.root / "holders").read_text().split()
    (folder,) = project.temporary.glob("zygote-fixture-*")  # of its fixtures: who is killed leaves it behind
    psutil.Process(int(before)).suspend()
    result = project.pytest("-q", "test_holder.py")
    assert (result.returncode, result.was_warm) == (0, True)
    assert (project.root / "holders").read_text().split()[-1] != before
    assert not psutil.pid_exists(int(before))
    shutil.rmtree(folder)
