"""One run over two machines: real sshd's, each with a home, a runtime folder and a daemon of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.support.hosts import WHY_NONE
from tests.support.suites import OTHER_OUTCOMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import Project, Result
    from tests.support.hosts import Hosts

pytestmark = pytest.mark.skipif(bool(WHY_NONE), reason=WHY_NONE)

SUITE = """
    import os
    import warnings

    import pytest

    @pytest.mark.parametrize("value", range(12))
    def test_value(value):
        print("shown", value)
        assert value != 3

    def test_where():
        assert os.environ["HOME"].endswith(("alpha", "beta")), os.environ["HOME"]
"""


def outcomes(result: Result) -> dict[str, int]:
    """Return the counts of pytest's closing line."""
    (line,) = re.findall(r"^=* ?(\d+ .*) in [0-9.]+s", result.stdout, re.MULTILINE)
    return {name.rstrip("s"): int(number) for number, name in re.findall(r"(\d+) (\w+)", line)}


def cases(path: Path) -> list[tuple[str | None, ...]]:
    """Return what a junit file says of each test, but for times."""
    return [
        (case.get("classname"), case.get("name"), *sorted(child.tag for child in case))
        for case in ET.parse(path).iter("testcase")  # noqa: S314 - our own file
    ]


@pytest.mark.measured
def test_two_hosts_report_what_one_machine_does(project: Project, hosts: Hosts) -> None:
    """Outcomes, exit code and the junit file, with paths of this tree; -v names hosts; what was edited is what runs."""
    project.write("tests/test_one.py", SUITE + OTHER_OUTCOMES)
    project.write("tests/test_two.py", "def test_late():\n    pass\n")
    plain = project.plain("--junitxml=plain.xml", "--deselect=tests/test_one.py::test_where")
    args = ("-v", "--hosts=alpha,beta", "-n4")
    result = project.plain(*args, "--junitxml=hosts.xml", "--deselect=tests/test_one.py::test_where")
    assert "on 2 hosts" in result.stdout, result.stderr
    assert outcomes(result) == outcomes(plain), result.stdout
    assert result.returncode == plain.returncode
    assert cases(project.root / "hosts.xml") == cases(project.root / "plain.xml")
    assert {"alpha", "beta"} <= set(re.findall(r"^\[(\w+)-gw\d\]", result.stdout, re.MULTILINE))
    assert not [str(host.home) for host in hosts.hosts.values() if str(host.home) in result.stdout]

    project.write("tests/test_one.py", SUITE.replace("value != 3", "value != 4"))
    project.remove("tests/test_two.py")
    result = project.plain(*args)
    assert outcomes(result) == {"failed": 1, "passed": 12}, result.stdout
    assert "FAILED tests/test_one.py::test_value[4]" in result.stdout


KILLS = """
    import contextlib
    import os
    import signal

    import psutil

    def test_kills_its_host():
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                is_agent = "pytest_zygote.hosts.agent" in process.cmdline()
                if is_agent and process.environ()["HOME"] == os.environ["HOME"]:
                    os.kill(process.pid, signal.SIGKILL)

    def test_one():
        pass

    def test_two():
        pass
"""


def test_what_no_host_runs_runs_here(project: Project, hosts: Hosts) -> None:
    """One is off, and one is lost: each is named, and so are tests that may run twice; each is counted once."""
    project.write("test_kills.py", KILLS)
    hosts.hosts["beta"].stop()
    result = project.plain("--hosts=alpha*1,beta*1")
    assert "zygote: without beta [host-unusable]: " in result.stdout
    assert "zygote: without alpha [host-lost]: the connection to it is lost" in result.stdout, result.stdout
    assert re.search("may have begun on alpha, and runs once more: .*test_kills_its_host", result.stdout)
    assert "zygote: on this machine [hosts-gone]: " in result.stdout
    assert outcomes(result) == {"passed": 3}, result.stdout

    hosts.hosts["alpha"].stop()
    result = project.plain("--hosts=alpha,beta")
    assert "no host can be used" in result.stderr
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
