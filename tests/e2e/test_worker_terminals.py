"""The terminal and workers: whose line it is, and who has it for a debugger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.e2e.test_workers import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Project

import pytest

from tests.support.terminal import CTRL_C, Terminal


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    """Open a terminal."""
    opened = Terminal(project)
    yield opened
    opened.close()


TALKING = """
    import logging
    import sys

    import pytest

    @pytest.mark.parametrize("n", range(4))
    def test_it(n):
        print("printed", n)
        print("no end", n, end="")
        sys.stderr.write(f"error {n}\\n")
        logging.getLogger("it").warning("logged %d", n)
"""


def test_lines_begin_with_the_name_of_the_worker(project: Project) -> None:
    """Those of prints with -s, and live logs."""
    project.write("test_it.py", TALKING)
    result = project.plain("-n2", "-s")
    assert count(result) == "4 passed"
    for n in range(4):
        assert re.search(rf"\[gw[01]\] printed {n}\n", result.stdout)
        assert re.search(rf"\[gw[01]\] no end {n}\n", result.stdout)
        assert re.search(rf"\[gw[01]\] error {n}\n", result.stderr)
    result = project.plain("-n2", "-o", "log_cli=true")
    assert count(result) == "4 passed"
    for n in range(4):
        assert re.search(rf"\[gw[01]\] WARNING  it:test_it.py:\d+ logged {n}\n", result.stdout)


FAILING = """
    import os

    def test_a():
        number = 20
        assert number == 21

    def test_b():
        number = 20
        assert number == 22

    def test_c():
        number = 19
        breakpoint()
        assert number == 19
"""


@pytest.mark.measured
@pytest.mark.parametrize("option", ["-q", "-s"])
def test_a_debugger_has_the_terminal_for_itself(project: Project, terminal: Terminal, option: str) -> None:
    """The others wait for their turn; Ctrl-C at the prompt is the debugger's, and nobody else's."""
    project.write("test_it.py", FAILING)
    terminal.start(f"pytest --daemon-disable --color=no -n3 --pdb {option}")
    for _ in range(3):
        terminal.expect(r"\(Pdb\) ")
        terminal.send("p number, number + 1\n")
        terminal.expect(r"\((20, 21|19, 20)\)\n.*\(Pdb\) ")
        terminal.settle()
        terminal.send(CTRL_C)
        terminal.expect(r"--KeyboardInterrupt--\n\(Pdb\) ")
        terminal.send("c\n")
    status, output = terminal.finish()
    assert "2 failed, 1 passed" in output
    assert status == 1


def test_quitting_the_debugger_ends_the_run(project: Project, terminal: Terminal) -> None:
    """For all workers."""
    project.write("test_it.py", FAILING)
    terminal.start("pytest --daemon-disable -n2 --pdb")
    terminal.expect(r"\(Pdb\) ")
    terminal.send("q\n")
    status, output = terminal.finish()
    assert "Exit: Quitting debugger" in output
    assert status == 2


def test_without_a_terminal_a_debugger_needs_one_process(project: Project) -> None:
    """From a pipe each worker would take all that is there."""
    project.write("test_it.py", "def test_a(): ...\ndef test_b(): ...\n")
    result = project.plain("-n2", "--pdb")
    assert "zygote: one process [debugger-without-terminal]: --pdb without a terminal" in result.stdout
    assert count(result) == "2 passed"


def test_plugins_print_in_between(project: Project) -> None:
    """What hooks of the run process print stands where it stands without workers."""
    project.write("test_it.py", "import pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_it(n): ...\n")
    body = """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logreport(report):
            print("<" + report.when + ">", end="")
    """
    project.write("conftest.py", body)
    result = project.plain("-n1", "-p", "no:cacheprovider")
    assert "<setup>.<call><teardown>" * 5 in result.stdout
