"""Finds what a session's collection depends on, or does, that no key and no input tells.

A clock that is read, a random number, a file that is written: code that does so while tests are
collected would do something else in the next run. It is found with a profiler, which is told of each
call of a C function, however the function was reached: ``from time import time`` in a module of a
layer hides nothing. Only a session that is collected ahead pays for it; runs that are forked from
it have no profiler.

What pytest, the import system and `logging` do so counts for nothing: pytest takes the time for
itself, imports write compiled files, log records bear a time that nobody compares.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_CLOCK = "reads the clock"
_RANDOM = "draws random numbers"
_PROCESS = "asks for its process id"
_CHILD = "starts a process"
_THREAD = "starts a thread"
_NETWORK = "uses the network"
_TIMER = "sets a timer"
WRITE = "changes files"

_FUNCTIONS: dict[tuple[str, str], str] = {
    **dict.fromkeys(
        [
            *(("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter")),
            *(("time", name) for name in ("perf_counter_ns", "process_time", "localtime", "gmtime", "ctime")),
            *(("time", name) for name in ("asctime", "strftime")),
            *(("datetime", name) for name in ("now", "today", "utcnow")),
            ("posix", "times"),
        ],
        _CLOCK,
    ),
    **dict.fromkeys([("posix", "urandom"), ("posix", "getrandom"), ("_uuid", "generate_time_safe")], _RANDOM),
    **dict.fromkeys([("posix", "getpid"), ("posix", "getppid"), ("posix", "getpgid")], _PROCESS),
    **dict.fromkeys(
        [
            *(("posix", name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
            ("_posixsubprocess", "fork_exec"),
        ],
        _CHILD,
    ),
    **dict.fromkeys(
        [("_thread", "start_new_thread"), ("_thread", "start_new"), ("_thread", "start_joinable_thread")], _THREAD
    ),
    **dict.fromkeys([("_signal", "alarm"), ("_signal", "setitimer")], _TIMER),
    **dict.fromkeys(
        [
            *(("_socket", name) for name in ("getaddrinfo", "gethostbyname", "socketpair")),
            *(("socket", name) for name in ("connect", "connect_ex", "bind", "listen", "sendto")),
        ],
        _NETWORK,
    ),
    **dict.fromkeys(
        [
            *(("posix", name) for name in ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link")),
            *(("posix", name) for name in ("symlink", "truncate", "chmod", "chown", "utime", "mkfifo", "open")),
            ("_sqlite3", "connect"),
        ],
        WRITE,
    ),
}
"""(module, name) → what a C function does; for a method, the module in which its object's class is."""

_NAMES = frozenset(name for _, name in _FUNCTIONS)

_EXEMPT = frozenset(
    {"_pytest", "pytest", "pytest_zygote", "pluggy", "importlib", "logging", "_hypothesis_pytestplugin"}
)
"""Who acts for these acts for pytest."""


class Impurities:
    """The first thing that somebody did who was not to."""

    def __init__(self) -> None:
        """Look for nothing yet."""
        self.found = ""
        self._profiler = self._make_profiler()

    def _make_profiler(self) -> Callable[[FrameType, str, object], None]:
        names = _NAMES

        def look(frame: FrameType, event: str, function: object) -> None:
            if event == "c_call" and function.__name__ in names:  # type: ignore[attr-defined]  # all that C calls are have one
                self._judge(frame, function)

        return look

    def start(self) -> None:
        """Look from now on."""
        self._random = random.getstate()
        sys.setprofile(self._profiler)

    def stop(self) -> str:
        """Look no longer; return what was found, '' if nothing."""
        if sys.getprofile() is not self._profiler:
            self.found = self.found or "something else profiles"
        sys.setprofile(None)
        if random.getstate() != self._random:
            self.found = self.found or "collection seeds or draws random numbers"
        return self.found

    def note(self, what: str, frame: FrameType | None) -> None:
        """Blame the code that is behind this frame, if it is neither pytest's nor the import system's."""
        culprit = "" if self.found else culprit_of(frame)
        if culprit:
            self.found = f"{culprit} {what} while tests are collected"

    def _judge(self, frame: FrameType, function: object) -> None:
        what = _FUNCTIONS.get((_home_of(function), function.__name__))  # type: ignore[attr-defined]  # see above
        if what is not None:
            self.note(what, frame)


def _home_of(function: object) -> str:
    owner = getattr(function, "__self__", None)
    if owner is None or type(owner).__name__ == "module":
        return str(getattr(function, "__module__", ""))
    return (owner if isinstance(owner, type) else type(owner)).__module__


def culprit_of(frame: FrameType | None) -> str:
    """Return the module whose code is at work, behind the standard library; '' if that does not count."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        top = name.partition(".")[0]
        if top in _EXEMPT:
            return ""
        if top not in sys.stdlib_module_names or name == "__main__":
            return name
        frame = frame.f_back
    return ""
