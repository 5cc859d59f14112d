"""What docs/shared-fixtures.md says: its snippets, and its table of what survives a fork."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_shared_fixtures import log, write
from tests.e2e.test_workers import count

if TYPE_CHECKING:
    from tests.support.daemon import Project

PAGE = Path(__file__).parents[2] / "docs" / "shared-fixtures.md"
HELPERS = """
    class Server:
        url = "http://server"
        address = ("127.0.0.1", 5432)

        def __init__(self, *folder):
            note(f"up {all(one.is_dir() for one in folder)}")

        def stop(self):
            note("down")

    start_server = start_postgres = Server

    def answers(address):
        return address == Server.address
"""


def snippet(name: str) -> str:
    """Return the page's fixture of this name, as it stands there."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if f"def {name}(" in block]
    return str(found)


def test_the_snippet_of_a_shared_fixture(project: Project) -> None:
    """Set up once for all workers; without workers it is an ordinary one."""
    tests = (
        "    @pytest.mark.parametrize('n', range(4))\n    def test_it(n, server): assert server == 'http://server'\n"
    )
    write(project, HELPERS + indent(snippet("server"), "    "), tests)
    for args in ("-n2", "-n0"):
        assert count(project.plain(args)) == "4 passed"
        assert log(project) == ["up True", "down"]


def test_the_snippet_of_a_lasting_fixture(project: Project) -> None:
    """It outlives runs, and is set up again when an input has changed."""
    tests = "    @pytest.mark.parametrize('n', range(4))\n    def test_it(n, database): assert database[1] == 5432\n"
    write(project, HELPERS + indent(snippet("database"), "    "), tests)
    project.write("schema.sql", "")
    for args in ("-n2", "-n0"):
        assert count(project.pytest(args)) == "4 passed"
    assert log(project) == ["up True"]
    project.write("schema.sql", "create table product ()")
    assert count(project.pytest("-n2")) == "4 passed"
    assert log(project) == ["down", "up True"]
    project.stop()
    assert log(project) == ["down"]


ENGINE = """
    class Engine:
        disposed = False

        def dispose(self, close):
            assert not close
            self.disposed = True
"""
SURVIVORS = """
    import asyncio
    import concurrent.futures
    import os
    import socket
    import subprocess
    import sys
    import tempfile
    from sqlalchemy.engine.base import Engine

    def shared(function):
        return pytest_zygote.shared(pytest.fixture(scope="session")(function))

    @shared
    def data(): return {"function": lambda: os, "list": [1]}

    @shared
    def child():
        code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); " \\
            "[s.accept()[0].close() for _ in range(4)]"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            yield process, int(process.stdout.readline())
            process.terminate()

    @shared
    def listening():
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server
            note(f"still listening {server.fileno() > 0}")

    @shared
    def folder():
        with tempfile.TemporaryDirectory() as folder:
            yield folder
            note(f"still there {os.path.isdir(folder)}")

    @shared
    def engine(): return Engine()

    @shared
    def executor():
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            executor.submit(int).result()
            yield executor

    @shared
    def loop():
        loop = asyncio.new_event_loop()
        yield loop
        loop.close()
"""
SURVIVAL = """
    import socket

    @pytest.mark.parametrize("n", range(4))
    def test_it(n, data, child, listening, folder, engine, executor, loop):
        assert data["function"]() is os and data["list"] == [1]
        data["list"].append(2) if n == 9 else None
        with socket.create_connection(("127.0.0.1", child[1])):
            pass
        assert listening.getsockname()
        assert os.path.isdir(folder)
        assert engine.disposed
        assert executor.submit(int, "3").result() == 3
        loop.call_soon(loop.stop)
        loop.run_forever()
"""


@pytest.mark.measured
def test_what_survives_a_fork(project: Project) -> None:
    """What stays in the run process is closed there, once; what needs threads is set up in each worker."""
    for package in ("sqlalchemy", "sqlalchemy/engine"):
        project.write(f"{package}/__init__.py", "")
    project.write("sqlalchemy/engine/base.py", ENGINE)
    write(project, SURVIVORS, SURVIVAL)
    result = project.plain("-n2", "-p", "no:cacheprovider")
    assert count(result) == "4 passed", result.stdout
    refused = re.findall(r"zygote: fixture '(\w+)' is set up in each worker: it holds (an \w+ ?\w*)", result.stdout)
    assert refused == [("executor", "an executor"), ("loop", "an event loop")]
    assert sorted(log(project)) == ["still listening True", "still there True"]
