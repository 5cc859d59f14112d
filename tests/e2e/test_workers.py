"""Parallel runs: what the session sees is what it would see without workers."""

from __future__ import annotations

import re
import signal
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.daemon import UNIT_S, eventually
from tests.support.suites import OTHER_OUTCOMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import Project, Result

MIXED = """
    import os
    import warnings

    import pytest

    @pytest.fixture(scope="module")
    def module():
        yield os.getpid()

    @pytest.mark.parametrize("value", ["a/x", "b/x", "b@y", "c::z", "é", *range(10)])
    def test_value(value, module, worker_id, record_property):
        print("shown", value)
        record_property("value", str(value))
        assert module == os.getpid()
        assert value != 7
"""


def mixed(project: Project) -> None:
    """Write two test files of the same name, with all kinds of outcomes."""
    for folder in ("one", "two"):
        project.write(f"{folder}/__init__.py", "")
        project.write(f"{folder}/test_same.py", MIXED + OTHER_OUTCOMES)


def traced(project: Project, *, tests: int, body: str) -> None:
    """Write tests that leave a file each when they run, and one for each worker that tears down."""
    project.write(
        "test_it.py",
        f"""
        import pathlib
        import time

        import pytest

        @pytest.fixture(scope="session")
        def set_up(worker_id):
            yield
            pathlib.Path(f"down-{{worker_id}}").touch()

        @pytest.mark.parametrize("n", range({tests}))
        def test_it(n, set_up):
            pathlib.Path(f"ran-{{n}}").touch()
            {body}
        """,
    )


def count(result: Result) -> str:
    """Return the numbers in pytest's last line, without the time."""
    lines = [line for line in result.stdout.splitlines() if re.search(r" in \d", line)]
    return re.sub(r" in .*", "", lines[-1]).strip("= ") if lines else ""


def junit(path: Path) -> list[tuple[str, ...]]:
    """Return what a junit file says of each test, in its order."""
    rows = []
    for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314 - our own file
        parts = [f"{part.tag} {part.get('message')} {[sub.get('value') for sub in part]}" for part in case]
        rows.append((str(case.get("classname")), str(case.get("name")), *parts))
    return rows


def summary(result: Result) -> list[str]:
    """Return the lines that follow the progress of the tests, without what names a process or a time."""
    _, _, after = result.stdout.partition("= FAILURES =")
    varying = re.compile(r"\w+\.xml|0x[0-9a-f]+|\d+\.\d+s|popen-gw\d+/|'gw\d+'|'master'|module = \d+")
    return [varying.sub("", line) for line in after.splitlines() if not line.startswith("[gw")]


@pytest.mark.measured
def test_results_equal_those_of_one_process(project: Project) -> None:
    """Counts, failures, warnings, captured output, junit file and exit code."""
    mixed(project)
    alone = project.plain("-n0", "--junitxml=alone.xml", "-rA")
    many = project.plain("-n3", "--junitxml=many.xml", "-rA")
    assert (many.returncode, count(many)) == (1, count(alone))
    assert "shown 7" in many.stdout
    assert "UserWarning: careful" in many.stdout
    assert "3 workers [38 items]" in many.stdout
    assert junit(project.root / "many.xml") == junit(project.root / "alone.xml")
    assert summary(many) == summary(alone)


@pytest.mark.parametrize("serializer", ["", "def pytest_report_to_serializable(): return None"])
def test_reports_are_complete(project: Project, serializer: str) -> None:
    """All that plugins see of them is what it is without workers, whether a report is sent whole or in short."""
    mixed(project)
    project.write(
        "conftest.py",
        """
        import os
        import pytest

        MARKS = {"duration", "start", "stop", "node", "worker_id", "testrun_uid", "item_index", "$report_type"}

        def pytest_runtest_logreport(report):
            assert report.start <= report.stop
            assert hasattr(report, "node") == (os.environ["SEEN"] == "many")
            shown = {key: str(value) for key, value in vars(report).items() if key not in MARKS}
            shown["longrepr"] = str(report.longrepr).partition(" ")[0]
            with open(os.environ["SEEN"], "a") as file:
                print(report.nodeid, report.when, sorted(shown.items()), file=file)

        @pytest.hookimpl(tryfirst=True, wrapper=True)
        def pytest_runtest_makereport(item):
            report = yield
            if item.name == "test_value[c::z]":
                report.extra = "of a plugin"
            return report
        """
        + serializer,
    )
    for name, workers in (("alone", "-n0"), ("many", "-n2")):
        assert project.plain(workers, SEEN=name).returncode == 1
    alone, many = (sorted((project.root / name).read_text().splitlines()) for name in ("alone", "many"))
    assert alone == many
    assert sum("of a plugin" in line for line in many) == 6


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="subtests came with pytest 9")
def test_subtests_fail_their_test(project: Project) -> None:
    """As in one process: what counts them is in another process than what shows them."""
    body = """
        def test_a(subtests):
            for n in range(3):
                with subtests.test(n=n):
                    assert n != 1
        def test_b(): ...

        import unittest

        class TestOld(unittest.TestCase):
            def test_c(self):
                for n in range(3):
                    with self.subTest(n=n):
                        self.assertNotEqual(n, 1)
    """
    project.write("test_it.py", body)
    alone, many = project.plain("-n0"), project.plain("-n2")
    assert "contains 1 failed subtest" in many.stdout
    assert count(many) == count(alone)


