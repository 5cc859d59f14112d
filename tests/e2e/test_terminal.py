"""A warm run has the user's terminal: keys, colours, job control and signals work as in plain pytest.

All on a real pseudo-terminal, in an interactive shell with job control.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Project, eventually
from tests.support.terminal import CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, LEFT, UP, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = "PYTEST_DAEMON_DISABLE=1"
COMMANDS = ("pytest", "pz")

TESTS = {
    "test_some.py": """
        import pytest

        @pytest.mark.parametrize("number", range(120))
        def test_passes(number):
            pass

        def test_fails():
            shown = "a long text " * 20
            assert shown == "another"

        @pytest.mark.skip(reason="a reason that is long enough for a narrow terminal to cut it somewhere")
        def test_skips():
            pass
        """,
    "test_input.py": """
        def test_input():
            name = input("who? ")
            print(f"hello {name}")
            assert name == "me"
        """,
    "test_getpass.py": """
        import getpass

        def test_getpass():
            assert getpass.getpass("say friend: ") == "mellon"
            print("come in")
        """,
    "test_bug.py": """
        def test_bug():
            number = 42
            assert number == 43
        """,
    "test_breakpoint.py": """
        def test_breakpoint():
            number = 42
            breakpoint()
            print("went on")
        """,
    "test_endless.py": """
        import signal

        import pytest

        def wait():
            while True:
                signal.pause()

        @pytest.fixture
        def untidy():
            yield
            print("tidying up", flush=True)
            wait()

        @pytest.fixture
        def tidy():
            yield
            print("tidied up", flush=True)

        def test_endless(tidy):
            print("started", flush=True)
            wait()

        def test_untidy(untidy):
            print("started", flush=True)
            wait()
        """,
    "test_resize.py": """
        import os
        import signal

        def test_resize():
            sizes = []
            signal.signal(signal.SIGWINCH, lambda *_: sizes.append(os.get_terminal_size(1)))
            print("started", os.get_terminal_size(1), flush=True)
            while not sizes:
                signal.pause()
            print("now", sizes[0], flush=True)
        """,
    "test_streams.py": """
        import os
        import sys

        def test_streams():
            for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
                try:
                    state = os.isatty(number)
                    os.fstat(number)
                except OSError as error:
                    state = error.strerror
                with open(f"streams{os.environ['NAME']}", "a") as file:
                    print(number, stream is None, state, file=file)
        """,
    "test_hangup.py": """
        import signal

        def test_hangup():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
        """,
    "test_death.py": """
        import os
        import signal

        import pytest

        @pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGTERM", "SIGHUP", "SIGABRT"])
        def test_death(name):
            os.kill(os.getpid(), getattr(signal, name))
        """,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Make one warm project for all tests here: none changes a module that a layer holds."""
    project = Project(tmp_path_factory.mktemp("terminal"))
    for path, text in TESTS.items():
        project.write(path, text)
    project.warm_up("--collect-only", "-q")
    yield project
    project.close()


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    """Open a terminal."""
    terminal = Terminal(project)
    yield terminal
    terminal.close()


@contextlib.contextmanager
def warm(project: Project, runs: int = 1) -> Iterator[None]:
    """Make sure that the commands inside are served by the daemon."""
    before = project.runs_served()
    yield
    eventually(lambda: project.runs_served() == before + runs, f"{runs} warm runs have ended")


def without_times(output: str) -> str:
    """Replace durations, and bars of '=' whose length depends on them."""
    return re.sub(r"=+(\x1b\[[0-9;]*m)*$", "=", re.sub(r"\d+\.\d\ds", "T", output), flags=re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 131])
@pytest.mark.parametrize("command", COMMANDS)
def test_colours_width_and_progress_are_plain_pytests(project: Project, columns: int, command: str) -> None:
    """The same bytes reach the terminal, at any width."""
    with contextlib.closing(Terminal(project, columns=columns)) as terminal, warm(project):
        plain = terminal.run(f"{PLAIN} pytest test_some.py")
        status, output = terminal.run(f"{command} test_some.py")
    assert status == 1
    assert "\x1b[32m" in output
    assert (status, without_times(output)) == (plain[0], without_times(plain[1]))


