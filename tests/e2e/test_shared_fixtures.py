"""Shared fixtures: set up once, torn down once, however the run ends."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import UNIT_S, eventually

if TYPE_CHECKING:
    from tests.support.daemon import Project

CONFTEST = """
    import pathlib

    import pytest
    import pytest_zygote

    def note(text):
        with pathlib.Path("log").open("a") as file:
            file.write(text + "\\n")
"""


def log(project: Project) -> list[str]:
    """Return what fixtures noted, and begin anew."""
    file = project.root / "log"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def write(project: Project, fixtures: str, tests: str) -> None:
    """Write a conftest file and a test file."""
    project.write("conftest.py", CONFTEST + fixtures)
    project.write("test_it.py", "    import os\n    import pytest\n    from conftest import note\n" + tests)


KINDS = """
    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def base():
        note("base up")
        yield {"lambda": lambda: 7}
        note("base down")

    @pytest_zygote.shared
    @pytest.fixture(scope="session", params=["a", "b"])
    def server(request, base):
        note(f"server {request.param} up")
        request.addfinalizer(lambda: note(f"server {request.param} down"))
        return (request.param, base)

    @pytest_zygote.shared
    @pytest.fixture(scope="session", autouse=True)
    def always():
        note("always up")
        print("printed while setting up")
        yield
        note("always down")

    @pytest_zygote.fixture(scope="global")
    def unused():
        note("unused up")

    @pytest.fixture(scope="session")
    def own(worker_id):
        yield worker_id
"""

TESTS = """
    @pytest.mark.parametrize("n", range(6))
    def test_it(n, server, base, own, always):
        assert base["lambda"]() == 7
        assert server[1] is base
        assert own.startswith("gw")
        assert always is None

    def test_late(request):
        assert request.getfixturevalue("server_of_one") == ["late"]
        assert n_of("server_of_one") == 1

    def n_of(name):
        import pathlib
        return pathlib.Path("log").read_text().count(f"{name} up")
"""

LATE = """
    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def server_of_one():
        note("server_of_one up")
        yield ["late"]
        note("server_of_one down")
"""


@pytest.mark.measured
def test_one_set_up_and_one_teardown_for_all_workers(project: Project) -> None:
    """Whatever the kind of fixture; the last one set up is torn down first; what no test needs is not set up."""
    write(project, KINDS + LATE, TESTS)
    result = project.plain("-n3", "-rA")
    assert result.returncode == 0, result.stdout
    assert "13 passed" in result.stdout
    assert "printed while setting up" in result.stdout
    lines = log(project)
    first = ["always up", "base up", "server a up", "server b up"]
    assert lines[:4] == first
    assert lines[4] == "server_of_one up"
    assert lines[5:] == [line.replace(" up", " down") for line in reversed(lines[:5])]
    assert project.plain("-n3", "-k", "nothing").returncode == 5
    assert log(project) == []


def test_without_workers_they_are_ordinary(project: Project) -> None:
    """The mark means nothing then."""
    write(project, KINDS, TESTS.replace('own.startswith("gw")', 'own == "master"'))
    result = project.plain("-k", "test_it")
    assert "12 passed" in result.stdout
    assert sorted(log(project)) == sorted(
        [
            *(f"{name} up" for name in ("always", "base", "server a", "server b")),
            *(f"{name} down" for name in ("always", "base", "server a", "server b")),
        ]
    )


@pytest.mark.parametrize(
    ("body", "args"),
    [("assert n != 1", ("-x",)), ("n == 1 and os._exit(9)", ()), ("n == 1 and pytest.exit('enough')", ())],
)
def test_they_are_torn_down_however_the_run_ends(project: Project, body: str, args: tuple[str, ...]) -> None:
    """Once, in order; also what was asked for while tests ran."""
    late = "        assert request.getfixturevalue('server_of_one') == ['late']\n"
    head = "    @pytest.mark.parametrize('n', range(9))\n    def test_it(n, server, request):\n"
    write(project, KINDS + LATE, f"{head}{late}        {body}\n")
    result = project.plain("-n2", *args)
    assert result.returncode != 0
    lines = log(project)
    assert lines[4] == "server_of_one up"
    assert lines[5:] == [line.replace(" up", " down") for line in reversed(lines[:5])]


def test_they_are_torn_down_after_ctrl_c(project: Project) -> None:
    """Once, in order."""
    tests = "    import time\n    @pytest.mark.parametrize('n', range(2))\n"
    late = "        request.getfixturevalue('server_of_one')\n"
    sleep = "        note('begun')\n        time.sleep(600)\n"
    write(project, KINDS + LATE, f"{tests}    def test_it(n, server, request):\n{late}{sleep}")
    process = project.start(["pytest", "-n2"], PYTEST_DAEMON_DISABLE="1")
    file = project.root / "log"
    eventually(lambda: file.exists() and file.read_text().count("begun") == 2, "both workers run a test")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=4 * UNIT_S)
    assert process.returncode == 2
    lines = [line for line in log(project) if line != "begun"]
    assert len(lines) == 10
    assert lines[5:] == [line.replace(" up", " down") for line in reversed(lines[:5])]


def test_errors_are_those_of_the_tests_that_need_it(project: Project) -> None:
    """In set-up each of them has it; in teardown the last one has it, as in one process."""
    fixtures = """
    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def broken():
        note("broken up")
        print("before it broke")
        raise ValueError("no server")

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def skipping(): pytest.skip("none here")

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def leaking():
        yield 1
        raise OSError("cannot stop")