def test_warm_runs_have_workers_too(project: Project) -> None:
    """They are forks of the run, and the daemon hears of one run only."""
    mixed(project)
    project.warm_up("-q")
    result = project.pz("-n2", "-v")
    assert result.was_warm
    assert count(result) == "2 failed, 32 passed, 2 skipped, 2 xfailed, 2 warnings, 2 errors"
    assert "[gw0]" in result.stdout
    assert "[gw1]" in result.stdout
    assert sum(map(int, re.findall(r"^gw\d: (\d+) tests?, \d", result.stdout, re.MULTILINE))) == 38


def test_workers_look_like_those_of_xdist(project: Project) -> None:
    """To tests, to plugins and to conftest files written for it."""
    project.write(
        "conftest.py",
        """
        import os
        import pytest

        def pytest_configure(config):
            if hasattr(config, "workerinput"):
                config.log = f"{config.workerinput['workerid']} {config.workerinput['gift']}"

        def pytest_configure_node(node):
            node.workerinput["gift"] = "for " + node.gateway.id

        def pytest_sessionfinish(session):
            if hasattr(session.config, "workeroutput"):
                session.config.workeroutput["back"] = session.config.log
            else:
                print("the session is over")

        def pytest_testnodedown(node, error):
            print(node.workeroutput["back"], error)

        @pytest.fixture(scope="session")
        def folder(tmp_path_factory, worker_id):
            return tmp_path_factory.getbasetemp().parent
        """,
    )
    project.write(
        "test_it.py",
        """
        import os
        import time

        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_it(request, worker_id, testrun_uid, tmp_path, folder, n):
            assert worker_id == os.environ["PYTEST_XDIST_WORKER"] == request.config.workerinput["workerid"]
            assert testrun_uid == os.environ["PYTEST_XDIST_TESTRUNUID"] == "this run"
            assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
            assert tmp_path.parent.name == f"popen-{worker_id}"
            (folder / worker_id).touch()
            until = time.monotonic() + 20
            while len(list(folder.glob("gw*"))) < 2:
                assert time.monotonic() < until
                time.sleep(0.01)
        """,
    )
    result = project.plain("-n2", "--testrunuid=this run")
    assert (result.returncode, count(result)) == (0, "4 passed")
    assert "gw0 for gw0 None" in result.stdout
    assert "gw1 for gw1 None" in result.stdout
    assert result.stdout.count("the session is over") == 1


@pytest.mark.measured
@pytest.mark.parametrize(
    ("death", "cause"),
    [("os._exit(3)", "exit code 3"), ("os.kill(os.getpid(), 9)", "SIGKILL"), ("faulthandler._sigsegv()", "SIGSEGV")],
)
def test_a_dead_worker_fails_the_test_that_it_ran(project: Project, death: str, cause: str) -> None:
    """By its name, with its last words; all others run, once."""
    project.write(
        "test_it.py",
        f"""
        import faulthandler
        import os
        import pathlib
        import sys

        import pytest

        @pytest.mark.parametrize("n", range(20))
        def test_it(n):
            with pathlib.Path("ran").open("a") as file:
                file.write(f"{{n}} ")
            if n == 3:
                os.write(2, b"last words\\n")
                {death}
        """,
    )
    result = project.plain("-n2")
    assert (result.returncode, count(result)) == (1, "1 failed, 19 passed")
    assert f"crashed while running 'test_it.py::test_it[3]' ({cause})" in result.stdout
    assert "last words" in result.stdout
    assert ("Fatal Python error" in result.stdout) == (cause == "SIGSEGV")
    # It is replaced only if the other one has not done all the rest by then.
    assert sorted(map(int, (project.root / "ran").read_text().split())) == list(range(20))


