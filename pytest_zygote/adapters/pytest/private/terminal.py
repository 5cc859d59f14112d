"""The terminal reporter: the stream it writes to, and what it has counted.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import pytest
from _pytest import terminal
from _pytest._io import TerminalWriter

from pytest_zygote.core.internals import Feature, Internal, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from _pytest.terminal import TerminalReporter

__all__ = ["TerminalWriter"]

_START_BEFORE_8_4 = "_sessionstarttime"


def reporter_of(config: pytest.Config) -> TerminalReporter | None:
    """Return the reporter; None if there is none. A plugin may have put another in its place."""
    reporter: TerminalReporter | None = config.pluginmanager.getplugin("terminalreporter")
    return reporter


def writer_of(config: pytest.Config) -> TerminalWriter | None:
    """Return what the reporter writes by; None if it has none."""
    return getattr(reporter_of(config), "_tw", None)


def stream_of(writer: TerminalWriter) -> TextIO:
    """Return the stream that a writer writes to."""
    return writer._file


def redirect(writer: TerminalWriter, stream: object) -> None:
    """Have a writer write to this, which is a stream in all that is called."""
    vars(writer)["_file"] = stream


def restart_clock(reporter: TerminalReporter) -> None:
    """Have a session have begun now."""
    own = vars(reporter)
    name = "_session_start" if "_session_start" in own else _START_BEFORE_8_4
    start = own[name]  # a clock since pytest 8.4, a number before
    own[name] = vars(terminal)["timing"].time() if isinstance(start, float) else type(start)()


def count_collected(reporter: TerminalReporter, more: int) -> None:
    """Have the reporter count more collected tests, or fewer."""
    reporter._numcollected += more


@contextlib.contextmanager
def no_counting() -> Iterator[None]:
    """Have the reporter show no running count of what is collected."""
    resolution = terminal.REPORT_COLLECTING_RESOLUTION
    terminal.REPORT_COLLECTING_RESOLUTION = math.inf
    try:
        yield
    finally:
        terminal.REPORT_COLLECTING_RESOLUTION = resolution


def forget_collection(session: pytest.Session) -> None:
    """Have a session remember nothing of how it found files, as after every collection."""
    session._collection_cache = {}


def _is_counting_known() -> bool:
    kind = terminal.TerminalReporter
    names = names_in(kind.__init__) | names_in(kind.pytest_sessionstart)
    return "_numcollected" in names and not names.isdisjoint({"_session_start", _START_BEFORE_8_4})


INTERNALS = (
    Internal(
        "TerminalReporter._tw, TerminalWriter._file",
        ("TerminalWriter", "reporter_of", "writer_of", "stream_of", "redirect"),
        Feature.WORKERS,
        "the header of a run that starts over is printed once, and lines of workers bear their names",
        lambda: "_tw" in names_in(terminal.TerminalReporter.__init__) and "_file" in names_in(TerminalWriter.__init__),
    ),
    Internal(
        "TerminalReporter._session_start (8.4 on), _sessionstarttime, _numcollected",
        ("restart_clock", "count_collected"),
        Feature.SESSIONS,
        "a run of a collected session shows its own duration, and the count of its tests",
        _is_counting_known,
    ),
    Internal(
        "_pytest.terminal.REPORT_COLLECTING_RESOLUTION",
        ("no_counting",),
        Feature.SESSIONS,
        "files that are collected again show no count",
        lambda: (
            "REPORT_COLLECTING_RESOLUTION" in names_in(terminal.TerminalReporter.report_collect) & vars(terminal).keys()
        ),
    ),
    Internal(
        "pytest.Session._collection_cache",
        ("forget_collection",),
        Feature.SESSIONS,
        "a file that is collected again is read again",
        lambda: "_collection_cache" in names_in(pytest.Session.__init__),
    ),
)
