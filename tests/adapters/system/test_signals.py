"""Signals of this process: each test has a process of its own, for dispositions belong to all of it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.daemon import UNIT_S

pytestmark = pytest.mark.integration

IMPORTS = "import os, select, signal, sys\nfrom pytest_zygote.adapters.system import signals\n"


def run(code: str, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, after a shell command."""
    command = ["/bin/sh", "-c", f'{before or ":"}; exec "$@"', "sh", sys.executable, "-c", IMPORTS + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * UNIT_S, check=False)


def test_a_signal_is_a_byte_on_a_descriptor() -> None:
    """A loop that waits for descriptors learns of it; nothing else happens."""
    ended = run("""
pipe = signals.SignalPipe((signal.SIGUSR1, signal.SIGTERM))
assert pipe.read() == b""
os.kill(os.getpid(), signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGTERM)
assert select.select([pipe], [], [])[0] == [pipe]
print(sorted(pipe.read()), pipe.read())
""")
    assert ended.stdout == f"{sorted([signal.SIGUSR1.value, signal.SIGTERM.value])} b''\n", ended.stderr


def test_closing_the_pipe_restores_the_handlers() -> None:
    """What was there before is there again."""
    ended = run("""
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
pipe = signals.SignalPipe((signal.SIGUSR1, signal.SIGINT))
pipe.close()
assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert signal.set_wakeup_fd(-1) == -1
print("restored")
""")
    assert ended.stdout == "restored\n", ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV])
def test_a_process_dies_of_the_signal_its_run_died_of(number: signal.Signals) -> None:
    """Even if the signal is caught, ignored or blocked here; nothing is dumped a second time."""
    ended = run(f"""
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if {number.value} != signal.SIGKILL:
    signal.signal({number.value}, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [{number.value}])
signals.leave_like(-{number.value})
""")
    assert ended.returncode == -number


def test_a_signal_that_ends_nothing_becomes_a_code() -> None:
    """A run that a shell would show as 128 + number is shown so."""
    assert run("signals.leave_like(-signal.SIGCHLD)").returncode == 128 + signal.SIGCHLD


def test_leaving_flushes_but_runs_no_exit_handlers() -> None:
    """Exit handlers belong to the process that a fork was made from."""
    ended = run("import atexit\natexit.register(print, 'handler')\nprint('text', end='')\nsignals.leave_like(7)")
    assert (ended.returncode, ended.stdout) == (7, "text")


def test_leaving_with_output_that_cannot_be_written() -> None:
    """The code is the interpreter's own for this."""
    ended = run("sys.stdout = open('/dev/full', 'w')\nprint('text')\nsignals.leave(0)")
    assert ended.returncode == 120


def test_leaving_without_streams() -> None:
    """Descriptors that were closed at the start have no streams, and that is no error."""
    assert run("signals.leave(0)", before="exec >&- 2>&-").returncode == 0


def test_what_the_shell_ignores_is_known() -> None:
    """What Python itself ignores does not count: a run does so anyway."""
    ended = run("print(signals.ignored_signals())", before="trap '' HUP USR1")
    assert ended.stdout == f"{(signal.SIGHUP.value, signal.SIGUSR1.value)}\n", ended.stderr


def test_a_run_has_its_clients_dispositions_not_its_zygotes() -> None:
    """What the zygote inherited as ignored is default; what the client ignores is ignored; nothing is blocked."""
    ended = run(
        """
signal.signal(signal.SIGUSR2, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
signals.reset_signals((signal.SIGTTOU.value,))
changed = {n for n in signal.valid_signals() if signal.getsignal(n) not in (signal.SIG_DFL, None)}
assert changed == {signal.SIGTTOU, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}, changed
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
print("reset")
""",
        before="trap '' INT QUIT HUP",
    )
    assert ended.stdout == "reset\n", ended.stderr


def test_handlers_of_c_libraries_stay() -> None:
    """Readline handles SIGWINCH behind Python's back, in plain pytest too."""
    ended = run("""
import faulthandler
def caught():
    return [line for line in open("/proc/self/status") if line.startswith("SigCgt")]
faulthandler.register(signal.SIGUSR1)
before = caught()
signals.reset_signals(())
print(before == caught())
""")
    assert ended.stdout == "True\n", ended.stderr


def test_a_client_stops_itself() -> None:
    """Whoever waits for it sees a stop, and can let it go on."""
    ended = run("""
pid = os.fork()
if not pid:
    signals.suspend()
    signals.leave(5)
_, status = os.waitpid(pid, os.WUNTRACED)
assert os.WIFSTOPPED(status)
os.kill(pid, signal.SIGCONT)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
    assert ended.stdout == "5\n", ended.stderr
