"""Signals of this process: caught as bytes, relayed, reset, died of.

The C module behind ``signal`` is used: ``signal`` builds enums at import (4 ms), which a warm client would pay at
each run.
"""

from __future__ import annotations

import os
import sys

from pytest_zygote.adapters.interpreter.private.light import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

FORWARDED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGWINCH", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGCONT")
)
"""What a client passes on to its run."""

IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""What the interpreter itself ignores at its start."""

SIGCONT, SIGTSTP, SIGINT, SIGKILL = signal.SIGCONT, signal.SIGTSTP, signal.SIGINT, signal.SIGKILL
EX_SOFTWARE = 70
"""Exit code of a process that failed by a fault of ours (sysexits.h)."""
HARMLESS = (signal.SIGWINCH, signal.SIGCONT)
"""Those of them that do not end a process which does not expect them."""


def leave(code: int) -> NoReturn:
    """End this process at once, without the parent's exit handlers, which are not ours.

    An interpreter shut-down takes 140 to 380 ms with a large heap, only to free what the
    kernel frees anyway.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it is None if its descriptor is closed
                stream.flush()
        except (OSError, ValueError):
            code = 120  # what the interpreter itself exits with when a flush fails
    os._exit(code)  # noqa: TID251 - this is the function that all others must use


def leave_like(status: int) -> NoReturn:
    """End this process as a run ended: with its code, or by the same signal."""
    if status >= 0:
        leave(status)
    _disable_core_dump()
    die_of(-status)


def die_of(number: int) -> NoReturn:
    """End this process by a signal, so that its parent sees what happened."""
    if number != signal.SIGKILL:  # whose disposition nobody can set
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    leave(128 + number)  # the signal does not end a process (SIGCHLD …), or SIGSTOP and we are back


def _disable_core_dump() -> None:
    # The run has dumped its core, if any; a second one of the client would hide it.
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def reset_signals(ignored: tuple[int, ...]) -> None:
    """Give all signals the disposition that a fresh process of this client would have.

    A daemon started by nohup, by make or in the background of a script inherits ignored
    signals, and passes them on to whatever it forks. What is right already is not touched: a C
    library may have a handler there that Python does not know (readline's for SIGWINCH).
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        wanted = _at_start(number, is_ignored=number in ignored)
        if signal.getsignal(number) != wanted:
            signal.signal(number, wanted)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.set_wakeup_fd(-1)


def _at_start(number: int, *, is_ignored: bool) -> int | Callable[[int, FrameType | None], object]:
    if is_ignored or number in IGNORED_BY_PYTHON:
        return signal.SIG_IGN
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL


def divert_interrupts(note: Callable[[], None]) -> object:
    """Only note Ctrl-C from now on; return what was done about it until now."""
    return signal.signal(signal.SIGINT, lambda *_: note())


def restore_interrupts(before: object) -> None:
    """Do about Ctrl-C what was done before."""
    signal.signal(signal.SIGINT, before)  # type: ignore[arg-type]


class SignalPipe:
    """Signals as bytes on a descriptor, so that a loop waits at one place only."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        """Catch these signals from now on."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._previous = {number: signal.signal(number, _nothing) for number in numbers}
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._read

    def read(self) -> bytes:
        """Return the numbers of the signals that came."""
        try:
            return os.read(self._read, 512)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Restore the handlers."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)


def _nothing(_number: int, _frame: object) -> None:
    """Do nothing: the number is in the pipe already."""


def ignored_signals() -> tuple[int, ...]:
    """Return the signals that this process was started with as ignored, but for Python's own."""
    unknown = {*IGNORED_BY_PYTHON, signal.SIGKILL, signal.SIGSTOP}
    return tuple(
        int(number) for number in sorted(signal.valid_signals() - unknown) if signal.getsignal(number) == signal.SIG_IGN
    )


def suspend() -> None:
    """Stop this process until somebody continues it, as Ctrl-Z does."""
    os.kill(os.getpid(), signal.SIGSTOP)
