"""A pytest plugin that writes down what a run did, to compare a warm run with a plain.

``PYTEST_ZYGOTE_RECORD=/tmp/plain.json pytest -p pytest_zygote.run.outcome_recorder`` leaves a
``core.cli.recording.Recording`` as JSON in that file; without the variable the plugin does
nothing. It reads what pytest reports and prints, changes or swallows nothing, so
the run that is recorded is the run that would have been.

PYTEST_DONT_REWRITE: no assertion of a test stands here. Without this word pytest
warns, in the recorded run, that it cannot rewrite this module where somebody imported
it before the plugins were loaded, as a zygote may.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.cli.recording import Collector, Phase, RecordedWarning, Recording, Result, encode

if TYPE_CHECKING:
    import warnings
    from collections.abc import Sequence

VARIABLE = "PYTEST_ZYGOTE_RECORD"
"""The environment variable that names the file to write."""


def pytest_configure(config: pytest.Config) -> None:
    """Start recording if asked to.

    pytest-xdist's workers inherit the variable but see only their share of the tests,
    and their controller receives all reports; hence only a controller records.
    """
    path = os.environ.get(VARIABLE)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(Path(path)))


class _Recorder:
    """Collects what the hooks report, and writes it when the run is over.

    Registered as late as ``pytest_configure``, it nevertheless sees the warnings of
    conftest files: ``pytest_warning_recorded`` is a historic hook.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session: pytest.Session | None = None
        self._collected: list[str] = []
        self._deselected: list[str] = []
        self._collectors: list[Collector] = []
        self._phases: dict[str, list[Phase]] = {}
        self._warnings: list[RecordedWarning] = []

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember where the exit code will stand."""
        self._session = session

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if not report.passed:
            self._collectors.append(Collector(report.nodeid, report.outcome, _last_line(report.longrepr)))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note the tests that are left out."""
        self._deselected += [item.nodeid for item in items]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the tests that are to run."""
        self._collected = [item.nodeid for item in session.items]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test ended."""
        self._phases.setdefault(report.nodeid, []).append(_phase(report))

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: str, nodeid: str) -> None:
        """Note a warning, without its line number: the output shows that one."""
        category = warning_message.category
        self._warnings.append(
            RecordedWarning(
                f"{category.__module__}.{category.__qualname__}",
                str(warning_message.message),
                warning_message.filename,
                when,
                nodeid,
            )
        )

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Write the recording.

        Not in ``pytest_sessionfinish``, where other plugins may still change the exit
        code. Without a session, as for ``--help``, there is nothing to record.
        """
        if self._session is not None:
            _write(self._path, encode(self._record(self._session)))

    def _record(self, session: pytest.Session) -> Recording:
        return Recording(
            exit_code=int(session.exitstatus),
            process=os.getpid(),
            collected=tuple(self._collected),
            deselected=tuple(self._deselected),
            collectors=tuple(self._collectors),
            results=tuple(Result(nodeid, tuple(phases)) for nodeid, phases in self._phases.items()),
            warnings=tuple(self._warnings),
        )


def _phase(report: pytest.TestReport) -> Phase:
    """Give the outcome that the user is shown: xfail is an attribute, not an outcome."""
    reason: str | None = getattr(report, "wasxfail", None)
    if reason is None:
        return Phase(report.when, report.outcome, _last_line(report.longrepr))
    outcome = "xpassed" if report.passed else "xfailed"
    return Phase(report.when, outcome, _last_line(report.longrepr) or reason)


def _last_line(longrepr: object) -> str:
    """Give the last line of a crash message or of the reason of a skip.

    A crash has its message apart from the traceback, which the comparison of the
    output covers. Other representations are text, or turn into it.
    """
    if isinstance(longrepr, tuple):
        longrepr = longrepr[-1]
    crash: object = getattr(longrepr, "reprcrash", None)
    message: object = longrepr if crash is None else getattr(crash, "message", crash)
    return str(message or "").strip().rpartition("\n")[2].strip()


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, for readers never to see half a recording."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="ascii")
    unfinished.replace(path)
