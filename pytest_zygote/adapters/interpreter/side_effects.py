"""Finds what a session's collection depends on, or does, that no key and no input tells.

A clock that is read, a random number, a file that is written: code that does so while tests are
collected would do something else in the next run. It is found with a profiler, which is told of each
call of a C function, however the function was reached: ``from time import time`` in a module of a
layer hides nothing. Only a session that is collected ahead pays for it; runs that are forked from
it have no profiler.

It is told before the function is called. So a session ends without having started the server, removed the
folder or sent the message that is a run's business: nobody has asked for a run yet.

What pytest, the import system and `logging` do so counts for nothing: pytest takes the time for
itself, imports write compiled files, log records bear a time that nobody compares.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from pathlib import PosixPath
from types import BuiltinFunctionType, MethodDescriptorType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.numpy_random import DRAWS, NumpyGenerator
from pytest_zygote.adapters.interpreter.private.state import generator
from pytest_zygote.core.runner_code import OBSERVERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pytest_zygote.adapters.interpreter.numpy_random import State

_CLOCK = "reads the clock"
_PROCESS = "asks for its process id"
_CHILD = "starts a process"
_THREAD = "starts a thread"
_NETWORK = "uses the network"
_TIMER = "sets a timer"
WRITE = "changes files"
MAKE = "makes a folder"

_FUNCTIONS: dict[tuple[str, str], str] = {
    **dict.fromkeys(
        [
            *(("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter")),
            *(("time", name) for name in ("perf_counter_ns", "process_time", "localtime", "gmtime", "ctime")),
            *(("time", name) for name in ("asctime", "strftime", "clock_gettime", "clock_gettime_ns")),
            *(("time", name) for name in ("process_time_ns", "thread_time", "thread_time_ns")),
            *(("datetime", name) for name in ("now", "today", "utcnow")),
            ("posix", "times"),
        ],
        _CLOCK,
    ),
    **dict.fromkeys([("posix", "urandom"), ("posix", "getrandom"), ("_uuid", "generate_time_safe")], DRAWS),
    **{("posix", name): _PROCESS for name in ("getpid", "getppid", "getpgid", "getpgrp", "getsid")},
    **dict.fromkeys(
        [
            *(("posix", name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
            ("_posixsubprocess", "fork_exec"),
        ],
        _CHILD,
    ),
    **{("_thread", f"start_{name}"): _THREAD for name in ("new_thread", "new", "joinable_thread")},
    **{("_signal", name): _TIMER for name in ("alarm", "setitimer")},
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

DESCRIPTOR = "asks for an open file that the command passes on"

_DESCRIPTOR_ARGUMENT = re.compile(r"\$module, (/, )?(\w*fd\w*[,)]|src, dst, count)")

_NAMES = frozenset(name for _, name in _FUNCTIONS) | {"random", "getrandbits", "seed", "setstate"}

_EXEMPT = OBSERVERS | {"importlib", "logging", "_strptime", "calendar", "_hypothesis_pytestplugin"}
"""Who acts for these acts for pytest, or asks the clock for nothing but the names of days."""

_EXEMPT_FUNCTIONS = frozenset({"_get_default_tempdir"})
"""Of the standard library: whether a file can be made says only where temporary files are to be."""

_ANEW = (_CLOCK, DRAWS, _PROCESS, _NETWORK, WRITE)

_OF_IMPORTS = {
    # Found by what they leave: processes, threads, timers; and the file of a database is an input.
    **{key: what for key, what in _FUNCTIONS.items() if what in _ANEW and key != ("_sqlite3", "connect")},
    **{("_codecs", name): "registers a codec" for name in ("register", "register_error")},
    ("posix", "mkdir"): MAKE,
    ("sys", "addaudithook"): "adds an audit hook",
    ("_signal", "siginterrupt"): "changes how signals interrupt calls",
    **{("gc", name): "freezes objects" for name in ("freeze", "unfreeze")},
    **dict.fromkeys(
        [*(("posix", name) for name in ("umask", "sched_getaffinity", "getpriority")), ("resource", "getrlimit")],
        "asks what its process may do",
    ),
    **dict.fromkeys(
        [("faulthandler", name) for name in ("enable", "disable", "register", "dump_traceback_later")],
        "changes faulthandler",
    ),
}
"""What a module of a layer must not do when it is imported, since its process is that of all runs."""


def effect_of(function: object, first: object) -> str | None:
    """Return what calling a function of C would do that no layer must, '' for nothing now, None for nothing ever.

    The first argument may be the object of a method. To make a folder that is there does nothing.
    """
    if type(function) is MethodDescriptorType:
        home = function.__objclass__.__module__.removeprefix("_")  # sockets of Python have those of C for a base
    elif type(function) is BuiltinFunctionType:
        home = _home_of(function)
    else:
        return "calls C code" if _is_foreign(function) else None
    if function.__name__ in ("localtime", "gmtime", "ctime") and type(first) in (int, float):
        return ""
    what = _OF_IMPORTS.get((home, function.__name__))
    if what == MAKE and type(first) in (str, bytes, PosixPath) and os.path.isdir(first):  # type: ignore[arg-type]  # one of these
        return ""
    return what


def _descriptor_functions() -> dict[tuple[str, str], str]:
    """Return the C functions that act on the number of a descriptor.

    No profiler is told which number it is, so all count. What takes a path or a number is recorded as reading files.
    """
    found = {("_socket", "dup"): DESCRIPTOR}
    for module in (os, *(sys.modules[name] for name in ("fcntl", "select", "termios") if name in sys.modules)):
        for name, function in vars(module).items():
            signature = getattr(function, "__text_signature__", None) or ""
            if type(function) is BuiltinFunctionType and (module is not os or _DESCRIPTOR_ARGUMENT.search(signature)):
                found[function.__module__, name] = DESCRIPTOR
    return found


def _is_foreign(function: object) -> bool:
    """Return whether it is a function of a library that was loaded by `ctypes`: what it does, nobody can tell."""
    module = sys.modules.get("_ctypes")
    return module is not None and module.CFuncPtr in type.mro(type(function))


class SideEffects:
    """The first thing that somebody did who was not to.

    Attributes:
        is_seeded: whether collection has given `random` a state that it would give it in each run.
    """

    def __init__(self, on_found: Callable[[str], None], *, has_descriptors: bool = False) -> None:
        """Look for nothing yet.

        Args:
            on_found: called before the thing is done; it may end the process.
            has_descriptors: whether the command passes on open files, which nobody must look at.
        """
        self.found = ""
        self._on_found = on_found
        self.is_seeded = False
        self._numpy = NumpyGenerator()
        self._functions = {**_descriptor_functions(), **_FUNCTIONS} if has_descriptors else _FUNCTIONS
        self._profiler = self._make_profiler()

    def _make_profiler(self) -> Callable[[FrameType, str, object], None]:
        names = _NAMES | {name for _, name in self._functions}

        def look(frame: FrameType, event: str, function: object) -> None:
            if event == "c_call" and function.__name__ in names:  # type: ignore[attr-defined]  # all that C calls are have one
                self._judge(frame, function)

        return look

    def start(self) -> None:
        """Look from now on."""
        self._numpy.begin()
        sys.setprofile(self._profiler)

    def stop(self) -> str:
        """Look no longer; return what was found, '' if nothing."""
        if sys.getprofile() is not self._profiler:
            self.found = self.found or "something else profiles"
        sys.setprofile(None)
        what = self._numpy.judge()
        self.found = self.found or (what and f"collection {what}")
        return self.found

    @property
    def numpy_state(self) -> State:
        """What collection has seeded numpy's global generator to; None if it has not."""
        return self._numpy.seeded

    def _note_generator(self, frame: FrameType, name: str) -> None:
        """See whether the state of `random` is known: after ``random.seed(1)`` all that is drawn is known too."""
        if name == "seed":
            self.is_seeded = frame.f_locals.get("a") is not None
        elif name == "setstate":
            self.is_seeded = True
        elif not self.is_seeded:
            self.note(DRAWS, frame)

    def note(self, what: str, frame: FrameType | None) -> None:
        """Blame the code that is behind this frame, if it is neither pytest's nor the import system's."""
        suspect = "" if self.found else module_of(frame)
        if suspect:
            self.found = f"{suspect} {what} while tests are collected"
            self._on_found(self.found)

    def _judge(self, frame: FrameType, function: object) -> None:
        if getattr(function, "__self__", None) is generator:
            self._note_generator(frame, function.__name__)  # type: ignore[attr-defined]  # see above
        what = self._functions.get((_home_of(function), function.__name__))  # type: ignore[attr-defined]  # see above
        if what is not None:
            self.note(what, frame)


def _home_of(function: object) -> str:
    owner = getattr(function, "__self__", None)
    if owner is None or type(owner).__name__ == "module":
        return str(getattr(function, "__module__", ""))
    return (owner if isinstance(owner, type) else type(owner)).__module__


def module_of(frame: FrameType | None) -> str:
    """Return the module whose code is at work, behind the standard library; '' if that does not count."""
    found = acting_frame(frame)
    return str(found.f_globals.get("__name__", "")) if found is not None else ""


def acting_frame(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the code that is at work, behind the standard library; None if that does not count."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        top = name.partition(".")[0]
        if top in _EXEMPT or any(frame.f_code is getattr(callback, "__code__", None) for callback in gc.callbacks):
            return None  # the collector's callbacks, as of hypothesis, run at any moment
        if top not in sys.stdlib_module_names or name == "__main__":
            return frame
        if frame.f_code.co_name in _EXEMPT_FUNCTIONS:
            return None
        frame = frame.f_back
    return None
