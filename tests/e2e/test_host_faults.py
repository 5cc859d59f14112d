"""What may happen to hosts, and to the client: `make test-hosts` tries all of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_hosts import outcomes
from tests.support.daemon import BIN, UNIT_S, eventually
from tests.support.hosts import WHY_NO_SSHD, WHY_NONE

if TYPE_CHECKING:
    import subprocess

    from tests.support.daemon import Project
    from tests.support.hosts import Hosts

ALL = "ZYGOTE_TEST_ALL_HOSTS" in os.environ
pytestmark = [
    pytest.mark.skipif(bool(WHY_NONE or WHY_NO_SSHD), reason=WHY_NONE or WHY_NO_SSHD),
    pytest.mark.skipif(not ALL, reason="`make test-hosts` runs it"),
]
DAEMONS = tuple(f"pytest_zygote {name}" for name in ("daemon", "base zygote", "project zygote", "standby run"))
"""How the titles begin of what stays on a host for the next run."""

TWENTY = """
    import pytest

    @pytest.mark.parametrize("number", range(20))
    def test_value(number):
        pass
"""
WAITING = """
    import os
    import pytest

    @pytest.mark.parametrize("number", range(4))
    def test_waits(number):
        with open(os.environ["HOME"] + "/begun", "w"):
            pass
        if "{name}" in os.environ["HOME"]:
            import time
            time.sleep(1000)
