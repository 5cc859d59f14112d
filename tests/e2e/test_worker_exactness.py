"""A worker is a process of pytest's own kind: what tests and plugins do there works as it does without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Project


def test_an_interrupt_of_a_test_is_shown_where_it_was(project: Project) -> None:
    """Not where the run process has raised it again."""
    project.write("test_it.py", "def test_a(): raise KeyboardInterrupt\ndef test_b(): pass\n")
    result = project.plain("-n2")
    assert result.returncode == 2
    assert "test_it.py:1: KeyboardInterrupt" in result.stdout


def test_an_eof_error_of_a_hook_is_an_internal_error(project: Project) -> None:
    """It does not mean that the run process is gone."""
    project.write(
        "conftest.py",
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            if item.name == "test_b":
                raise EOFError("the reason")
            return (yield)
        """,
    )
    project.write("test_it.py", "def test_a(): ...\ndef test_b(): ...\ndef test_c(): ...\n")
    result = project.plain("-n2")
    assert result.returncode == 3
    assert "EOFError: the reason" in result.stdout + result.stderr
    assert "crashed" not in result.stdout


def test_a_report_that_cannot_be_sent_keeps_its_outcome(project: Project) -> None:
    """What tests and plugins put into reports is text then, or is left out, and a warning says so."""
    project.write(
        "conftest.py",
        """
        import pytest

        class Needs(Exception):
            def __init__(self, one, two):
                super().__init__(one)

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item):
            report = yield
            report.cause = Needs("a", "b")
            return report

        def pytest_report_to_serializable(report):
            if "unserialisable" in report.nodeid:
                raise TypeError("not this one")
        """,
    )
    project.write(
        "test_it.py",
        """
        def test_passes(): ...
        def test_fails(): assert 1 == 2
        def test_unserialisable(): assert 3 == 4
        def test_unserialisable_too(): ...
        """,
    )
    result = project.plain("-n2")
    assert "2 failed, 2 passed" in result.stdout
    assert "assert 3 == 4" in result.stdout
    assert "what cannot be sent to another process is text now: cause (Needs)" in result.stdout
    assert "the report cannot be serialised (TypeError: not this one)" in result.stdout


def test_each_interrupt_that_a_test_sends_to_itself_counts(project: Project) -> None:
    """Also where asyncio handles it, as it does only in the place of Python's own handler."""
    project.write(
        "test_it.py",
        """
        import asyncio
        import os
        import signal
        import time

        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_several(n):
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.5)

        def test_cancelled():
            cancelled = []

            async def main():
                os.kill(os.getpid(), signal.SIGINT)
                try:
                    await asyncio.sleep(5)
                except asyncio.CancelledError:
                    cancelled.append(1)
                    raise

            with pytest.raises(KeyboardInterrupt):
                asyncio.run(main())
            assert cancelled
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        """,
    )
    result = project.plain("-n2")
    assert "5 passed" in result.stdout


def test_a_plugin_may_run_tests_in_forks_of_a_worker(project: Project) -> None:
    """The fork takes no test from the worker's queue, and what it would report is the plugin's to tell."""
    project.write(
        "conftest.py",
        """
        import os

        import pytest
        from _pytest.runner import runtestprotocol

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            pid = os.fork()
            if not pid:
                os._exit(any(one.failed for one in runtestprotocol(item, log=False, nextitem=nextitem)))
            failed = os.waitpid(pid, 0)[1]
            outcome, text = ("failed", "in the fork") if failed else ("passed", None)
            report = pytest.TestReport(item.nodeid, item.location, {}, outcome, text, "call")
            item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            return True
        """,
    )
    project.write(
        "test_it.py",
        """
        import warnings
        import pytest

        @pytest.mark.parametrize("n", range(12))
        def test_it(n):
            warnings.warn("seen in the fork")
            assert n != 7
        """,
    )
    result = project.plain("-n2")
    assert "1 failed, 11 passed" in result.stdout


def test_a_hook_that_configures_may_register_plugins_for_workers(project: Project) -> None:
    """In a worker it registers them anew; those of the run process are not there twice."""
    project.write(
        "conftest.py",
        """
        class Recorder:
            def __init__(self, is_worker):
                self.is_worker = is_worker

        def pytest_configure(config):
            config.pluginmanager.register(Recorder(hasattr(config, "workerinput")), "recorder")
        """,
    )
    project.write(
        "test_it.py",
        """
        def test_a(pytestconfig): assert pytestconfig.pluginmanager.getplugin("recorder").is_worker
        test_b = test_a
        """,
    )
    assert "2 passed" in project.plain("-n2").stdout


