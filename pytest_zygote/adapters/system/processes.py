"""Forking, waiting and killing: nothing else in the package calls `os.fork`.

Theory. A run is a child of a zygote, in the zygote's session but in a process group of its
own, which it leads if its client leads one: who leads a group may not call `os.setsid`.
That makes three things work at once, and nothing else that was tried does:

* The session has no controlling terminal, so the run may read and set the client's terminal
  freely: job control does not apply to a terminal that is not one's own.
* The group is not orphaned (its parent is in the same session, in another group), so SIGTSTP
  has its normal effect, the zygote sees the stop, and the client can stop itself: Ctrl-Z.
* Signals from the client reach all of the run and nothing but the run.

A child with a session of its own ignores SIGTSTP (orphaned group); a child in the zygote's
group takes the zygote with it at Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn


def fork(child: Callable[[], int]) -> int:
    """Fork; the child calls `child` and exits with its result at once, the parent gets the pid.

    Raises:
        OSError: the limit of processes or memory is reached.
        RuntimeError: this process has a second thread, whose locks the child would inherit
            locked and without an owner.
    """
    _refuse_threads()
    return fork_among_threads(child)


def fork_among_threads(child: Callable[[], int]) -> int:
    """Fork although other threads run; the caller knows them, and that the child needs none of them."""
    pid = fork_here_among_threads()
    if not pid:
        become(child)
    return pid


def fork_here() -> int:
    """Fork, and return in both processes, in the child 0.

    Raises:
        OSError: the limit of processes or memory is reached.
        RuntimeError: this process has a second thread, see `fork`.
    """
    _refuse_threads()
    return fork_here_among_threads()


def fork_here_among_threads() -> int:
    """Fork, and return in both processes, in the child 0; the caller knows of all threads, or has looked for them."""
    with warnings.catch_warnings():
        # Native threads (OpenBLAS) stop themselves around a fork, yet 3.12 counts them.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _refuse_threads() -> None:
    others = strangers()
    if others:
        names = ", ".join(thread.name for thread in others)
        message = f"a process with threads must not fork: {names}"
        raise RuntimeError(message)


def become(child: Callable[[], int]) -> NoReturn:
    """Be what a fork was made for, and exit with its result."""
    code = 70  # EX_SOFTWARE: `child` did not return
    try:
        code = child()
    except BaseException:  # noqa: BLE001 - nothing may unwind into the parent's stack
        sys.excepthook(*sys.exc_info())
    os._exit(code)  # noqa: TID251 - `child` has flushed what is its own; the rest is the parent's


def strangers() -> list[threading.Thread]:
    """Return the threads that forbid to fork: all but this one, and those of debugpy, which knows of forks."""
    if threading.active_count() == 1:
        return []
    others = (thread for thread in threading.enumerate() if thread is not threading.current_thread())
    return [thread for thread in others if not getattr(thread, "is_pydev_daemon_thread", False)]


def new_group() -> int:
    """Make a process group that nobody leads, for a run to join; return 0 where there can be none.

    Its leader has ended, or will in a moment. The group lasts until that is collected and no other process is in it.
    """
    try:
        return os.posix_spawn("/bin/sh", ["sh", "-c", ":"], {}, setpgroup=0)
    except OSError:
        return 0


def join_group(pid: int, group: int) -> None:
    """Put a child into a group of `new_group`, and collect its leader; 0 is this process, or a group that it leads."""
    try:  # noqa: SIM105 - a warm client imports this module, and not contextlib
        os.setpgid(pid, group)
    except OSError:  # it has ended
        pass
    if group:
        wait(group)  # in the child itself nothing happens: it is no child of its


def group_of(pid: int) -> int:
    """Return the process group of a process; once that is gone, the one that it may have led."""
    try:
        return os.getpgid(pid) or pid  # 0: the group is another namespace's
    except OSError:
        return pid


def signal_run(pid: int, group: int, number: int) -> None:
    """Send a signal to the process group that a run began in, and to the run if a test has made it leave that."""
    signal_group(group, number)
    now = group_of(pid)
    if now == pid != group:
        signal_group(pid, number)
    elif now != group:
        signal_process(pid, number)


def signal_group(pgid: int, number: int) -> None:
    """Send a signal to a process group; nothing happens if it is gone."""
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: only zombies are left (macOS)
        return


def signal_process(pid: int, number: int) -> None:
    """Send a signal to a process; nothing happens if it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def exists(pid: int) -> bool:
    """Return whether there is such a process, running or waiting to be collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def collect() -> Iterator[tuple[int, int]]:
    """Give pid and wait status of each child that has ended, stopped, or been continued."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def decode_wait(status: int) -> int:
    """Return the exit code of a wait status, or the negative number of the signal."""
    return os.waitstatus_to_exitcode(status)


def has_children() -> bool:
    """Return whether this process has a child that was not waited for, running or ended."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def become_subreaper() -> None:
    """Make orphaned grandchildren our children (Linux), so that their exit codes reach us."""
    _prctl(36, 1)  # PR_SET_CHILD_SUBREAPER in linux/prctl.h


def die_with_parent(*, on: bool = True) -> None:
    """Have the kernel kill this process when its parent ends, however that happens (Linux); or no longer."""
    _prctl(1, 9 if on else 0)  # PR_SET_PDEATHSIG and SIGKILL in linux/prctl.h


def _prctl(option: int, argument: int) -> None:
    import ctypes

    try:
        ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)
    except (AttributeError, OSError):  # pragma: no cover - not Linux
        return


def open_pid(pid: int) -> int:
    """Return a descriptor that becomes readable when a process ends; -1 where there is none (macOS)."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # pragma: no cover - not Linux
        return -1


def wait(pid: int, *, nohang: bool = False) -> int | None:
    """Collect a child; return its exit code, or the negative number of the signal; None if it still runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG if nohang else 0)
    except ChildProcessError:  # somebody else has collected it
        return 0
    return decode_wait(status) if found else None
