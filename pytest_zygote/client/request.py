"""What a client tells about itself, and what keeps it from being served warm at all."""

from __future__ import annotations

import os
import sys

import pytest_zygote
from pytest_zygote.adapters import signals
from pytest_zygote.core.inputs import CHILD_MARK
from pytest_zygote.core.messages import RunRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_zygote.core.options import Settings

PLAIN_OPTIONS = ("--help", "-h", "--version", "-V")
"""Options that plain pytest serves as fast."""


def hindrance(settings: Settings, args: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    """Return why this command is plain pytest whatever the daemon is; None if nothing forbids it.

    '' stands for a reason that the user has given and need not be told.

    Raises:
        UsageError: a setting is not understood.
    """
    if settings.switch("--daemon-disable") or any(key in environ for key in ("CI", CHILD_MARK)):
        return ""
    if any(arg in PLAIN_OPTIONS for arg in args):
        return ""
    if sys.platform == "win32":
        return "Windows has no fork"
    if "pydevd" in sys.modules or sys.gettrace() is not None or sys.getprofile() is not None:
        return "a debugger or tracer is active in this process"
    if _measures_coverage(environ):
        return "coverage was started before pytest"
    return None


def _measures_coverage(environ: Mapping[str, str]) -> bool:
    if "COVERAGE_PROCESS_START" in environ:
        return True
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage is not None else None
    # Our own test suite measures this package in all processes; that hides nothing from the user.
    return current is not None and current.config.source_pkgs != ["pytest_zygote"]


def interpreter_identity() -> tuple[str, ...]:
    """Return what must be equal in client and zygote: executable, version, flags."""
    flags = ",".join(str(flag) for flag in sys.flags)
    options = ",".join(f"{key}={value}" for key, value in sorted(sys._xoptions.items()))  # noqa: SLF001 - documented
    return (sys.executable, sys.version, sys.prefix, flags, options, ",".join(sys.warnoptions))


def make_request(args: tuple[str, ...], *, argv0: str, main: tuple[str, str] = ("", "")) -> RunRequest:
    """Describe this process, so that a fork elsewhere can take its place.

    Args:
        args: the command line behind the program's name.
        argv0: the program's name.
        main: name of `__main__`'s spec ('' for a script) and its file.
    """
    umask = os.umask(0)
    os.umask(umask)
    return RunRequest(
        version=pytest_zygote.__version__,
        interpreter=interpreter_identity(),
        args=args,
        argv0=argv0,
        main=main if main[1] else ("", argv0),
        cwd=os.getcwd(),
        umask=umask,
        environ=dict(os.environ),
        path=tuple(sys.path),
        ignored=signals.ignored_signals(),
        closed=_closed_at_start(),
        pid=os.getpid(),
    )


def _closed_at_start() -> tuple[int, ...]:
    """Return those of 0, 1, 2 that were closed when the interpreter started.

    They are open by now: whatever we open gets the lowest free number.
    """
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return tuple(number for number, stream in enumerate(streams) if stream is None)