def test_one_worker_protects_the_run(project: Project) -> None:
    """With ``-n1`` a crash is a failed test too, and what was told before it is known."""
    project.write(
        "test_it.py",
        """
        import os
        import pytest

        @pytest.fixture
        def deadly():
            yield
            os._exit(1)

        def test_a(deadly): ...
        def test_b(): ...
        """,
    )
    result = project.plain("-n1")
    assert count(result) == "1 failed, 2 passed"
    assert "1 worker [2 items]" in result.stdout
    assert "[gw0] node down: Not properly terminated" in result.stdout
    assert "replacing crashed worker gw0" in result.stdout


def test_a_test_that_kills_twice_is_not_tried_again(project: Project) -> None:
    """Though a plugin asks for another try each time; and there is an end to replacing workers."""
    project.write(
        "conftest.py",
        """
        def pytest_handlecrashitem(crashitem, report, sched):
            sched.mark_test_pending(crashitem)
        """,
    )
    body = "import os\ndef test_a(): os._exit(1)\ndef test_b(): ...\ndef test_c(): ...\n"
    project.write("test_it.py", body)
    assert count(project.plain("-n2")) == "2 failed, 2 passed"
    project.remove("conftest.py")
    result = project.plain("-n2", "--max-worker-restart=0")
    assert re.search(r"worker gw\d crashed and worker restarting disabled", result.stdout)
    assert result.returncode == 1


def test_no_test_begins_after_the_last_failure_that_is_allowed(project: Project) -> None:
    """With -x only those end that run already, and what they have set up is torn down."""
    traced(project, tests=200, body="time.sleep(0.05); assert n != 0")
    result = project.plain("-n2", "-x")
    assert result.returncode == 1
    assert "stopping after 1 failures" in result.stdout
    ran = len(list(project.root.glob("ran-*")))
    told = sum(map(int, re.findall(r"(\d+) (?:failed|passed)", count(result))))
    assert ran == told < 100
    assert 1 <= len(list(project.root.glob("down-*"))) <= 2


@pytest.mark.measured
def test_what_ends_a_session_ends_it(project: Project) -> None:
    """`pytest.exit`, an internal error, an error while collecting, no tests."""
    project.write("test_it.py", "import pytest\ndef test_a(): ...\ndef test_b(): pytest.exit('enough', 7)\n")
    result = project.plain("-n2")
    assert result.returncode == 7
    assert "enough" in result.stdout
    project.write("conftest.py", "def pytest_runtest_protocol(item): raise RuntimeError('broken hook')\n")
    result = project.plain("-n2")
    assert result.returncode == 3
    assert "INTERNALERROR> RuntimeError: broken hook" in result.stdout
    project.write("conftest.py", "")
    assert project.plain("-n2", "-k", "nothing").returncode == 5
    project.write("test_it.py", "import missing_module\n")
    result = project.plain("-n2")
    assert result.returncode == 2
    assert "No module named 'missing_module'" in result.stdout


def test_the_cache_is_that_of_one_process(project: Project) -> None:
    """--lf and --ff know the failures, --durations the times; --sw stays in one process."""
    body = "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_it(n): assert n not in (2, 5)\n"
    project.write("test_it.py", body)
    assert count(project.plain("-n2", "--durations=3", "-vv")) == "2 failed, 7 passed"
    result = project.plain("-n2", "--lf", "--durations=3", "-vv")
    assert count(result) == "2 failed"
    assert "slowest 3 durations" in result.stdout
    result = project.plain("-n2", "--sw")
    assert "one process [order-matters]: --stepwise" in result.stdout
    assert count(result) == "1 failed, 2 passed"
    assert "test_it.py::test_it[8]" in (project.root / ".pytest_cache/v/zygote/durations").read_text()


