"""Everything that a test can see of the process it runs in; also a module of the projects under test."""

from __future__ import annotations

import atexit
import gc
import json
import locale
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TextIO

STREAM = ("name", "mode", "encoding", "errors", "newlines", "line_buffering", "write_through", "closed")


def dump(path: str) -> None:
    """Write it to a file as JSON: name → value, flat."""
    seen: dict[str, object] = {}
    for group in (_interpreter, _process, _signals, _streams, _libraries):
        for name, value in group().items():
            entries = value.items() if isinstance(value, dict) else [("", value)]
            seen.update({f"{name} {key}".strip(): _plain(entry) for key, entry in entries})
    Path(path).write_text(json.dumps(seen, default=str), encoding="utf-8")


def _plain(value: object) -> object:
    return [str(entry) for entry in value] if isinstance(value, (list, tuple)) else str(value)


def _interpreter() -> dict[str, object]:
    main = sys.modules["__main__"]
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "flags": sys.flags,
        "executable": (sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix),
        "path": sys.path,
        "meta_path": [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path],
        "path_hooks": [getattr(hook, "__name__", type(hook).__name__) for hook in sys.path_hooks],
        "warnoptions": sys.warnoptions,
        "limits of the interpreter": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "bytecode": (sys.dont_write_bytecode, sys.pycache_prefix),
        "hooks": (
            sys.excepthook is sys.__excepthook__,
            sys.displayhook is sys.__displayhook__,
            sys.breakpointhook is sys.__breakpointhook__,
            sys.getprofile(),
        ),
        "__main__": {key: getattr(main, key, None) for key in ("__name__", "__file__", "__package__", "__cached__")},
        "__main__ spec": getattr(main.__spec__, "name", None),
        "__main__ loader": type(main.__loader__).__name__,
    }


def _process() -> dict[str, object]:
    umask = os.umask(0)
    os.umask(umask)
    numbers = sorted(int(path.name) for path in Path("/proc/self/fd").iterdir())
    return {
        "environ": dict(os.environ),
        "cwd": Path.cwd(),
        "umask": umask,
        "limit": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT" in name},
        "priority": (os.nice(0), sorted(os.sched_getaffinity(0))),
        "user": (os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()),
        "descriptor": {str(number): _kind(number) for number in numbers if _kind(number)},
        "inheritable": [number for number in numbers if _kind(number) and os.get_inheritable(number)],
        "name": Path("/proc/self/comm").read_text(encoding="ascii"),
        "title": Path("/proc/self/cmdline").read_text(encoding="utf-8").replace("\0", " ").strip(),
        "leads its group": os.getpgrp() == os.getpid(),
        "leads its session": os.getsid(0) == os.getpid(),
    }


def _kind(number: int) -> str:
    try:
        target = str(Path(f"/proc/self/fd/{number}").readlink())
    except OSError:
        return ""
    return "a temporary file" if target.endswith("(deleted)") else target.partition(":")[0]


def _signals() -> dict[str, object]:
    kernel = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return {
        "signal": {str(number): signal.getsignal(number) for number in sorted(signal.valid_signals())},
        "signals of the kernel": [line for line in kernel if line.startswith(("SigIgn", "SigCgt", "SigBlk"))],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "wakeup": signal.set_wakeup_fd(-1),
        "timer": signal.getitimer(signal.ITIMER_REAL),
    }


def _streams() -> dict[str, object]:
    streams = {"stdin": sys.__stdin__, "stdout": sys.__stdout__, "stderr": sys.__stderr__}
    return {
        **{name: _stream(stream) for name, stream in streams.items()},
        "terminals": [os.isatty(number) for number in range(3)],
        "blocking": [os.get_blocking(number) for number in range(3)],
        "locale": (locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), sys.getfilesystemencoding()),
    }


def _stream(stream: TextIO | None) -> dict[str, object]:
    if stream is None:
        return {"is": None}
    buffer = stream.buffer
    return {
        **{name: getattr(stream, name, None) for name in STREAM},
        "buffer": (type(buffer).__name__, buffer.mode, buffer.name),
        "isatty": stream.isatty(),
        "fileno": stream.fileno(),
    }


def _libraries() -> dict[str, object]:
    root = logging.getLogger()
    return {
        "time zone": (time.tzname, time.timezone),
        "warnings": warnings.filters,
        "showwarning": warnings.showwarning.__module__,
        "logging": (root.level, root.disabled, root.manager.disable, root.handlers),
        "threads": [thread.name for thread in threading.enumerate()],
        "main thread": (
            threading.main_thread() is threading.current_thread(),
            threading.main_thread().ident == threading.get_ident(),
            threading.get_native_id() == os.getpid(),
        ),
        "gc": (gc.get_threshold(), gc.isenabled(), gc.get_debug(), len(gc.callbacks)),
        "exit handlers": atexit._ncallbacks(),  # noqa: SLF001 - there is no public count
        "socket": socket.getdefaulttimeout(),
    }