"""
    tests = """
    @pytest.mark.parametrize("n", range(4))
    def test_broken(n, broken): ...
    def test_skipping(skipping): ...
    @pytest.mark.parametrize("n", range(2))
    def test_leaking(n, leaking): ...
"""
    write(project, fixtures, tests)
    result = project.plain("-n2")
    assert result.returncode == 1
    assert "2 passed, 1 skipped, 5 errors" in result.stdout, result.stdout
    assert result.stdout.count("ValueError: no server") >= 4
    assert "before it broke" in result.stdout
    assert "ERROR at teardown of test_leaking[1]" in result.stdout
    assert "pytest_zygote/fixtures" not in result.stdout
    assert log(project) == ["broken up"]


@pytest.mark.measured
def test_errors_of_what_is_asked_for_late(project: Project) -> None:
    """Tests have them, whether it is the fixture's own or of one that it needs; others are torn down all the same."""
    fixtures = """
    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def first():
        note("first up")
        yield
        note("first down")

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def broken(first):
        note("broken up")
        raise ValueError("no server")

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def needing(broken): ...

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def leaking(first):
        yield 1
        note("leaking down")
        raise OSError("cannot stop")
"""
    tests = """
    @pytest.mark.parametrize("name", ["broken", "needing", "broken", "needing", "leaking", "leaking"])
    def test_it(name, request): request.getfixturevalue(name)
"""
    write(project, fixtures, tests)
    result = project.plain("-n2")
    assert "4 failed, 2 passed, 1 error" in result.stdout, result.stdout
    assert result.stdout.count("it raised ValueError('no server')") >= 4
    assert "AssertionError" not in result.stdout
    assert "OSError: cannot stop" in result.stdout
    assert log(project) == ["first up", "broken up", "leaking down", "first down"]


def test_warnings_are_those_of_a_test(project: Project) -> None:
    """Shown once, and errors if they are errors in tests."""
    fixtures = """
    import warnings

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def old():
        warnings.warn("old while setting up")
        yield
        warnings.warn("old while tearing down")
"""
    write(project, fixtures, "    @pytest.mark.parametrize('n', range(4))\n    def test_it(n, old): ...\n")
    result = project.plain("-n2")
    assert "4 passed, 2 warnings" in result.stdout, result.stdout
    assert "4 errors" in project.plain("-n2", "-Werror:old while setting up").stdout
    assert "4 passed, 1 warning, 1 error" in project.plain("-n2", "-Werror:old while tearing down").stdout