@pytest.mark.parametrize("command", COMMANDS)
def test_input_is_read_from_the_terminal(project: Project, terminal: Terminal, command: str) -> None:
    """With -s, a test talks to the user."""
    with warm(project):
        terminal.start(f"{command} -s test_input.py")
        terminal.expect(r"who\? ")
        terminal.send("me\n")
        terminal.expect("hello me")
        assert terminal.finish()[0] == 0


def test_end_of_file_is_typed(project: Project, terminal: Terminal) -> None:
    """Ctrl-D is the end of the input."""
    with warm(project):
        terminal.start("pytest -s test_input.py")
        terminal.expect(r"who\? ")
        terminal.send(CTRL_D)
        status, output = terminal.finish()
    assert status == 1
    assert "EOFError" in output


@pytest.mark.parametrize("command", COMMANDS)
def test_getpass_does_not_echo(project: Project, terminal: Terminal, command: str) -> None:
    """A password is read and not shown."""
    with warm(project):
        terminal.start(f"{command} -s test_getpass.py")
        terminal.expect("say friend: ")
        terminal.send("mellon\n")
        status, output = terminal.finish()
    assert status == 0
    assert "come in" in output
    assert "mellon" not in output


@pytest.mark.parametrize("command", COMMANDS)
def test_post_mortem_has_history_and_editing(project: Project, terminal: Terminal, command: str) -> None:
    """--pdb is an interactive prompt with readline."""
    with warm(project):
        terminal.start(f"{command} --pdb test_bug.py")
        terminal.expect(r"\(Pdb\) ")
        terminal.send("p number + 1\n")
        terminal.expect(r"\n43\n.*\(Pdb\) ")
        terminal.send(UP)
        terminal.expect(r"p number \+ 1")
        terminal.send(f"{LEFT}9\n")
        terminal.expect(r"\n133\n.*\(Pdb\) ")
        terminal.send("q\n")
        status, output = terminal.finish()
    assert status == 2
    assert "Exit: Quitting debugger" in output or "Quit" in output


@pytest.mark.measured
@pytest.mark.parametrize("command", COMMANDS)
def test_breakpoint_stops_and_goes_on(project: Project, terminal: Terminal, command: str) -> None:
    """breakpoint() needs no -s."""
    with warm(project):
        terminal.start(f"{command} test_breakpoint.py")
        terminal.expect(r"\(Pdb\) ")
        terminal.send("p number\n")
        terminal.expect(r"\n42\n.*\(Pdb\) ")
        terminal.send("c\n")
        status, output = terminal.finish()
    assert status == 0
    assert "1 passed" in output


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_ends_with_pytests_summary(project: Project, terminal: Terminal, command: str) -> None:
    """Ctrl-C interrupts the test, fixtures are torn down, and pytest reports it."""
    with warm(project):
        terminal.start(f"{command} -s test_endless.py::test_endless")
        terminal.expect("started")
        terminal.send(CTRL_C)
        status, output = terminal.finish()
    assert status == 2
    assert "tidied up" in output
    assert "KeyboardInterrupt !!!" in output
    assert "no tests ran" in output


def test_ctrl_c_twice_ends_what_tidies_up(project: Project, terminal: Terminal) -> None:
    """The second Ctrl-C interrupts the teardown, with plain pytest's exit status."""
    plain = interrupt_twice(terminal, f"{PLAIN} pytest")
    with warm(project):
        ended = interrupt_twice(terminal, "pytest")
    assert ended == plain
    assert ended[0] == 128 + signal.SIGINT


def interrupt_twice(terminal: Terminal, command: str) -> tuple[int, list[str]]:
    """Press Ctrl-C in the test and in its teardown; return the status and what says so."""
    terminal.start(f"{command} -s test_endless.py::test_untidy")
    terminal.expect("started")
    terminal.send(CTRL_C)
    terminal.expect("tidying up")
    terminal.send(CTRL_C)
    status, output = terminal.finish()
    return status, re.findall(r"KeyboardInterrupt !!!|no tests ran|Traceback", output)