"""


def begun(hosts: Hosts, name: str) -> bool:
    """Return whether a test has begun on a host."""
    return (hosts.hosts[name].home / "begun").exists()


def runs_on(hosts: Hosts) -> list[str]:
    """Return the processes on hosts that serve a run."""
    titles = [" ".join(process.cmdline()) for host in hosts.hosts.values() for process in host.processes()]
    return [title for title in titles if title and not title.startswith(DAEMONS)]


def start(project: Project, *args: str) -> subprocess.Popen[str]:
    """Start a run on both hosts."""
    command = [str(BIN / "pytest"), "--hosts=alpha*2,beta*2", *args]
    return project.start(command, PYTEST_DAEMON_DISABLE="1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_client_that_ends_leaves_nothing_running(project: Project, hosts: Hosts, number: signal.Signals) -> None:
    """Whether it is interrupted or killed."""
    project.write("test_waits.py", WAITING.format(name="a"))
    client = start(project)
    eventually(lambda: begun(hosts, "alpha") and begun(hosts, "beta"), "tests run on both hosts", units=9)
    client.send_signal(number)
    out, err = client.communicate(timeout=4 * UNIT_S)
    eventually(lambda: not runs_on(hosts), f"nothing runs on hosts: {runs_on(hosts)} {out} {err}")
    for scratch in project.temporary.glob("pytest-zygote-*"):  # what is killed cannot remove it
        assert number == signal.SIGKILL
        shutil.rmtree(scratch)
    assert client.returncode == (2 if number == signal.SIGINT else -number), out + err


def test_a_host_that_is_stopped_is_lost(project: Project, hosts: Hosts) -> None:
    """It says nothing any more, and its connection stays: the tests run on the other one."""
    project.write("test_waits.py", WAITING.format(name="alpha"))
    client = start(project)
    eventually(lambda: begun(hosts, "alpha"), "tests run", units=9)
    stopped = [process for process in hosts.hosts["alpha"].processes() if "sshd" in process.name() or process.cmdline()]
    for process in stopped:
        process.suspend()
    out, err = client.communicate(timeout=12 * UNIT_S)
    assert "zygote: without alpha [host-lost]: " in out, out + err
    assert re.search(r"4 passed", out), out + err


def test_a_key_that_is_not_the_hosts(project: Project, hosts: Hosts) -> None:
    """It is checked as ssh does."""
    project.write("test_twenty.py", TWENTY)
    known = hosts.folder / "known_hosts"
    alpha, beta = known.read_text().splitlines()
    known.write_text(f"{alpha}\n{beta.split()[0]} {' '.join(alpha.split()[1:])}\n")
    result = project.plain("--hosts=alpha,beta")
    said = r"without beta \[host-unusable\]: (?s:.*)Host key verification failed"
    assert re.search(said, result.stdout), result.stdout
    assert outcomes(result) == {"passed": 20}


@pytest.mark.usefixtures("hosts")
def test_no_python(project: Project) -> None:
    """What the shell says is shown."""
    project.write("test_twenty.py", TWENTY)
    result = project.plain("--hosts=alpha,beta//python=/nowhere/python")
    assert re.search(r"without beta \[host-unusable\]: .*/nowhere/python", result.stdout), result.stdout
    assert outcomes(result) == {"passed": 20}


def test_another_environment(project: Project, hosts: Hosts) -> None:
    """It is an error that lists what differs, before any test runs."""
    project.write("test_twenty.py", TWENTY)
    site = hosts.hosts["beta"].home / "site"
    (site / "extra-1.0.dist-info").mkdir(parents=True)
    (site / "extra-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    python = hosts.hosts["beta"].home / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    result = project.plain(f"--hosts=alpha,beta//python={python}")
    assert "beta: extra 1.0 there, missing here" in result.stderr, result.stdout
    assert result.returncode == pytest.ExitCode.USAGE_ERROR


@pytest.mark.usefixtures("hosts")
def test_a_test_that_kills_its_worker(project: Project) -> None:
    """It is named once, as with workers, and runs nowhere again."""
    project.write("test_twenty.py", TWENTY)
    project.write("test_dies.py", "def test_dies():\n    import os\n    os.kill(os.getpid(), 9)\n")
    result = project.plain("--hosts=alpha*2,beta*2")
    assert outcomes(result) == {"passed": 20, "failed": 1}, result.stdout
    assert "host-lost" not in result.stdout


def test_maxfail(project: Project, hosts: Hosts) -> None:
    """All hosts stop; no more failures are shown than were asked for."""
    project.write("test_twenty.py", TWENTY.replace("pass", "assert number < 2"))
    result = project.plain("--hosts=alpha*1,beta*1", "--maxfail=3")
    assert outcomes(result)["failed"] == 3, result.stdout
    assert "stopping after 3 failures" in result.stdout
    eventually(lambda: not runs_on(hosts), "nothing runs on hosts")


@pytest.mark.usefixtures("hosts")
def test_what_belongs_together_stays_together(project: Project) -> None:
    """By file, class or group."""
    for at in range(4):
        project.write(f"test_file{at}.py", TWENTY)
    result = project.plain("-v", "--hosts=alpha*2,beta*2", "--dist=loadfile")
    places: dict[str, set[str]] = {}
    for worker, file in re.findall(r"^\[(\w+-gw\d)\].* PASSED (\w+\.py)", result.stdout, re.MULTILINE):
        places.setdefault(file, set()).add(worker)
    assert outcomes(result) == {"passed": 80}, result.stdout
    assert [len(workers) for workers in places.values()] == [1] * 4


def test_a_command_makes_the_environment_once(project: Project, hosts: Hosts) -> None:
    """In the tree there, for each state of its lock files; the interpreter that it makes runs the tests."""
    project.write("test_where.py", "import sys\n\ndef test_where():\n    assert '/.venv/bin/' in sys.executable\n")
    project.write("uv.lock", "1")
    make = (
        f"mkdir -p .venv/bin && ln -sf {sys.executable} .venv/bin/python && touch .venv/pyvenv.cfg && echo >> ../made"
    )
    made = hosts.hosts["alpha"].home / ".cache/pytest-zygote/trees/made"
    for text, count in (("1", 1), ("1", 1), ("2", 2)):
        project.write("uv.lock", text)
        result = project.plain("--hosts=alpha", f"--hosts-setup={make}")
        assert outcomes(result) == {"passed": 1}, result.stdout
        assert len(made.read_text().splitlines()) == count
    result = project.plain("--hosts=alpha", "--hosts-setup=echo no room; exit 3")
    assert re.search(r"host-unusable\]: no room\n.*has ended there with 3", result.stdout), result.stdout
