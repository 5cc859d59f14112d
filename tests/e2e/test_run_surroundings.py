"""A warm run has the surroundings of a fresh interpreter in the client's place, and keeps its own to itself."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support import dump
from tests.support.daemon import BIN, UNIT_S, Project, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLAIN = {"PYTEST_DAEMON_DISABLE": "1"}
WARM = {"PYTEST_DAEMON_DISABLE": "0"}

DIFFERENT = {
    "environ PYTEST_ZYGOTE_CHILD": "keeps pytest inside a test from coming back to the daemon",
    "environ PYTEST_DAEMON_DISABLE": "set by this test",
    "descriptor 200": "the line to the daemon",
    "descriptor 201": "libffi itself, which it keeps open on some systems: plain runs have it where they import ctypes",
}
"""What a test can see that it runs warm, and why; docs/limits.md tells the user."""

LEAD = "import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])"

COMMANDS = {
    "pytest": [str(BIN / "pytest")],
    "pytest -s": [str(BIN / "pytest"), "-s"],
    "python -m pytest": [sys.executable, "-m", "pytest"],
    "python3 -m pytest": [str(BIN / "python3"), "-m", "pytest"],
    "pytest, a job of a shell": [sys.executable, "-ISc", LEAD, str(BIN / "pytest")],
}

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "PYTHONIOENCODING": {"PYTHONIOENCODING": "latin-1:replace"},
    "PYTHONIOENCODING, only how to handle errors": {"PYTHONIOENCODING": ":xmlcharrefreplace"},
    "PYTHONUNBUFFERED": {"PYTHONUNBUFFERED": "1"},
    "TZ": {"TZ": "Asia/Kathmandu"},
    "LC_ALL=C": {"LC_ALL": "C"},
    "LC_ALL=C.UTF-8": {"LC_ALL": "C.UTF-8"},
    "no locale": {"LC_ALL": "", "LANG": "", "LC_CTYPE": ""},
    "PYTHONWARNINGS": {"PYTHONWARNINGS": "error::FutureWarning"},
    "PYTHONHASHSEED": {"PYTHONHASHSEED": "7"},
}

SHELLS = {
    "another folder": "cd sub",
    "umask": "umask 027",
    "limits": "ulimit -S -n 333; ulimit -c 0",
    "ignored signals": "trap '' HUP USR1 INT TTOU",
    "priority": "renice -n 3 $$ > /dev/null",
    "a processor": "taskset -pc 0 $$ > /dev/null",
    "files": "exec > out.txt 2>&1 < surroundings.py",
    "a pipe": "exec > fifo",
    "one file for both": "exec >> out.txt 2>&1",
}

POLLUTING = """
    import atexit, builtins, gc, json, locale, logging, os, random, signal, socket, sys, threading, time, warnings

    import surroundings

    def test_pollute():
        surroundings.polluted = True
        builtins.polluted = True
        json.polluted = True
        os.environ["POLLUTED"] = "1"
        os.environ["TZ"] = "Asia/Kathmandu"
        time.tzset()
        os.chdir("/")
        os.umask(0)
        sys.path.insert(0, "/polluted")
        sys.argv.append("polluted")
        sys.setrecursionlimit(5000)
        sys.modules["polluted"] = json
        warnings.simplefilter("error")
        logging.basicConfig(level=1, force=True)
        logging.disable(50)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        socket.setdefaulttimeout(1)
        gc.disable()
        random.seed(1)
        atexit.register(print, "polluted")
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    """

TESTS = {
    "surroundings.py": Path(dump.__file__).read_text(encoding="utf-8"),
    "sub/pytest.ini": "",
    "test_seen.py": """
        import builtins, json, os, sys

        import surroundings

        def test_seen():
            assert not any(hasattr(module, "polluted") for module in (builtins, json, surroundings))
            assert "polluted" not in sys.modules
            surroundings.dump(os.environ["DUMP"])
        """,
    "test_pollute.py": POLLUTING,
}


def make(project: Project) -> Project:
    """Write the tests of this file into a project."""
    for path, text in TESTS.items():
        project.write(path, text)
    project.remove("sub/pytest.ini")
    return project


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Make one warm project for the tests that need no daemon of their own."""
    project = make(Project(tmp_path_factory.mktemp("surroundings")))
    project.warm_up(DUMP=os.devnull)
    yield project
    project.close()


