"""Forking, waiting and killing, with real processes.

Forks are made in a process of their own: pytest's may have threads (of pytest-xdist, say).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pytest_zygote.adapters.system import processes
from tests.support.daemon import UNIT_S

pytestmark = pytest.mark.integration

IMPORTS = "import os, signal, sys, threading\nfrom pytest_zygote.adapters.system import processes\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, with all warnings being errors."""
    command = [sys.executable, "-W", "error", "-c", IMPORTS + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * UNIT_S, check=False)


def test_a_fork_ends_with_the_result_of_its_function() -> None:
    """It never returns into the caller's code, and runs no exit handlers of the parent."""
    ended = run("""
import atexit
atexit.register(os.write, 1, b"handler\\n")
pid = processes.fork(lambda: 42)
print(processes.decode_wait(os.waitpid(pid, 0)[1]), flush=True)
""")
    assert ended.stdout == "42\nhandler\n", ended.stderr


def test_a_fork_whose_function_fails_ends_too() -> None:
    """Whatever is raised is shown, and is no success."""
    ended = run("""
def fail():
    raise KeyboardInterrupt("in the fork")
pid = processes.fork(fail)
print(processes.decode_wait(os.waitpid(pid, 0)[1]))
""")
    assert ended.stdout == "70\n"
    assert "KeyboardInterrupt: in the fork" in ended.stderr


def test_a_process_with_threads_does_not_fork() -> None:
    """The fork would inherit the locks of threads that it does not have."""
    ended = run("""
release = threading.Event()
threading.Thread(target=release.wait, name="the other").start()
try:
    processes.fork(lambda: 0)
except RuntimeError as error:
    print(error)
release.set()
""")
    assert ended.stdout == "a process with threads must not fork: the other\n", ended.stderr


def test_the_end_by_a_signal_is_a_negative_number() -> None:
    """As subprocess has it, so that a client can do the same."""
    ended = run("""
pid = processes.fork(lambda: os.kill(os.getpid(), signal.SIGKILL) or 0)
print(processes.decode_wait(os.waitpid(pid, 0)[1]))
""")
    assert ended.stdout == "-9\n", ended.stderr


def test_a_group_of_its_own_is_signalled_as_a_whole() -> None:
    """Grandchildren get the signal; the parent does not."""
    ended = run("""
def lead():
    os.setpgid(0, 0)
    processes.fork(lambda: os.write(theirs, b"!") and signal.pause() or 0)
    signal.pause()
    return 0
ours, theirs = os.pipe()
pid = processes.fork(lead)
os.close(theirs)
os.read(ours, 1)
processes.signal_group(pid, signal.SIGTERM)
print(processes.decode_wait(os.waitpid(pid, 0)[1]), os.read(ours, 1))
""")
    assert ended.stdout == "-15 b''\n", ended.stderr


def test_a_stop_is_seen_in_a_group_that_is_not_orphaned() -> None:
    """Ctrl-Z of a run: its zygote is in the same session and another group, and sees it; then CONT goes on."""
    ended = run("""
os.setsid()
def stop():
    os.setpgid(0, 0)
    os.kill(os.getpid(), signal.SIGTSTP)
    return 6
pid = processes.fork(stop)
_, status = os.waitpid(pid, os.WUNTRACED)
print(os.WIFSTOPPED(status), os.WSTOPSIG(status) == signal.SIGTSTP)
processes.signal_group(pid, signal.SIGCONT)
print(processes.decode_wait(os.waitpid(pid, 0)[1]))
""")
    assert ended.stdout == "True True\n6\n", ended.stderr


def test_a_group_that_nobody_leads() -> None:
    """Its members may make sessions of their own, and are signalled as a whole; then with the one that has left it."""
    ended = run("""
def member():
    processes.join_group(0, group)
    processes.fork(lambda: os.write(theirs, b"h") and signal.pause() or 0)
    os.read(go, 1)
    os.setsid()
    os.write(theirs, b"m")
    signal.pause()
    return 0
ours, theirs = os.pipe()
go, say_go = os.pipe()
group = processes.new_group()
pid = processes.fork(member)
processes.join_group(pid, group)
os.close(theirs)
print(processes.group_of(pid) == group != pid, os.read(ours, 1), list(processes.collect()))
os.write(say_go, b"!")
print(os.read(ours, 1), processes.group_of(pid) == pid)
processes.signal_run(pid, group, signal.SIGTERM)
print(processes.decode_wait(os.waitpid(pid, 0)[1]), os.read(ours, 1))
""")
    assert ended.stdout == "True b'h' []\nb'm' True\n-15 b''\n", ended.stderr


def test_a_run_that_has_joined_another_group_is_signalled_alone() -> None:
    """That group may be its zygote's."""
    ended = run("""
ours, theirs = os.pipe()
pid = processes.fork(lambda: os.write(theirs, b"!") and signal.pause() or 0)
os.read(ours, 1)
group = processes.new_group()
processes.wait(group)
processes.signal_run(pid, group, signal.SIGTERM)
print(processes.decode_wait(os.waitpid(pid, 0)[1]))
""")
    assert ended.stdout == "-15\n", ended.stderr


def test_all_children_that_ended_are_collected() -> None:
    """One SIGCHLD may stand for many."""
    ended = run("""
os.setsid()
pids = [processes.fork(lambda code=code: code) for code in range(3)]
for pid in pids:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print([(pid, processes.decode_wait(status)) for pid, status in processes.collect()] == list(zip(pids, range(3))))
print(list(processes.collect()))
""")
    assert ended.stdout == "True\n[]\n", ended.stderr


def test_children_that_still_run_are_not_waited_for() -> None:
    """The loop must not stand still."""
    ended = run("""
ours, theirs = os.pipe()
pid = processes.fork(lambda: len(os.read(ours, 1)))
print(list(processes.collect()))
os.write(theirs, b"!")
print(processes.decode_wait(os.waitpid(pid, 0)[1]))
""")
    assert ended.stdout == "[]\n1\n", ended.stderr


def test_orphans_come_to_the_subreaper() -> None:
    """The exit code of a run whose zygote is gone is not lost."""
    ended = run("""
processes.become_subreaper()
def leave_orphan():
    orphan = processes.fork(lambda: os.read(ours, 1) and 9)
    os.write(pid_theirs, str(orphan).encode())
    return 0
ours, theirs = os.pipe()
pid_ours, pid_theirs = os.pipe()
os.waitpid(processes.fork(leave_orphan), 0)
orphan = int(os.read(pid_ours, 20))
os.write(theirs, b"!")
print(processes.decode_wait(os.waitpid(orphan, 0)[1]))
""")
    assert ended.stdout == "9\n", ended.stderr


def test_signals_to_what_is_gone_do_nothing() -> None:
    """Between a death and its report anything may be sent."""
    gone = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    gone.wait(4 * UNIT_S)
    processes.signal_group(gone.pid, signal.SIGTERM)
    processes.signal_process(gone.pid, signal.SIGTERM)
    assert not processes.exists(gone.pid)
    assert processes.exists(os.getpid())
    assert processes.exists(1)
