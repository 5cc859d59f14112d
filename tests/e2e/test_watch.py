"""`pytest --watch` on a real terminal: keys, saves, interruptions, and the status line."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN, Project, eventually
from tests.support.terminal import CTRL_C, CTRL_Z, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

WATCH = "pytest -q --color=no --watch"
IDLE = r"watch: idle \| {}"
PDB = r"\(Pdb\) "


@pytest.fixture(name="project")
def _project(project: Project) -> Project:
    """Give the project two modules and their tests, known to its daemon."""
    project.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    project.write("calc.py", "def add(a, b):\n    return a + b\n")
    project.write("text.py", "def shout(text):\n    return text.upper()\n")
    project.write("test_calc.py", "import calc\n\ndef test_add():\n    assert calc.add(1, 2) == 3\n")
    project.write("test_text.py", "import text\n\ndef test_shout():\n    assert text.shout('a') == 'A'\n")
    return project


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    """Log in on a terminal."""
    terminal = Terminal(project, columns=100)
    yield terminal
    terminal.close()


@pytest.fixture
def watching(project: Project, terminal: Terminal) -> Terminal:
    """Start watch mode, and wait for the first run."""
    project.warm_up()
    terminal.start(WATCH)
    terminal.expect(r"affected: 2 of 2 tests \(2 new\)")
    terminal.expect(IDLE.format("passed"))
    return terminal


class TestSaves:
    """A file is saved."""

    @pytest.mark.measured
    def test_what_is_affected_runs(self, project: Project, watching: Terminal) -> None:
        """And nothing else; then what failed, until it passes."""
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        watching.expect(r"affected: 1 of 2 tests \(1 by changes\)")
        watching.expect(IDLE.format(r"failed \| 1 of 2 tests \| [0-9.]+ s \| calc.py changed"))
        project.write("calc.py", "def add(a, b):\n    return b + a\n")
        watching.expect(r"affected: 1 of 2 tests \(1 by changes\)")
        watching.expect(IDLE.format("passed"))
        watching.send("q")
        assert watching.finish()[0] == 0

    def test_one_during_a_run_interrupts_it(self, project: Project, watching: Terminal) -> None:
        """The run that follows sees the file as it is."""
        os.mkfifo(project.root / "gate")
        project.write("test_slow.py", "import calc\n\ndef test_slow():\n    open('gate').read()\n")
        with (project.root / "gate").open("w"):  # the test has begun
            project.write("test_slow.py", "import calc\n\ndef test_slow():\n    assert calc\n")
            watching.expect("KeyboardInterrupt")
            watching.expect(IDLE.format("passed"))

    def test_what_a_run_writes_starts_no_other(self, project: Project, watching: Terminal) -> None:
        """Else it would never end."""
        project.write(
            "test_text.py", "import os\n\ndef test_shout():\n    open('out.txt', 'w').write(os.urandom(4).hex())\n"
        )
        watching.expect(IDLE.format("passed"))
        project.write("calc.py", "def add(a, b):\n    return b + a\n")
        watching.expect(IDLE.format(r"passed \| 1 of 2 tests \| [0-9.]+ s \| calc.py changed"))

    @pytest.mark.measured
    def test_without_file_events_files_are_looked_at(self, project: Project, terminal: Terminal) -> None:
        """A save is noticed a moment later, and a line says why."""
        terminal.start(f"{WATCH} --daemon-use-os-events=0 --daemon-poll-throttle=0.1")
        terminal.expect(r"files are looked at now and then \(as asked for\)")
        terminal.expect(IDLE.format("passed"))
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        terminal.expect(IDLE.format(r"failed \| 1 of 2 tests \| [0-9.]+ s \| calc.py changed"))


class TestKeys:
    """A key is pressed."""

    def test_all_failed_and_last(self, project: Project, watching: Terminal) -> None:
        """Kinds of runs."""
        watching.send("a")
        watching.expect("affected: all 2 tests")
        watching.expect(IDLE.format("passed"))
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        watching.expect(IDLE.format("failed"))
        watching.send("f")
        watching.expect("FAILED test_calc.py::test_add")
        watching.expect("1 failed")
        watching.expect(IDLE.format("failed"))
        watching.send("l")
        watching.expect("1 failed")
        watching.expect(IDLE.format("failed"))
        watching.send("\n")
        watching.expect(r"affected: 1 of 2 tests \(1 failed the last time\)")

    @pytest.mark.parametrize(
        ("key", "text", "shown"),
        [("k", "shout", "-k 'shout'"), ("t", "shout", "-k 'shout'"), ("p", "test_text.py", "test_text.py")],
    )
    def test_filters_are_kept(self, watching: Terminal, key: str, text: str, shown: str) -> None:
        """Until they are emptied."""
        watching.send("a")
        watching.expect(IDLE.format("passed"))
        watching.send(key)
        watching.expect("empty for none: ")
        watching.send(f"{text}\n")
        watching.expect("1 passed")
        watching.expect(re.escape(f"| {shown} |"))
        watching.send("a")
        watching.expect("1 passed")
        watching.send(key)
        watching.expect("empty for none: ")
        watching.send("\x15\n")  # the line begins as the last answer
        watching.expect("2 passed")

    @pytest.mark.parametrize("key", ["k", "t", "p"])
    def test_a_filter_during_a_run(self, project: Project, watching: Terminal, key: str) -> None:
        """The run makes room for the question, and the next one heeds the answer."""
        os.mkfifo(project.root / "gate")
        project.write("test_slow.py", "def test_slow():\n    open('gate').read()\n")
        with (project.root / "gate").open("w"):
            watching.send(key)
            watching.expect("KeyboardInterrupt")
            watching.expect("empty for none: ")
        watching.send("test_text.py\n" if key == "p" else "shout\n")
        watching.expect(IDLE.format("passed"))
        watching.send("a")
        watching.expect("1 passed")
        watching.expect(IDLE.format("passed"))
        watching.send("q")
        assert watching.finish()[0] == 0

    def test_stop_at_the_first_failure(self, watching: Terminal) -> None:
        """On and off."""
        watching.send("x")
        watching.expect(r"\| -x \| w: help")
        watching.send("x")
        watching.expect(r"s \| w: help")

    def test_help_and_unknown_keys(self, watching: Terminal) -> None:
        """No harm is done."""
        watching.send("§")
        watching.send("w")
        watching.expect("d      debug the last failure")
        watching.send("u")
        watching.expect("no plugin for snapshots is installed")
        watching.expect(IDLE.format("passed"))

    @pytest.mark.measured
    def test_debug_the_last_failure(self, project: Project, watching: Terminal) -> None:
        """The prompt has the terminal as it would without us; then the keys are ours again."""
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        watching.expect(IDLE.format("failed"))
        watching.send("d")
        watching.expect("watch: running debug")
        watching.expect(r"\(Pdb\) ")
        watching.send("p 6 * 7\n")
        watching.expect("42")
        watching.send("q\n")
        watching.expect(IDLE.format(""))
        watching.send("q")
        watching.finish()

    @pytest.mark.parametrize("key", ["f", "d"])
    def test_nothing_has_failed(self, project: Project, watching: Terminal, key: str) -> None:
        """Of what is chosen: then nothing runs."""
        watching.send(key)
        watching.expect("affected: none of these tests failed the last time")
        watching.expect(IDLE.format("passed"))
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        watching.expect(IDLE.format("failed"))
        watching.send("p")
        watching.expect("empty for none: ")
        watching.send("test_text.py\n")
        watching.expect(IDLE.format("passed"))
        watching.send(key)
        watching.expect("affected: none of these tests failed the last time")
        watching.expect("1 deselected")
        watching.expect(IDLE.format(r"passed \| 0 of 1 test "))

    @pytest.mark.measured
    @pytest.mark.parametrize("key", ["i", CTRL_C])
    def test_ctrl_c_ends_the_run_and_then_watch_mode(self, project: Project, watching: Terminal, key: str) -> None:
        """The run ends, watch mode stays; Ctrl-C once more ends it."""
        os.mkfifo(project.root / "gate")
        project.write("test_slow.py", "def test_slow():\n    open('gate').read()\n")
        with (project.root / "gate").open("w"):
            watching.send(key)
            watching.expect(IDLE.format("interrupted"))
        watching.send(CTRL_C)
        watching.finish()

    def test_suspend_and_resume(self, watching: Terminal) -> None:
        """The status is shown again, and keys act at once, unseen."""
        watching.send(CTRL_Z)
        watching.finish()
        watching.resume()
        watching.expect(IDLE.format("passed"))
        watching.send("q")
        status, shown = watching.finish()
        assert (status, "q" in shown) == (0, False)

    def test_the_status_line_fits_the_window(self, watching: Terminal) -> None:
        """Also after a resize."""
        watching.resize(24, 30)
        watching.expect(r"watch: idle \| passed \| .*…")
        watching.resize(24, 100)
        watching.expect("w: help")


DEBUGGED = "def test_add():\n    x = 6\n    breakpoint()\n    assert x * 7 == 42\n"


class TestDebugger:
    """A test stops at a breakpoint."""

    @pytest.mark.measured
    @pytest.mark.parametrize("switch", ["", "PYTEST_DAEMON_DISABLE=1 "])
    def test_the_prompt_has_the_terminal(self, project: Project, terminal: Terminal, switch: str) -> None:
        """Until it is left: Ctrl-C, Ctrl-Z and what is saved are as in a run without us; then the keys are ours."""
        project.write("test_calc.py", DEBUGGED)
        terminal.start(f"{switch}{WATCH}")
        terminal.expect(PDB)
        terminal.send("p x * 111\n")
        terminal.expect(f"666\n{PDB}")
        terminal.interrupt_prompt("KeyboardInterrupt")
        terminal.expect(PDB)
        terminal.send(CTRL_Z)
        terminal.finish()
        terminal.run("echo aqk")
        terminal.resume()
        terminal.send("p x * 222\n")
        terminal.expect("1332\n")
        terminal.send("c\n")
        terminal.expect(IDLE.format("passed"))
        terminal.send("q")
        terminal.finish()

    def test_quitting_it_ends_the_run(self, project: Project, terminal: Terminal) -> None:
        """And not watch mode; also where workers run the tests, of which each has the terminal in its turn."""
        for name in ("test_calc.py", "test_text.py"):
            project.write(name, DEBUGGED)
        terminal.start(f"{WATCH} -n2")
        for _ in range(2):
            terminal.expect(PDB)
            terminal.send("p x * 111\n")
            terminal.expect(f"666\n{PDB}")
            terminal.send("c\n")
        terminal.expect(IDLE.format("passed"))
        terminal.send("a")
        terminal.expect(PDB)
        terminal.send("q\n")
        terminal.expect(r"watch: idle")
        terminal.send("q")
        terminal.finish()


class TestCommands:
    """What the user wants done."""

    def test_on_pass_and_on_fail(self, project: Project, terminal: Terminal) -> None:
        """After each run that was not interrupted."""
        terminal.start(f"{WATCH} --on-pass 'echo it is GOOD' --on-fail='echo it is BAD'")
        terminal.expect("it is GOOD")
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        terminal.expect("it is BAD")

    @pytest.mark.measured
    def test_cold_without_a_daemon(self, project: Project, terminal: Terminal) -> None:
        """Runs are plain pytest then."""
        project.environ["PYTEST_DAEMON_DISABLE"] = "1"
        terminal.start(f"PYTEST_DAEMON_DISABLE=1 {WATCH}")
        terminal.expect(IDLE.format("passed"))
        project.write("calc.py", "def add(a, b):\n    return a - b\n")
        terminal.expect(IDLE.format(r"failed \| 1 of 2 tests"))
        assert project.find_status() is None


def test_without_a_terminal_lines_are_plain(project: Project) -> None:
    """For logs: no keys, no control characters; a signal ends it."""
    command = [str(BIN / "pytest"), "-q", "--watch"]
    process = project.start(command)
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("watch: idle")):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        assert any("2 passed" in line for line in lines)
        assert "\x1b" not in "".join(lines)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    eventually(lambda: process.poll() is not None, "it ends")
    assert process.returncode == 0


def test_a_usage_error_ends_it(project: Project) -> None:
    """Nobody can mend the command line by saving a file."""
    result = project.pytest("--watch", "--bad")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --bad" in result.stderr
    assert "watch: idle" not in result.stdout