@pytest.mark.measured
def test_what_tests_write_into_the_junit_file_is_in_it(project: Project) -> None:
    """Properties of the suite, attributes and properties of cases."""
    project.write(
        "test_it.py",
        """
        def test_one(record_testsuite_property): record_testsuite_property("ARCH", "PPC")
        def test_two(record_xml_attribute): record_xml_attribute("requirement", "REQ-12")
        def test_three(record_property): record_property("own", 1)
        """,
    )
    project.plain("-n2", "-o", "junit_family=xunit1", "--junitxml=it.xml")
    written = (project.root / "it.xml").read_text()
    assert '<property name="ARCH" value="PPC"' in written
    assert 'requirement="REQ-12"' in written
    assert '<property name="own" value="1"' in written


def test_plugins_are_told_of_workers_before_they_start(project: Project) -> None:
    """By the hooks of pytest-xdist, in its order."""
    project.write(
        "conftest.py",
        """
        def note(text):
            with open("log", "a") as file:
                file.write(text + " ")
        def pytest_xdist_setupnodes(specs): note("setup " + ",".join(spec.id for spec in specs))
        def pytest_xdist_newgateway(gateway): note("new " + gateway.id)
        def pytest_configure_node(node): note("configure " + node.gateway.id)
        """,
    )
    project.write("test_it.py", "def test_a(): ...\ndef test_b(): ...\n")
    project.plain("-n2")
    expected = "setup gw0,gw1 new gw0 configure gw0 new gw1 configure gw1"
    assert (project.root / "log").read_text().strip() == expected


def test_what_needs_the_worker_is_set_up_in_workers_alone(project: Project) -> None:
    """Its arguments say so before it is called."""
    project.write(
        "test_it.py",
        """
        import pytest
        import pytest_zygote

        @pytest.fixture(scope="session")
        def name(worker_id): return worker_id

        @pytest_zygote.shared
        @pytest.fixture(scope="session")
        def database(name):
            with open("made", "a") as file:
                file.write(name + " ")
            return name

        def test_a(database): ...
        def test_b(database): ...
        """,
    )
    result = project.plain("-n2")
    assert "fixture 'database' is set up in each worker: it needs 'name': it needs 'worker_id'" in result.stdout
    assert sorted((project.root / "made").read_text().split()) == ["gw0", "gw1"]


def test_a_shared_archive_is_opened_in_each_worker(project: Project) -> None:
    """One position for all processes would give each what another has asked for."""
    project.write(
        "test_it.py",
        """
        import os
        import zipfile
        import pytest
        import pytest_zygote

        @pytest_zygote.shared
        @pytest.fixture(scope="session")
        def archive(tmp_path_factory):
            path = tmp_path_factory.mktemp("a") / "data.zip"
            with zipfile.ZipFile(path, "w") as new:
                new.writestr("it", os.urandom(30000))
            return zipfile.ZipFile(path)

        @pytest.mark.parametrize("n", range(20))
        def test_it(n, archive): assert len(archive.read("it")) == 30000
        """,
    )
    result = project.plain("-n2")
    assert "20 passed" in result.stdout
    assert "fixture 'archive' is set up in each worker: it holds an open file" in result.stdout


def test_a_test_that_a_shared_fixture_skips_is_shown_at_its_place(project: Project) -> None:
    """Else nobody would know which test it was."""
    project.write(
        "test_it.py",
        """
        import pytest
        import pytest_zygote
        @pytest_zygote.shared
        @pytest.fixture(scope="session")
        def server(): pytest.skip("none here")

        def test_a(server): ...
        def test_b(): ...
        """,
    )
    places = [
        [line for line in project.plain("-rs", workers).stdout.splitlines() if line.startswith("SKIPPED")]
        for workers in ("-n0", "-n2")
    ]
    assert places[0] == places[1] != []


def test_what_importing_the_tests_has_opened_is_not_shared_by_workers(project: Project) -> None:
    """Each worker opens its own, and a line tells why."""
    project.write(
        "test_it.py",
        """
        import asyncio
        loop = asyncio.new_event_loop()
        def test_a(worker_id): assert worker_id in {"gw0", "gw1"}
        def test_b(): loop.run_until_complete(asyncio.sleep(0))
        """,
    )
    result = project.plain("-n2")
    assert "2 passed" in result.stdout
    assert "zygote: each worker collects the tests [opened-in-collection]" in result.stdout
    assert "an event loop, a socket" in result.stdout


KNOWN_AT_IMPORT = """
    import os
    import pytest
    NAME = os.environ.get("PYTEST_XDIST_WORKER", "master")
    def pytest_configure(config):
        if hasattr(config, "workerinput"):
            assert config.workerinput["workerid"] == NAME
            config.workeroutput["name"] = NAME
    def pytest_testnodedown(node, error):
        open("nodes", "a").write(node.workeroutput["name"])
    @pytest.fixture(scope="session")
    def folder(tmp_path_factory): return tmp_path_factory.getbasetemp()
"""