def test_coverage_equals_that_of_one_process(project: Project) -> None:
    """Also of lines that only one of the workers runs."""
    lines = "\n".join(f"    if n == {n}:\n        return {n}" for n in range(6))
    project.write("app.py", f"def choose(n):\n{lines}\n")
    body = "import app, pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_it(n): app.choose(n)\n"
    project.write("test_it.py", body)
    totals = []
    for workers in ("-n0", "-n2", "-n1"):
        result = project.plain(workers, "--cov=app", "--cov-branch", "--cov-context=test", "--cov-report=term-missing")
        totals += [line for line in result.stdout.splitlines() if line.startswith(("app.py", "TOTAL"))]
        assert result.returncode == 0, result.stdout
    assert len(set(totals)) == 2, totals


def test_one_unit_of_work_needs_no_fork(project: Project) -> None:
    """It runs in the run process, and looks like a worker to the test all the same."""
    project.write(
        "test_it.py",
        """
        import os

        def test_it(worker_id):
            assert worker_id == "gw0" == os.environ["PYTEST_XDIST_WORKER"]
            assert os.getpid() == int(os.environ["RUN"])
        """,
    )
    project.write("conftest.py", "import os\nos.environ['RUN'] = str(os.getpid())\n")
    result = project.plain("-n4", "--junitxml=it.xml")
    assert (result.returncode, count(result)) == (0, "1 passed")
    assert (project.root / "it.xml").exists()


def test_a_single_test_has_a_worker_where_somebody_talks_to_workers(project: Project) -> None:
    """What a worker is told and tells reaches the other side, as with pytest-xdist."""
    project.write(
        "conftest.py",
        """
        def pytest_configure_node(node): node.workerinput["told"] = 42

        def pytest_configure(config):
            if hasattr(config, "workerinput"):
                config.workeroutput["answer"] = config.workerinput["told"] + 7

        def pytest_testnodedown(node, error): node.config.answer = node.workeroutput["answer"]

        def pytest_terminal_summary(terminalreporter, config): terminalreporter.write_line(f"answer {config.answer}")
        """,
    )
    project.write("test_it.py", "def test_it(): ...\n")
    for workers in ("-n1", "-n2"):
        result = project.plain(workers)
        assert count(result) == "1 passed", result.stdout
        assert "answer 49" in result.stdout


def test_a_plugin_that_ends_a_session_in_each_worker_needs_one_process(project: Project) -> None:
    """It would wait for what no worker says; one that says itself what it does in a worker is served."""
    waits = "def pytest_testnodedown(node, error): print(node.workeroutput)\n"
    project.write("conftest.py", waits)
    project.write("test_it.py", "def test_a(): ...\ndef test_b(): ...\n")
    result = project.plain("-n2")
    assert "zygote: one process [plugin-ends-sessions]: conftest ends a session in each worker" in result.stdout, (
        result.stdout
    )
    assert count(result) == "2 passed"
    says = "def pytest_sessionfinish(session):\n    if hasattr(session.config, 'workerinput'): pass\n"
    project.write("conftest.py", waits + says)
    assert "2 workers" in project.plain("-n2").stdout


@pytest.mark.measured
def test_groups_and_modes(project: Project) -> None:
    """A group has one worker, in every mode; with loadfile a file has one; ids stay what they are."""
    body = """
        import os, pathlib, time, pytest

        @pytest.mark.parametrize("n", range(8))
        def test_it(n, worker_id):
            pathlib.Path(f"file-{__name__}-{worker_id}").touch()
            time.sleep(0.01)

        @pytest.mark.xdist_group("g")
        def test_group(worker_id):
            pathlib.Path(f"group-{worker_id}").touch()
            time.sleep(0.05)
    """
    project.write("test_a.py", body)
    project.write("test_b.py", body)
    result = project.plain("-n3", "--dist=loadgroup", "-v")
    assert count(result) == "18 passed"
    assert "test_a.py::test_group" in result.stdout
    assert "@g" not in result.stdout
    assert len(list(project.root.glob("group-*"))) == 1
    for left in project.root.glob("file-*"):
        left.unlink()
    assert count(project.plain("-n3", "--dist=loadfile", "--strict-markers")) == "18 passed"
    assert len(list(project.root.glob("file-*"))) == 2