def test_quit_ends_the_client_by_the_same_signal(project: Project, terminal: Terminal) -> None:
    """Ctrl-Backslash kills the run, and the shell says so."""
    with warm(project):
        terminal.run("ulimit -c 0")
        terminal.start("pytest -s test_endless.py::test_endless")
        terminal.expect("started")
        terminal.send(CTRL_BACKSLASH)
        status, output = terminal.finish()
    assert status == 128 + signal.SIGQUIT
    assert "Quit" in output


@pytest.mark.measured
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_z_stops_and_fg_goes_on(project: Project, terminal: Terminal, command: str) -> None:
    """The shell gets the terminal back, and gives it again; more than once."""
    with warm(project):
        terminal.start(f"{command} -s test_input.py")
        terminal.expect(r"who\? ")
        for _ in range(2):
            terminal.send(CTRL_Z)
            status, output = terminal.finish()
            assert status == 128 + signal.SIGTSTP or status == 128 + signal.SIGSTOP
            assert "Stopped" in output
            assert "alive" in terminal.run("echo alive")[1]
            terminal.resume()
        terminal.send("me\n")
        terminal.expect("hello me")
        assert terminal.finish()[0] == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_z_works_at_a_debugger_prompt(project: Project, terminal: Terminal, command: str) -> None:
    """The terminal modes of the prompt are put away for the shell and taken out again."""
    with warm(project):
        terminal.start(f"{command} --pdb test_bug.py")
        terminal.expect(r"\(Pdb\) ")
        terminal.send("p number\n")
        terminal.expect(r"\n42\n.*\(Pdb\) ")
        terminal.send(CTRL_Z)
        assert "Stopped" in terminal.finish()[1]
        assert "-isig" not in terminal.run("stty -a")[1]
        terminal.resume()
        terminal.expect("pytest|pz")
        if sys.version_info >= (3, 15):  # readline waits for a key with that
            eventually(terminal.has_editor, "the prompt reads keys, not lines")
        terminal.send("p numberx\b\n")
        terminal.expect(r"\n42\n.*\(Pdb\) ")
        terminal.send("q\n")
        assert terminal.finish()[0] == 2


def test_a_stopped_run_can_be_killed(project: Project, terminal: Terminal) -> None:
    """`kill %1` of a stopped job ends client and run."""
    with warm(project):
        terminal.start("pytest -s test_endless.py::test_endless")
        terminal.expect("started")
        terminal.send(CTRL_Z)
        assert "Stopped" in terminal.finish()[1]
        status, _ = terminal.run("kill %1; wait -f %1")
    assert status == 128 + signal.SIGTERM


def test_a_background_run_does_not_hear_ctrl_c(project: Project, terminal: Terminal) -> None:
    """Ctrl-C is for the job in the foreground."""
    with warm(project, runs=2):
        terminal.run("mkfifo fifo")
        terminal.start("pytest test_some.py -k fails > background.txt < fifo &")
        terminal.finish()
        terminal.start("pytest -s test_endless.py::test_endless")
        terminal.expect("started")
        terminal.send(CTRL_C)
        assert terminal.finish()[0] == 2
        terminal.run(": > fifo")
        status, _ = terminal.run("wait %1")
    assert status == 1
    assert "1 failed" in (project.root / "background.txt").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_new_window_size_reaches_the_test(project: Project, terminal: Terminal, command: str) -> None:
    """SIGWINCH is relayed, and the size is the window's."""
    with warm(project):
        terminal.start(f"{command} -s test_resize.py")
        terminal.expect(r"started os.terminal_size\(columns=80, lines=24\)")
        terminal.resize(50, 132)
        terminal.expect(r"now os.terminal_size\(columns=132, lines=50\)")
        assert terminal.finish()[0] == 0


