"""Runs are forked from sessions that were collected ahead, and nobody can tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import UNIT_S, Project, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Result

TESTS = """
    import app

    def test_constant():
        assert app.CONSTANT == 1

    def test_printing():
        print("printed")
        assert app.CONSTANT == 2
    """


def make_project(root: Path, **environ: str) -> Project:
    """Make a project that keeps sessions."""
    project = Project(root)
    project.environ |= {"PYTEST_DAEMON_SESSIONS": "3", **environ}
    project.write("app/__init__.py", "CONSTANT = 1")
    project.write("test_app.py", TESTS)
    return project


@pytest.fixture
def forced(tmp_path: Path) -> Iterator[Project]:
    """Make a project whose runs wait for their session: nothing here depends on who is faster."""
    project = make_project(tmp_path / "project", PYTEST_DAEMON_FORCE_SESSIONS="1")
    yield project
    project.close()


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Project]:
    """Make a project whose sessions are collected when the daemon is idle."""
    project = make_project(tmp_path / "project")
    yield project
    project.close()


def from_session(project: Project, *args: str, **environ: str) -> Result:
    """Run from a collected session, of a daemon that has learned all that the run imports.

    Raises:
        AssertionError: the run is not forked from a session.
    """
    for _ in range(4):
        before = project.status().session_runs if project.find_status() else 0
        result = project.pytest(*args, **environ)
        project.settle()
        if project.status().session_runs > before:
            return result
    message = f"no run is forked from a session: {project.status().unused}\n{project.log()}"
    raise AssertionError(message)


def without_times(output: str) -> str:
    """Replace durations, and the bars around them."""
    return re.sub(r"=+$", "=", re.sub(r"\d+\.\d\ds", "T", output), flags=re.MULTILINE)


@pytest.mark.parametrize("args", [(), ("-v", "-rA"), ("-s",), ("--collect-only", "-q"), ("-q", "--tb=short")])
def test_the_output_is_plain_pytests(forced: Project, args: tuple[str, ...]) -> None:
    """Header, collection, results, exit code."""
    plain = forced.plain(*args)
    warm = from_session(forced, *args)
    assert (warm.returncode, without_times(warm.stdout)) == (plain.returncode, without_times(plain.stdout))
    assert warm.stderr == plain.stderr


def test_one_session_serves_many_runs(forced: Project) -> None:
    """Runs leave nothing behind in it, not even in the cache that plain pytest has read by then."""
    first = from_session(forced, "test_app.py")
    again = [from_session(forced, "test_app.py") for _ in range(3)]
    assert {without_times(result.stdout) for result in again} == {without_times(first.stdout)}
    (session,) = forced.status().sessions
    assert session.hits >= 4
    assert session.tests == 2


def test_runs_at_the_same_time(forced: Project) -> None:
    """Each has files of its own for what its tests print."""
    forced.write(
        "test_loud.py",
        """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(30))
        def test_loud(number, capfd):
            os.write(1, f"{os.getpid()} {number}\\n".encode())
            assert capfd.readouterr().out == f"{os.getpid()} {number}\\n"

        @pytest.mark.parametrize("number", range(30))
        def test_fails(number):
            os.system(f"echo {os.getppid()} in {number}")
            assert number < 0
        """,
    )
    from_session(forced, "test_loud.py")
    command = [str(forced.bin / "pz"), "-p", "no:cacheprovider", "test_loud.py"]
    running = [forced.start(command) for _ in range(3)]
    outputs = [process.communicate(timeout=12 * UNIT_S)[0] for process in running]
    for output in outputs:
        assert "30 failed, 30 passed" in output
        assert len(set(re.findall(r"^(\d+) in \d+$", output, re.MULTILINE))) == 1
        assert [int(number) for number in re.findall(r"^\d+ in (\d+)$", output, re.MULTILINE)] == list(range(30))


def test_what_each_run_has_for_itself(forced: Project) -> None:
    """Process, process group, time, random numbers, temporary folders, and the cache."""
    forced.write(
        "test_self.py",
        """
        import os
        import random
        import time

        def test_self(tmp_path, request):
            with open("seen", "a") as file:
                print(os.getpid(), random.random(), tmp_path, os.getpgrp(), file=file)
        """,
    )
    from_session(forced, "test_self.py")
    from_session(forced, "test_self.py")
    result = from_session(forced, "test_self.py")
    rows = [line.split() for line in (forced.root / "seen").read_text().splitlines()]
    for column in range(4):
        assert len({row[column] for row in rows}) == len(rows)
    assert float(re.findall(r"in (\d+\.\d+)s", result.stdout)[0]) < UNIT_S


def test_failures_are_remembered_by_their_own_run(forced: Project) -> None:
    """A session that was collected before a run failed does not make pytest forget the failure."""
    forced.write("test_switch.py", "import os\ndef test_switch(): assert not os.path.exists('broken')")
    cache = forced.root / ".pytest_cache/v/cache"
    from_session(forced, "test_switch.py")
    forced.write("broken", "")
    from_session(forced, "test_switch.py")
    assert "test_switch" in (cache / "lastfailed").read_text()
    from_session(forced, "test_app.py::test_constant")
    assert "test_switch" in (cache / "lastfailed").read_text()
    forced.remove("broken")
    from_session(forced, "test_switch.py")
    assert "test_switch" not in (cache / "lastfailed").read_text()
    assert "test_constant" in (cache / "nodeids").read_text()


EDITS = [
    ("test_app.py", "def test_other(): pass", "1 passed, 1 skipped"),
    ("test_new.py", "def test_new(): pass", "1 failed, 2 passed, 1 skipped"),
    ("folder/test_new.py", "def test_new(): pass", "1 failed, 2 passed, 1 skipped"),
    ("conftest.py", "import pytest\n@pytest.fixture(autouse=True)\ndef skipping(): pytest.skip()", "3 skipped"),
    ("pytest.ini", "[pytest]\naddopts = -p pytest_zygote -p no:randomly -k constant", "1 passed, 2 deselected"),
    ("app/__init__.py", "CONSTANT = 2", "1 failed, 1 passed, 1 skipped"),
    ("names.txt", "one two three", "1 failed, 4 passed"),
]


def test_edits_are_seen(forced: Project) -> None:
    """Whatever collection has read, or found missing."""
    forced.write("names.txt", "")
    forced.write(
        "test_data.py",
        """
        import pathlib
        import pytest

        @pytest.mark.parametrize("name", pathlib.Path("names.txt").read_text().split())
        def test_name(name):
            pass
        """,
    )
    assert "1 failed, 1 passed, 1 skipped" in from_session(forced).stdout
    for path, text, expected in EDITS:
        file = forced.root / path
        before = file.read_text() if file.exists() else None
        forced.write(path, text)
        assert expected in from_session(forced).stdout, path
        if before is None:
            file.unlink()
        else:
            file.write_text(before)
        assert "1 failed, 1 passed, 1 skipped" in from_session(forced).stdout, path


IMPURE = {
    "reads the clock": "import time\nSTART = time.time()",
    "reads the clock ": "from datetime import datetime\nSTART = datetime.now()",
    "draws random numbers": "import uuid\nNAME = uuid.uuid4()",
    "random numbers": "import random\nNAME = random.random()",
    "process id": "import os\nNAME = os.getpid()",
    "starts a process": "import subprocess\nsubprocess.run(['true'])",
    "starts a thread": "import threading\nthreading.Thread(target=print).start()",
    "uses the network": "import socket\nsocket.socket().bind(('127.0.0.1', 0))",
    "changes files": "import os\nos.makedirs('made', exist_ok=True)",
    "changes files ": "print(1, file=open('written', 'a'))",
    "open": "file = open('pytest.ini')",
}


def refused(project: Project, *args: str) -> str:
    """Run from the project layer; return why it was not from a session."""
    result = project.pytest(*args)
    project.settle()
    assert (result.was_warm, result.returncode) == (True, 0)
    return project.status().unused


def test_no_session_for_collection_that_depends_on_more(forced: Project) -> None:
    """What no key and no input tells, and what runs would share: those runs start from the project layer."""
    from_session(forced)
    before = forced.status().session_runs
    for number, (what, code) in enumerate(IMPURE.items()):
        forced.write(f"impure/test_{number}.py", f"{code}\ndef test_impure(): pass")
        reason = refused(forced, f"impure/test_{number}.py")
        assert (reason.split()[0], what.strip() in reason) == ("[session-side-effect]", True), reason
    assert forced.status().session_runs == before
    assert (forced.root / "written").read_text() == "1\n", "only the run has written, no session that was tried before"


CONFTESTS = {
    "pytest_plugin_registered": "def pytest_plugin_registered(plugin): pass",
    "pytest_sessionstart": "def pytest_sessionstart(session): print('started')",
    "pytest_collection_finish": "def pytest_collection_finish(session): print('collected')",
}


def test_no_session_where_a_hook_prepares_one_run(forced: Project) -> None:
    """Nobody knows what it does."""
    from_session(forced)
    before = forced.status().session_runs
    for hook, code in CONFTESTS.items():
        forced.write(f"{hook}/conftest.py", code)
        forced.write(f"{hook}/test_hook.py", "def test_hook(): pass")
        assert re.match(rf"\[session-plugin\] .* has the hook {hook}", refused(forced, f"{hook}/test_hook.py"))
    assert forced.status().session_runs == before


def test_plugins_that_nobody_has_tried(forced: Project) -> None:
    """Those whose hooks prepare nothing for one run, and those that declare it."""
    forced.write("site-packages/harmless.py", "def pytest_configure(config):\n    config.seen = 'seen'\n")
    forced.write(
        "site-packages/declares.py",
        "pytest_zygote_session_safe = True\ndef pytest_sessionstart(session):\n    session.began = 'began'\n",
    )
    forced.write(
        "test_app.py", "def test_it(request): assert (request.config.seen, request.session.began) == 'in a session'\n"
    )
    environ = {"PYTHONPATH": str(forced.root / "site-packages")}

    assert "('seen', 'began')" in from_session(forced, "-p", "harmless", "-p", "declares", **environ).stdout


@pytest.mark.measured
def test_hooks_that_say_something_about_tests(forced: Project) -> None:
    """The usual conftest file is no hindrance."""
    forced.write(
        "conftest.py",
        """
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--slow", action="store_true")

        def pytest_configure(config):
            config.addinivalue_line("markers", "slow: takes long")
            config.numbers = []

        def pytest_collection_modifyitems(config, items):
            items.reverse()

        def pytest_runtest_setup(item):
            item.config.numbers.append(len(item.config.numbers))
            print("set up", item.name, item.config.numbers)

        @pytest.fixture(scope="session", autouse=True)
        def resource():
            yield 1
        """,
    )
    plain = forced.plain("-v", "--slow")
    assert without_times(from_session(forced, "-v", "--slow").stdout) == without_times(plain.stdout)


def test_options_that_keep_state(forced: Project) -> None:
    """They read what the last run has left, or keep a file open."""
    from_session(forced)
    before = forced.status().session_runs
    for option in ("--lf", "--ff", "--nf", "--sw", "--junitxml=report.xml", "--log-file=log"):
        assert refused(forced, option, "test_app.py::test_constant").startswith("[session-option] --")
    assert forced.status().session_runs == before


def test_another_request_gets_another_session(forced: Project) -> None:
    """The key is the whole request."""
    test = str(forced.root / "test_app.py")
    from_session(forced, test)
    pytest_, shell = str(forced.bin / "pytest"), ("/bin/sh", "-c")
    others: list[tuple[list[str], dict[str, str]]] = [
        ([pytest_, test, "-v"], {}),
        ([pytest_, test], {"SOMETHING": "else"}),
        ([*shell, 'cd app; exec "$@"', "sh", pytest_, test], {}),
        ([*shell, 'umask 077; exec "$@"', "sh", pytest_, test], {}),
        ([*shell, 'ulimit -S -n 500; exec "$@"', "sh", pytest_, test], {}),
        ([*shell, '"$@" >output', "sh", pytest_, test], {}),
    ]
    for command, environ in others:
        forced.run(command, environ)
        sessions = forced.status().sessions
        assert (sessions[-1].hits, sessions[-1].phase) == (1, "ready"), command
    assert "1 failed, 1 passed" in (forced.root / "output").read_text()


def test_open_files_of_the_command_are_those_of_each_run(forced: Project) -> None:
    """By their numbers, for reading and writing, and for programs; what collection asks of them no session answers."""
    forced.write("read", "hello\n")
    forced.write(
        "test_files.py",
        """
        import fcntl, os, subprocess

        def test_it():
            assert subprocess.run("cat <&7", shell=True, pass_fds=[7], capture_output=True).stdout == b"hello\\n"
            os.write(9, b"written\\n")
            assert os.get_inheritable(7) and fcntl.fcntl(9, fcntl.F_GETFL) & os.O_APPEND
            assert os.lseek(7, 0, os.SEEK_CUR) == 6
            print("SEEN", [number for number in range(3, 40) if os.path.exists(f"/dev/fd/{number}")])
        """,
    )
    forced.write("asks/conftest.py", "WORD = open(7, closefd=False).readline()")
    forced.write("asks/test_it.py", "from conftest import WORD\ndef test_it(): assert WORD == 'hello\\n'")
    shell = ["/bin/bash", "-c", 'exec 7<read 9>>written; exec "$@"', "bash", str(forced.bin / "pytest"), "-sq"]
    plain = forced.run([*shell, "test_files.py"], {"PYTEST_DAEMON_DISABLE": "1"})

    def served(*args: str) -> tuple[int, set[str]]:
        """Run until a session has been tried; return how many runs had one, and what they printed."""
        before = forced.status().session_runs if forced.find_status() else 0
        outputs = set()
        for _ in range(3):
            result = forced.run([*shell, *args])
            assert (result.returncode, result.was_warm) == (0, True), result.stderr
            outputs.add(without_times(result.stdout))
            forced.settle()
        return forced.status().session_runs - before, outputs

    forced.warm_up("test_app.py::test_constant")
    runs, outputs = served("test_files.py")
    assert (runs >= 1, outputs) == (True, {without_times(plain.stdout)})
    assert "SEEN" in plain.stdout
    assert (forced.root / "written").read_text() == "written\n" * 4
    assert served("asks")[0] == 0
    assert "asks for an open file that the command passes on" in forced.status().unused


def test_only_so_many_sessions(forced: Project) -> None:
    """The one used longest ago goes first."""
    for name in ("a", "b", "c", "d"):
        from_session(forced, "-k", name, "test_app.py")
    assert [session.args[1] for session in forced.status().sessions] == ["b", "c", "d"]


def test_sessions_are_collected_when_nobody_waits(idle: Project) -> None:
    """The second run of a command line finds its session; after a save the next one does too."""
    idle.warm_up("test_app.py")

    def is_collected(tests: int) -> bool:
        return any(session.phase == "ready" and session.tests == tests for session in idle.status().sessions)

    eventually(lambda: is_collected(2), "a session is collected")
    from_session(idle, "test_app.py")
    idle.write("test_app.py", "def test_one(): pass")
    eventually(lambda: is_collected(1), "the session is collected again")
    before = idle.status().session_runs
    assert "1 passed" in idle.pytest("test_app.py").stdout
    assert (idle.status().unused, idle.status().session_runs) == ("", before + 1)


def test_the_status_shows_sessions(forced: Project) -> None:
    """Command line, tests, memory, hits, and why the last run was not forked from one."""
    from_session(forced, "test_app.py")
    shown = forced.pytest("--daemon-status").stdout
    assert re.search(r"collected session, pid \d+, ready: pytest test_app.py\n  2 tests, .* MiB of its own, \d+", shown)
    forced.pytest("--lf")
    shown = forced.pytest("--daemon-status").stdout
    assert "forked from no collected session: [session-option] --lf reads what the last run has left" in shown


def test_none_are_kept_by_default_setting_zero(tmp_path: Path) -> None:
    """Zero is none."""
    project = make_project(tmp_path / "project", PYTEST_DAEMON_SESSIONS="0")
    try:
        project.warm_up("test_app.py")
        assert not project.status().sessions
    finally:
        project.close()


def test_sessions_end_when_the_ini_file_says_so(forced: Project) -> None:
    """An option that is written while the daemon runs holds from the next run on, and the status shows what changed."""
    del forced.environ["PYTEST_DAEMON_SESSIONS"]
    from_session(forced, "test_app.py")
    assert forced.status().sessions
    ini = (forced.root / "pytest.ini").read_text()
    forced.write("pytest.ini", f"{ini}zygote_sessions = 0\n")
    before = forced.status()
    assert forced.pytest("test_app.py").was_warm
    after = forced.status()
    assert (after.pid, after.sessions, after.session_runs) == (before.pid, (), before.session_runs)
    assert after.unused == "[options-differ] --daemon-sessions is 0, it was 3"


@pytest.mark.measured
def test_workers_are_forked_from_a_session(forced: Project) -> None:
    """Collected once, forked as often as there are workers."""
    forced.write(
        "test_many.py",
        """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(40))
        def test_many(number, worker_id):
            with open("workers", "a") as file:
                print(worker_id, os.getppid(), file=file)
        """,
    )
    assert "40 passed" in from_session(forced, "-n", "2", "test_many.py").stdout
    (forced.root / "workers").unlink()
    assert "40 passed" in from_session(forced, "-n", "2", "test_many.py").stdout
    rows = (forced.root / "workers").read_text().splitlines()
    assert len(rows) == 40
    assert {row.split()[0] for row in rows} <= {"gw0", "gw1"}
    assert len({row.split()[1] for row in rows}) == 1


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_tests_are_located_ahead(forced: Project, workers: str) -> None:
    """Where that runs no code of the project's; where it would, each run finds out by itself."""
    forced.write(
        "conftest.py",
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item):
            with open("located", "a") as file:
                file.write(f"{item.name} {'location' in vars(item)}\\n")
        """,
    )
    forced.write(
        "test_app.py",
        """
        def test_function(): ...

        class TestClass:
            def test_method(self): ...
        """,
    )
    assert from_session(forced, workers).returncode == 0
    located = (forced.root / "located").read_text().splitlines()[-2:]
    assert sorted(located) == ["test_function True", "test_method False"]