def seen(project: Project, command: list[str], environ: Mapping[str, str], *, warm: bool) -> dict[str, object]:
    """Run the test that looks around; return what it saw."""
    path = project.root / "seen.json"
    result = project.run(command, {**environ, **(WARM if warm else PLAIN), "DUMP": str(path)})
    assert (result.was_warm, result.returncode) == (warm, 0), result
    facts: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return facts


def differences(plain: dict[str, object], warm: dict[str, object]) -> dict[str, tuple[object, object]]:
    """Return what differs though it should not."""
    keys = {*plain, *warm} - DIFFERENT.keys()
    return {key: (plain.get(key), warm.get(key)) for key in sorted(keys) if plain.get(key) != warm.get(key)}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_test_sees_what_it_sees_in_plain_pytest(shared: Project, name: str) -> None:
    """However pytest is called: same arguments, path, environment, streams, signals and limits."""
    command = [*COMMANDS[name], "test_seen.py"]
    plain = seen(shared, command, {}, warm=False)
    assert not differences(plain, seen(shared, command, {}, warm=True))


def test_a_test_may_make_a_session_of_its_own(shared: Project) -> None:
    """Where a script has started pytest, which leads no group then; Ctrl-C reaches it and what it has started."""
    shared.write(
        "test_session.py",
        """
        import os, pathlib, subprocess, time

        def test_session():
            helper = subprocess.Popen(["sleep", "60"])
            try:
                os.setsid()
                assert os.getsid(0) == os.getpgrp() == os.getpid()
            except OSError:
                helper.kill()
                raise
            pathlib.Path("helper.new" + str(os.getpid())).write_text(str(helper.pid))
            os.rename("helper.new" + str(os.getpid()), "helper." + str(os.getpid()))
            time.sleep(60)
        """,
    )
    # One of them is the standby run, and the other is forked for its client.
    both = [shared.start([*COMMANDS["pytest"], "-q", "test_session.py"], **WARM) for _ in range(2)]
    eventually(lambda: len([*shared.root.glob("helper.[0-9]*")]) == len(both), "the tests have made sessions")
    for client in both:
        client.send_signal(signal.SIGINT)
        _, stderr = client.communicate(timeout=4 * UNIT_S)
        assert client.returncode == 2, stderr
    for helper in shared.root.glob("helper.[0-9]*"):
        pid = int(helper.read_text(encoding="utf-8"))
        eventually(lambda pid=pid: not psutil.pid_exists(pid), "what the test had started is gone")  # type: ignore[misc]

    result = shared.run([*COMMANDS["pytest, a job of a shell"], "-q", "test_session.py"], WARM)
    assert "PermissionError" in result.stdout
    assert (result.returncode, result.was_warm) == (1, True)


def test_a_long_command_line(shared: Project) -> None:
    """`ps` shows all of it, up to a page, however short the one of the zygote was."""
    command = [*COMMANDS["pytest"], "test_seen.py", "-k", " or ".join(["seen", *(f"name_{n}" for n in range(250))])]
    plain = seen(shared, command, {}, warm=False)
    assert not differences(plain, seen(shared, command, {}, warm=True))


def test_pz_is_pytest_with_the_plugin(shared: Project) -> None:
    """`pz` adds the plugin to the command line, and nothing else."""
    plain = seen(shared, [*COMMANDS["pytest"], "-p", "pytest_zygote", "test_seen.py"], {}, warm=False)
    assert not differences(plain, seen(shared, [str(BIN / "pz"), "test_seen.py"], {}, warm=True))


@pytest.mark.parametrize("name", SHELLS)
def test_what_the_shell_sets_is_the_runs(shared: Project, name: str) -> None:
    """Folder, umask, limits, ignored signals and open files come from the client."""
    (shared.root / "sub").mkdir(exist_ok=True)
    fifo = shared.root / "fifo"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR)  # a fifo opens when both ends do
    command = ["/bin/bash", "-c", f'{SHELLS[name]}; exec "$@"', "bash", *COMMANDS["pytest"]]
    command.append(str(shared.root / "test_seen.py"))
    plain = seen(shared, command, {}, warm=False)
    warm = seen(shared, command, {}, warm=True)
    os.close(reader)
    assert not differences(plain, warm)
    assert plain != seen(shared, [*COMMANDS["pytest"], str(shared.root / "test_seen.py")], {}, warm=False)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_the_environment_sets_is_the_runs(project: Project, name: str) -> None:
    """What the interpreter reads at its start is followed, by a daemon that was started with it."""
    make(project)
    environ = ENVIRONMENTS[name]
    project.warm_up("test_seen.py", DUMP=os.devnull, **environ)
    command = [*COMMANDS["pytest"], "test_seen.py"]
    plain = seen(project, command, environ, warm=False)
    assert not differences(plain, seen(project, command, environ, warm=True))