def test_a_closed_pipe_is_plain_pytests_affair(project: Project, terminal: Terminal) -> None:
    """`| head` leaves a pipe that nobody reads: same exit status, nothing hangs."""
    plain = terminal.run(f"{PLAIN} pytest -v test_some.py | head -n 1; echo status ${{PIPESTATUS[0]}}")
    with warm(project):
        _, output = terminal.run("pytest -v test_some.py | head -n 1; echo status ${PIPESTATUS[0]}")
    assert re.findall(r"status \d+\n", output) == re.findall(r"status \d+\n", plain[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_output_to_a_file_is_plain_pytests(project: Project, terminal: Terminal, command: str) -> None:
    """No colours, eighty columns."""
    terminal.run(f"{PLAIN} pytest test_some.py > plain.txt 2>&1")
    with warm(project):
        assert terminal.run(f"{command} test_some.py > warm.txt 2>&1") == (1, "")
    plain, ours = (without_times((project.root / name).read_text()) for name in ("plain.txt", "warm.txt"))
    assert ours == plain
    assert "\x1b" not in ours


@pytest.mark.measured
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</dev/null", ">/dev/null"])
@pytest.mark.parametrize("command", COMMANDS)
def test_closed_descriptors_stay_closed(project: Project, terminal: Terminal, command: str, closed: str) -> None:
    """What is closed at the client is closed in the run."""
    for name in ("plain", "warm"):
        (project.root / f"streams-{name}").unlink(missing_ok=True)
    plain, _ = terminal.run(f"{PLAIN} NAME=-plain pytest -s -p no:faulthandler test_streams.py {closed}")
    with warm(project):
        status, _ = terminal.run(f"NAME=-warm {command} -s -p no:faulthandler test_streams.py {closed}")
    assert status == plain
    # pytest itself fails before the test if it cannot write: then neither file is there.
    files = [project.root / f"streams-{name}" for name in ("plain", "warm")]
    plain_saw, warm_saw = (file.read_text() if file.exists() else "" for file in files)
    assert warm_saw == plain_saw


@pytest.mark.parametrize("command", COMMANDS)
def test_a_hangup_that_nohup_ignores_stays_ignored(project: Project, terminal: Terminal, command: str) -> None:
    """`nohup pytest` survives the terminal."""
    with warm(project):
        status, _ = terminal.run(f"nohup {command} test_hangup.py > nohup.txt")
    assert status == 0, (project.root / "nohup.txt").read_text()


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGTERM", "SIGHUP", "SIGABRT"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_client_dies_of_the_runs_signal(project: Project, command: str, name: str) -> None:
    """Whoever waits for the client learns how the run ended."""
    result = project.run([command, "-p", "no:faulthandler", f"test_death.py::test_death[{name}]"])
    assert result.was_warm
    assert result.returncode == -getattr(signal, name)


def test_hanging_up_ends_the_run(project: Project) -> None:
    """Closing the window leaves no process behind."""
    with contextlib.closing(Terminal(project)) as terminal, warm(project):
        terminal.start("pytest -s test_endless.py::test_endless")
        terminal.expect("started")
        terminal.close()
    eventually(lambda: project.status().runs_going_on == 0, "the run is over")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Project]:
    """Make a warm project whose module can be made to take as long as one likes."""
    project = Project(tmp_path / "slow")
    project.write("slow.py", "")
    project.write("test_slow.py", "import slow\n\ndef test_slow(): pass\n")
    project.warm_up()
    os.mkfifo(project.root / "fifo")
    project.write("slow.py", "import os\nif os.path.exists('fifo'):\n    open('fifo').close()\n")
    yield project
    project.close()


def test_ctrl_c_while_a_layer_is_built_ends_the_client(slow: Project) -> None:
    """Waiting for an import can be given up; who asks later is served."""
    fifo = slow.root / "fifo"
    with contextlib.closing(Terminal(slow)) as terminal:
        terminal.start("pytest")
        terminal.expect("zygote: importing slow")  # so it is the client's to interrupt, not the shell's
        terminal.send(CTRL_C)
        status, _ = terminal.finish()
        assert status == 128 + signal.SIGINT
        with fifo.open("w"):  # lets the import go on
            fifo.unlink()
        slow.settle()
        with warm(slow):
            assert terminal.run("pytest")[0] == 0