def test_an_order_can_be_had_again(project: Project) -> None:
    """The schedule is written down, and a worker's part of it can be repeated; with --dist=fixed it stays the same."""
    body = """
        import pytest

        @pytest.mark.parametrize("n", range(3))
        def test_it(n, worker_id, request):
            with open("order-" + worker_id, "a") as file:
                print(request.node.nodeid, file=file)
    """
    for name in "abcd":
        project.write(f"test_{name}.py", body)

    def orders() -> dict[str, list[str]]:
        found = {path.name: path.read_text().splitlines() for path in project.root.glob("order-*")}
        for path in project.root.glob("order-*"):
            path.unlink()
        return found

    assert count(project.plain("-n2", "--dist=fixed")) == "12 passed"
    first = orders()
    assert [{line[:8] for line in first[f"order-gw{n}"]} for n in (0, 1)] == [
        {"test_a.p", "test_c.p"},
        {"test_b.p", "test_d.p"},
    ]
    assert count(project.plain("-n2", "--dist=fixed")) == "12 passed"
    assert orders() == first
    project.plain("-n2")
    last = orders()
    result = project.plain("--replay=gw1")
    assert orders() == {"order-gw1": last["order-gw1"]}
    assert result.returncode == 0
    result = project.plain("--replay=gw7")
    assert result.returncode == 4
    assert "there is no worker 'gw7' in the last run with workers (gw0, gw1)" in result.stderr


def test_ctrl_c_ends_all_processes(project: Project) -> None:
    """What is set up is torn down, and nothing is left."""
    traced(project, tests=2, body="time.sleep(600)")
    process = project.start(["pytest", "-n2"], PYTEST_DAEMON_DISABLE="1")
    eventually(lambda: len(list(project.root.glob("ran-*"))) == 2, "both tests run")
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=4 * UNIT_S)
    assert process.returncode == 2
    assert "KeyboardInterrupt" in output
    assert len(list(project.root.glob("down-*"))) == 2
    assert not any(child.is_running() for child in children)


def test_workers_do_not_outlive_the_run(project: Project) -> None:
    """However it dies."""
    project.write("test_it.py", "import time\ndef test_a(): time.sleep(600)\ndef test_b(): time.sleep(600)\n")
    process = project.start(["pytest", "-n2"], PYTEST_DAEMON_DISABLE="1")
    eventually(lambda: len(psutil.Process(process.pid).children()) == 2, "two workers")
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate(timeout=4 * UNIT_S)
    _, left = psutil.wait_procs(children, timeout=4 * UNIT_S)
    assert not left


def test_the_real_xdist_can_be_had_back(project: Project) -> None:
    """By an option; and what is about other machines goes there by itself."""
    project.write("test_it.py", "def test_a(): ...\ndef test_b(): ...\n")
    result = project.plain("-n2", "--no-zygote-workers", "-v")
    assert "scheduling tests via LoadScheduling" in result.stdout
    result = project.plain("--dist=each", "--tx=2*popen")
    assert count(result) == "4 passed"


def test_where_collection_has_started_threads_each_worker_has_its_own(project: Project) -> None:
    """A fork would not have them, and might wait forever for their locks."""
    project.write(
        "conftest.py",
        """
        import threading
        event = threading.Event()
        threading.Thread(target=event.wait, name="beat", daemon=True).start()
        """,
    )
    project.write("test_it.py", "import os\ndef test_a(): ...\ndef test_b(): ...\n")
    result = project.plain("-n2")
    assert count(result) == "2 passed"
    assert "zygote: each worker collects the tests [threads-running]: a fork would not have" in result.stdout
    assert "this process's threads: beat" in result.stdout


ENDING = """
    import atexit
    import gc

    def pytest_unconfigure(config):
        config.kept = open("kept", "w")  # in a cycle with all plugins
        config.kept.write("written")

    def note():
        with open("frozen", "w") as file:
            file.write(str(gc.get_freeze_count()))

    atexit.register(note)
"""


def test_memory_is_left_to_the_kernel(project: Project) -> None:
    """But what files hold that nobody has closed is written; and a program that calls pytest ends as ever."""
    project.write("conftest.py", ENDING)
    project.write("test_it.py", "def test_a(): ...\ndef test_b(): ...\n")
    assert project.plain("-n2").returncode == 0
    assert (project.root / "kept").read_text() == "written"
    assert int((project.root / "frozen").read_text()) > 10_000
    project.write("program.py", "import pytest\npytest.main(['-n2', '--daemon-disable'])\n")
    assert project.run([sys.executable, "program.py"]).returncode == 0
    assert int((project.root / "frozen").read_text()) < 10_000
