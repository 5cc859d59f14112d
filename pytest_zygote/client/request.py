"""What a client tells about itself, and what keeps it from being served warm at all."""

from __future__ import annotations

import os
import sys

import pytest_zygote
from pytest_zygote.adapters.interpreter.start_state import interpreter_flags, patched_by_program, start_state
from pytest_zygote.adapters.system import signals
from pytest_zygote.core.protocol.client_messages import RunRequest
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.runner_code import CHILD_MARK, MAIN_MODULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_zygote.core.cli.daemon_options import DaemonOptions
    from pytest_zygote.core.cli.settings import Settings

DEBUGGER = "pydevd"
"""The module of debugpy's and PyCharm's debuggers, and how the names of their tools begin."""

STDERR = 2

MONITORS = 6
"""How many tools may use `sys.monitoring` at the same time."""

PLAIN_OPTIONS = ("--help", "-h", "--version", "-V")
"""Options that plain pytest serves as fast."""


def ineligible(settings: Settings, args: tuple[str, ...], environ: Mapping[str, str]) -> Reason | None:
    """Return why this command is plain pytest whatever the daemon is; None if it may be warm.

    Raises:
        UsageError: a setting is not understood.
    """
    if settings.switch("--daemon-disable"):
        return Reason("switched-off", "warm runs are switched off")
    if "CI" in environ:
        return Reason("ci-machine", "CI is set in the environment")
    if CHILD_MARK in environ:
        return Reason("nested-run", "this pytest was started by a warm run")
    if any(arg in PLAIN_OPTIONS for arg in args):
        return Reason("plain-option", "plain pytest answers this at once")
    return _of_interpreter() or _observer()


def _of_interpreter() -> Reason | None:
    """Return what this Python cannot do."""
    if sys.platform == "win32":
        return Reason("no-fork", "Windows has no fork")
    if "t" in sys.abiflags:
        return Reason("free-threaded", "this Python was built without the global interpreter lock")
    return None


def _observer() -> Reason | None:
    """Return what looks at this process, and would not see the run in another."""
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage is not None else None
    # Our own test suite measures this package in all processes: nothing of the run escapes it.
    if current is not None and current.config.source_pkgs != ["pytest_zygote"]:
        return Reason("coverage-started", "coverage was started before pytest")
    if DEBUGGER in sys.modules and not _debug_session():
        return Reason("debugger-attached", "this debugger cannot follow the run into another process")
    if _is_traced() or _is_monitored():
        return Reason("tracer-active", "a tracer is active in this process")
    if _is_traced_from_outside():
        return Reason("tracer-active", "this process is traced (strace, gdb), and its tracer would not see the run")
    return None


def _debug_session() -> tuple[str, ...]:
    """Return how a run can join the debug session of this process; () if it cannot, or there is none."""
    if DEBUGGER not in sys.modules:
        return ()
    from pytest_zygote.adapters.interpreter import debugpy

    return debugpy.lend()


def _is_traced() -> bool:
    tracers = [tracer for tracer in (sys.gettrace(), sys.getprofile()) if tracer is not None]
    return any(not _is_known(getattr(tracer, "__module__", type(tracer).__module__)) for tracer in tracers)


def _is_traced_from_outside() -> bool:
    """Return whether another process traces this one: the line TracerPid of proc_pid_status(5)."""
    try:
        with open("/proc/self/status", "rb") as file:
            return b"\nTracerPid:\t0\n" not in file.read()
    except OSError:
        return False


def _is_monitored() -> bool:
    """Return whether a tool listens to `sys.monitoring` (3.12), as cProfile does."""
    monitoring = getattr(sys, "monitoring", None)
    tools = [monitoring.get_tool(number) for number in range(MONITORS)] if monitoring is not None else []
    return any(tool and not _is_known(tool) for tool in tools)


def _is_known(name: object) -> bool:
    """Return whether it is one of those that were looked for already."""
    return str(name).startswith(("coverage", DEBUGGER, f"_{DEBUGGER}"))


def interpreter_identity() -> tuple[str, ...]:
    """Return what must be equal in client and zygote: executable, version, prefix, flags."""
    return (sys.executable, sys.version, sys.prefix, *interpreter_flags())


def make_request(
    args: tuple[str, ...], configured: Sequence[str] = (), options: DaemonOptions | None = None
) -> RunRequest:
    """Describe this process, so that a fork elsewhere can take its place, with a command line.

    Args:
        args: what stands behind the program's name.
        configured: entries that pytest has put in front of `sys.path` here, and will again in the run.
        options: what the daemon must know; None if the ini-file was not read.
    """
    ours = len(configured) if tuple(sys.path[: len(configured)]) == tuple(configured) else 0
    umask = os.umask(0)
    os.umask(umask)
    return RunRequest(
        version=pytest_zygote.__version__,
        interpreter=interpreter_identity(),
        args=args,
        argv0=sys.argv[0],
        main=_main_module(),
        cwd=os.getcwd(),
        umask=umask,
        environ=dict(os.environ),
        path=tuple(sys.path[ours:]),
        ignored=signals.ignored_signals(),
        closed=_closed_at_start(),
        pid=os.getpid(),
        start=(*start_state(), *(f"{patch} of the program" for patch in patched_by_program())),
        descriptors=_inherited_descriptors(),
        debugger=_debug_session(),
        options=tuple(options.by_flag.items()) if options is not None else (),
    )


def _main_module() -> tuple[str, str]:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name in MAIN_MODULES:
        return spec.name, str(main.__file__)
    return "", sys.argv[0]


def _inherited_descriptors() -> tuple[int, ...]:
    """Return the descriptors above 2 that whoever started this process gave to it: ``pytest --names=<(cmd)``.

    Python opens its own so that no other program inherits them (PEP 446): what can be inherited came from outside.
    """
    try:
        numbers = sorted(map(int, os.listdir("/dev/fd")))
    except OSError:
        return ()
    return tuple(number for number in numbers if number > STDERR and _is_inheritable(number))


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # that of the listing
        return False


def _closed_at_start() -> tuple[int, ...]:
    """Return those of 0, 1, 2 that were closed when the interpreter started.

    They are open by now: whatever we open gets the lowest free number.
    """
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return tuple(number for number, stream in enumerate(streams) if stream is None)