def test_an_environment_of_another_shell_is_followed(shared: Project) -> None:
    """The environment is replaced as a whole, and the daemon's is not seen."""
    shared.environ["NEW"] = "here"
    gone = shared.environ.pop("SPT_NOENV")
    command = [*COMMANDS["pytest"], "test_seen.py"]
    try:
        for environ in ({"TZ": "America/Lima"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONUNBUFFERED": "x"}):
            plain = seen(shared, command, environ, warm=False)
            assert plain["environ NEW"] == "here"
            assert "environ SPT_NOENV" not in plain
            assert not differences(plain, seen(shared, command, environ, warm=True))
    finally:
        shared.environ["SPT_NOENV"] = gone
        del shared.environ["NEW"]


def test_a_lower_limit_of_the_daemon_makes_runs_cold(project: Project) -> None:
    """What a daemon may not give to its runs, only a cold run has."""
    make(project)
    command = ["/bin/bash", "-c", 'ulimit -u "$0"; exec "$@"', "1000000", *COMMANDS["pytest"], "test_seen.py"]
    project.run(command, {"DUMP": os.devnull})
    if os.getuid() == 0:
        pytest.skip("root may raise all limits")
    result = project.pytest("test_seen.py", DUMP=os.devnull)
    assert result.said == ["cold run [resource-limits]: this daemon may not take over the RLIMIT_NPROC of this shell"]


def test_what_a_run_does_reaches_no_other_run(shared: Project) -> None:
    """Each run is a fork of its own: modules, globals, environment, logging, warnings … are its copy."""
    command = [*COMMANDS["pytest"], "test_seen.py"]
    before = seen(shared, command, {}, warm=True)
    result = shared.pytest("test_pollute.py", "-p", "no:threadexception")
    assert (result.was_warm, result.returncode) == (True, 0)
    assert "polluted" in result.stdout
    assert seen(shared, command, {}, warm=True) == before


def test_seeds_differ_between_runs(shared: Project) -> None:
    """Whatever a fresh interpreter seeds by chance is not a copy of the layer's."""
    shared.write(
        "test_seeds.py",
        """
        import os, random, tempfile, uuid

        try:
            import numpy
        except ImportError:
            numpy = None

        def test_seeds():
            seen = [random.random(), uuid.uuid4(), os.urandom(8), next(tempfile._get_candidate_names())]
            if numpy is not None:
                seen += [numpy.random.random(), numpy.random.default_rng().random()]
            print(*(f"seed {value}" for value in seen), sep="\\n")
        """,
    )
    shared.warm_up("test_seeds.py")
    first, second = (re.findall("seed (.*)", shared.pytest("-s", "test_seeds.py").stdout) for _ in range(2))
    assert len(first) >= 4
    assert not {*first} & {*second}


def test_exit_handlers_and_threads_are_the_runs_own(shared: Project) -> None:
    """Threads are waited for, then handlers run, last first, as in plain pytest; a layer's are left alone."""
    shared.write(
        "library.py",
        """
        import atexit
        import tempfile

        folder = tempfile.TemporaryDirectory(dir=".")
        atexit.register(folder.cleanup)
        """,
    )
    shared.write(
        "test_exit.py",
        """
        import atexit, os, sys, threading

        import library

        def test_exit():
            assert os.path.isdir(library.folder.name)

            def wait():
                threading.main_thread().join()
                os.write(1, b"thread has ended\\n")

            threading.Thread(target=wait).start()
            atexit.register(os.write, 1, b"first handler\\n")
            atexit.register(os.write, 1, b"second handler\\n")
            sys.stdout.write("not flushed")
        """,
    )
    shared.warm_up("test_exit.py")
    plain = shared.plain("-s", "test_exit.py")
    for _ in range(2):
        warm = shared.pytest("-s", "test_exit.py")
        assert warm.was_warm
        assert warm.stdout.splitlines()[-3:] == plain.stdout.splitlines()[-3:]
        assert warm.returncode == plain.returncode == 0
    shared.remove("library.py")
    shared.remove("test_exit.py")


def test_an_installed_packages_handlers_run(shared: Project) -> None:
    """Execnet registers at import what ends the processes that a test started and left."""
    shared.write(
        "test_gateway.py",
        """
        import execnet

        def test_gateway():
            channel = execnet.makegateway().remote_exec("import os; channel.send(os.getpid())")
            with open("gateway", "w") as file:
                file.write(str(channel.receive()))
        """,
    )
    shared.warm_up("test_gateway.py")
    assert shared.pytest("test_gateway.py").was_warm
    assert int((shared.root / "gateway").read_text()) not in shared.processes()


@pytest.mark.measured
def test_processes_can_be_started_in_tests(shared: Project) -> None:
    """Multiprocessing by each method, executors, and programs."""
    shared.write(
        "test_processes.py",
        """
        import concurrent.futures, multiprocessing, os, subprocess, sys

        import pytest

        def work(number):
            return number + 1

        def put(queue):
            queue.put(os.getpid())

        @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
        @pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
        def test_multiprocessing(method):
            context = multiprocessing.get_context(method)
            queue = context.Queue()
            process = context.Process(target=put, args=(queue,))
            process.start()
            assert queue.get(timeout=30) == process.pid
            process.join()
            assert process.exitcode == 0
            with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                assert list(pool.map(work, range(4))) == [1, 2, 3, 4]

        def test_threads():
            with concurrent.futures.ThreadPoolExecutor() as pool:
                assert list(pool.map(work, range(4))) == [1, 2, 3, 4]

        def test_program():
            assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
            assert os.system("exit 3") >> 8 == 3

        def test_fork():
            pid = os.fork()
            if not pid:
                os._exit(4)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4

        def test_pytest_in_a_test(tmp_path):
            (tmp_path / "test_inner.py").write_text("def test_inner(): pass")
            command = [sys.executable, "-m", "pytest", "-p", "pytest_zygote"]
            inner = subprocess.run(command, cwd=tmp_path, capture_output=True)
            assert inner.returncode == 0
            assert inner.stderr == b""
        """,
    )
    result = shared.warm_up("test_processes.py")
    assert result.returncode == 0, result.stdout


def test_runs_at_the_same_time_do_not_wait_for_each_other(shared: Project) -> None:
    """Two runs that need each other to end both end."""
    for name in ("there", "back"):
        os.mkfifo(shared.root / name)
    shared.write(
        "test_two.py",
        """
        import os

        def test_meet():
            first, second = ("w", "r") if os.environ["SIDE"] == "a" else ("r", "w")
            for name, mode in (("there", first), ("back", second)):
                with open(name, mode) as file:
                    file.write("x") if mode == "w" else file.read()
        """,
    )
    before = shared.runs_served()
    runs = [shared.start([*COMMANDS["pytest"], "test_two.py"], SIDE=side) for side in "ab"]
    for run in runs:
        _, errors = run.communicate(timeout=6 * UNIT_S)
        assert (run.returncode, errors) == (0, "")
    assert shared.runs_served() == before + 2


@pytest.mark.parametrize(
    ("code", "test"),
    [
        (0, "def test_x(): pass"),
        (1, "def test_x(): assert 0"),
        (2, "import nothing_like_this"),
        (2, "def test_x(): raise KeyboardInterrupt"),
        (5, ""),
        (6, "import pytest\ndef test_x(): pytest.exit('enough', 6)"),
        (77, "import os\ndef test_x(): os._exit(77)"),
        (2, "def test_x(): raise SystemExit(9)\ndef test_y(): raise KeyboardInterrupt"),
    ],
)
def test_exit_codes_are_plain_pytests(shared: Project, code: int, test: str) -> None:
    """Any of them, however the session ends."""
    shared.write("test_code.py", test)
    plain = shared.plain("test_code.py")
    warm = shared.pytest("test_code.py")
    shared.remove("test_code.py")
    assert warm.was_warm
    assert (warm.returncode, plain.returncode) == (code, code)