def test_what_does_not_survive_a_fork_is_set_up_in_each_worker(project: Project) -> None:
    """With one line why; `after_fork` makes it survive."""
    fixtures = """
    import os
    import socket
    import sqlite3

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def database():
        note("database up")
        yield sqlite3.connect(":memory:", check_same_thread=False)
        note("database down")

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def table(database): return [database]

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def client():
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as end:
            yield end.fileno()

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def bound(worker_id): return worker_id

    @pytest_zygote.shared(after_fork=lambda value: (*value, os.getpid()))
    @pytest.fixture(scope="session")
    def reopened():
        note("reopened up")
        return (os.getpid(),)
"""
    tests = """
    @pytest.mark.parametrize("n", range(4))
    def test_it(n, database, table, client, bound, reopened, worker_id):
        assert table == [database]
        assert bound == worker_id
        assert reopened == (os.getppid(), os.getpid())
"""
    write(project, fixtures, tests)
    result = project.plain("-n2")
    assert result.returncode == 0, result.stdout
    said = "\n".join(line for line in result.stdout.splitlines() if line.startswith("zygote: fixture"))
    assert "'database' is set up in each worker: it holds a database connection (sqlite3.Connection)" in said
    assert "'table' is set up in each worker: it needs 'database'" in said
    assert "'client' is set up in each worker: it is connected to 127.0.0.1:" in said
    assert "'bound' is set up in each worker: it needs 'worker_id': it is another one in each worker" in said
    lines = log(project)
    assert lines.count("database up") == lines.count("database down") == 3
    assert lines.count("reopened up") == 1


def test_a_server_in_a_thread_serves_all_workers(project: Project) -> None:
    """The thread stays in the run process, and the workers reach it."""
    fixtures = """
    import threading
    import urllib.request
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"served")

        def log_message(self, *_): ...

    @pytest_zygote.shared
    @pytest.fixture(scope="session")
    def url():
        note("server up")
        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()
        note("server down")
"""
    tests = """
    import urllib.request
    @pytest.mark.parametrize("n", range(6))
    def test_it(n, url):
        assert urllib.request.urlopen(url, timeout=30).read() == b"served"
"""
    write(project, fixtures, tests)
    result = project.plain("-n3")
    assert "6 passed" in result.stdout, result.stdout
    assert log(project) == ["server up", "server down"]


def test_what_cannot_be_shared_at_all_says_so(project: Project) -> None:
    """A fixture of another scope, and a late value that cannot be sent."""
    write(
        project,
        "    @pytest_zygote.shared\n    @pytest.fixture\n    def one(): ...\n",
        "    def test_a(one): ...\n    def test_b(one): ...\n",
    )
    result = project.plain("-n2")
    assert result.returncode == 4, result.stdout
    assert "the shared fixture 'one' has scope 'function': make it 'session'" in result.stdout + result.stderr
    write(
        project,
        "    @pytest_zygote.shared\n    @pytest.fixture(scope='session')\n    def one(): return lambda: 1\n",
        "    def test_a(request): request.getfixturevalue('one')\n    def test_b(): ...\n",
    )
    result = project.plain("-n2")
    assert "the shared fixture 'one' was asked for while tests run" in result.stdout
    assert "@pytest.mark.usefixtures" in result.stdout


def test_one_is_set_up_after_the_autouse_fixtures_of_the_session(project: Project) -> None:
    """As in plain pytest; these are set up in each worker as well, but for those that need it themselves."""
    project.write(
        "test_it.py",
        """
        import os
        import pytest
        import pytest_zygote
        @pytest.fixture(scope="session", autouse=True)
        def environment():
            os.environ["DB_URL"] = "here"
            open("set_up", "a").write("e")
        @pytest_zygote.shared
        @pytest.fixture(scope="session")
        def database(): return os.environ["DB_URL"]
        @pytest.fixture(scope="session", autouse=True)
        def tables(database): open("set_up", "a").write("t")
        @pytest.mark.parametrize("n", range(2))
        def test_a(n, database): assert database == "here"
        """,
    )
    result = project.plain("-n2")
    assert "2 passed" in result.stdout
    assert sorted((project.root / "set_up").read_text()) == sorted("e" + "et" * 2)