@pytest.mark.measured
@pytest.mark.parametrize("is_warm", [False, True])
def test_who_asks_for_the_worker_when_it_is_imported_gets_its_name(project: Project, *, is_warm: bool) -> None:
    """Tests run in workers that have configured and collected by themselves; their ends are those of pytest-xdist's."""
    project.write("conftest.py", KNOWN_AT_IMPORT)
    project.write("helper.py", "import os\nNAME = os.environ.get('PYTEST_XDIST_WORKER', 'master')")
    project.write(
        "test_it.py",
        """
        import time
        import helper, pytest
        from conftest import NAME
        @pytest.mark.parametrize("n", range(6))
        def test_a(n, worker_id, folder):
            time.sleep(0.1)
            print("printed by", NAME)
            assert NAME == helper.NAME == worker_id
            assert folder.name == f"popen-{NAME}"
            assert n != 5
        """,
    )
    if is_warm:
        project.warm_up()
    result = project.pytest("-n2") if is_warm else project.plain("-n2")
    assert result.was_warm == is_warm
    assert "5 passed" in result.stdout
    assert "[asked-in-collection]" in result.stdout
    assert "printed by gw" in result.stdout
    nodes = (project.root / "nodes").read_text()
    assert sorted((nodes[:3], nodes[3:])) == ["gw0", "gw1"]


@pytest.mark.measured
def test_workers_that_collect_other_tests_run_none(project: Project) -> None:
    """The difference is shown as pytest-xdist does it."""
    project.write(
        "test_it.py",
        """
        import os
        import pytest
        @pytest.mark.parametrize("name", [os.environ.get("PYTEST_XDIST_WORKER")])
        def test_a(name): open("ran", "w")
        def test_b(): open("ran", "w")
        """,
    )
    result = project.plain("-n2")
    assert result.returncode == 1
    assert "Different tests were collected between gw0 and gw1" in result.stdout
    assert not (project.root / "ran").exists()


@pytest.mark.measured
def test_one_process_runs_the_tests_if_a_worker_cannot_collect_them(project: Project) -> None:
    """None has run before all have collected, so none runs twice."""
    project.write("conftest.py", "import os\nif 'PYTEST_XDIST_WORKER' in os.environ: os._exit(3)\n")
    project.write("test_it.py", "def test_a(worker_id): assert worker_id == 'master'\ndef test_b(): ...\n")
    result = project.plain("-n2")
    assert "2 passed" in result.stdout
    assert "zygote: one process [worker-lost]" in result.stdout


@pytest.mark.measured
def test_a_worker_that_crashes_is_replaced_by_one_that_collects(project: Project) -> None:
    """As pytest-xdist does; the test fails."""
    project.write(
        "test_it.py",
        """
        import os
        import pytest
        @pytest.mark.parametrize("n", range(6))
        def test_a(n):
            if n == 2: os._exit(5)
        """,
    )
    result = project.plain("-n2", "--fork-workers=configured")
    assert "1 failed, 5 passed" in result.stdout
    assert "(exit code 5)" in result.stdout


def test_a_stream_that_was_kept_while_importing_is_captured(project: Project) -> None:
    """What a module has taken by name, or a log handler, writes where a test's output goes."""
    project.write("conftest.py", "import logging, sys\nlogging.root.addHandler(logging.StreamHandler(sys.stdout))\n")
    project.write(
        "test_it.py",
        """
        import logging
        from sys import stdout
        def test_a():
            logging.getLogger("app").warning("said by the app")
            stdout.write("said by name")
            assert 0
        def test_b(): ...
        """,
    )
    result = project.plain("-n2", "-p", "no:logging")
    assert "1 failed, 1 passed" in result.stdout
    _, _, captured = result.stdout.partition("Captured stdout call")
    assert "said by the app\nsaid by name" in captured


@pytest.mark.parametrize("fork_point", ["collected", "configured"])
def test_the_end_of_a_worker_is_that_of_plain_pytest(project: Project, fork_point: str) -> None:
    """Garbage is collected, late warnings are shown or fail the run, and what was to be done afterwards is done."""
    project.write(
        "test_it.py",
        """
        class Bad:
            def __del__(self): raise ValueError("in del")
        def test_a():
            bad = Bad()
            bad.me = bad
        def test_b(request): request.config.add_cleanup(lambda: open("cleaned", "w"))
        """,
    )
    result = project.plain("-n2", f"--fork-workers={fork_point}")
    assert (result.returncode, "ValueError: in del" in result.stderr) == (0, True)
    assert (project.root / "cleaned").exists()
    strict = project.plain("-n2", f"--fork-workers={fork_point}", "-Werror")
    assert (strict.returncode, "2 passed" in strict.stdout, "ValueError: in del" in strict.stderr) == (1, True, True)
