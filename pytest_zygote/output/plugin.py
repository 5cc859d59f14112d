"""Prints the events of a run in the place of pytest's terminal, for ``--zygote-output``.

The terminal's reporter stays, and counts, since other plugins write by it: only what it writes goes nowhere. What
plugins add to its summary (a table of coverage, say) is an event. Nothing is printed before the tests are collected,
as a warm run may start over until then.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.private import terminal
from pytest_zygote.core.output import events
from pytest_zygote.core.output.compact import Compact
from pytest_zygote.core.output.events import KIND
from pytest_zygote.core.output.rerun import command

if TYPE_CHECKING:
    import warnings
    from collections.abc import Callable, Generator, Iterable, Sequence
    from typing import TextIO

    from pytest_zygote.core.output.events import Event

NAME = "zygote_output"


def as_json(event: Event) -> list[str]:
    """Return an event as one line."""
    return [json.dumps(event, default=repr)]


FORMS: dict[str, Callable[[], Callable[[Event], Iterable[str]]]] = {
    "jsonl": lambda: as_json,
    "compact": lambda: Compact().lines,
}
"""Values of the option → what makes the function that turns an event into lines."""


def begin(config: pytest.Config, form: str, served: Event) -> None:
    """Take part in a run.

    Args:
        config: of the run.
        form: one of `FORMS`.
        served: how the run is served.

    Raises:
        pytest.UsageError: there is no such form.
    """
    if form not in FORMS:
        message = f"--zygote-output is {form!r}: use one of {', '.join(FORMS)}"
        raise pytest.UsageError(message)
    plugin = OutputPlugin(config, FORMS[form](), served)
    config.pluginmanager.register(plugin, NAME)
    config.add_cleanup(plugin.close)


OWN = "zygote: "
"""How lines of ours begin."""


class Nowhere(io.StringIO):
    """A stream that forgets what is written, but for lines of ours."""

    def __init__(self, on_notice: Callable[[str], None]) -> None:
        """Call this with such a line."""
        super().__init__()
        self._on_notice = on_notice

    def write(self, text: str) -> int:
        """Write it nowhere."""
        if text.startswith(OWN):
            self._on_notice(text.rstrip())
        return len(text)


class OutputPlugin:
    """Makes events of what pytest reports, and prints them."""

    def __init__(self, config: pytest.Config, lines: Callable[[Event], Iterable[str]], served: Event) -> None:
        """Print nothing yet."""
        self._config = config
        self._lines = lines
        self._served = served
        self._stream: TextIO = sys.stdout
        self._waiting: list[Event] | None = []
        self._failed: dict[str, None] = {}
        self._deselected = 0
        self._notes: list[str] = []
        self._times = {"start": time.perf_counter()}
        self._session: pytest.Session | None = None
        self._pid = os.getpid()
        self._is_over = False

    # Printing

    def _send(self, kind: str, **fields: object) -> None:
        self._print({KIND: kind, **fields})

    def _print(self, event: Event) -> None:
        if self._is_over or os.getpid() != self._pid:
            return  # a worker, or a fork that runs a test: the run reports what happens there
        if self._waiting is not None:
            self._waiting.append(event)
            return
        text = "".join(f"{line}\n" for line in self._lines(event))
        if text:
            self._stream.write(text)
            self._stream.flush()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for event in waiting:
            self._print(event)

    def _report(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        if data is not None:
            self._print(data)
        if report.failed:
            self._failed[report.nodeid] = None

    # The session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Take the terminal over: not before, since ``--help`` and the like print without a session."""
        if hasattr(session.config, "workerinput"):
            self._is_over = True  # the run process reports for its workers
            return
        self._session = session
        writer = terminal.writer_of(session.config)
        if writer is not None:
            self._stream = terminal.stream_of(writer)
            terminal.redirect(writer, Nowhere(lambda text: self._send("Notice", text=text)))
        self._times["session"] = time.perf_counter()
        self._send(
            "SessionStart",
            pytest_version=pytest.__version__,
            format=events.FORMAT,
            python=".".join(map(str, sys.version_info[:3])),
            rootdir=str(session.config.rootpath),
            folder=str(session.config.invocation_params.dir),
            args=[str(arg) for arg in session.config.invocation_params.args],
            served=self._served,
            time=time.time(),
        )

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Send what could not be collected."""
        if not report.passed:
            self._report(report)

    @pytest.hookimpl
    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count what options leave out."""
        self._deselected += len(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_collectionfinish(self) -> Generator[None, Iterable[str | list[str]], object]:
        """Keep what plugins say of what was collected."""
        found = yield
        self._notes = [line for lines in found for line in ([lines] if isinstance(lines, str) else lines)]
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Send what will run, and why."""
        if self._is_over:
            return
        self._times["collected"] = time.perf_counter()
        affected = session.config.pluginmanager.get_plugin("zygote_affected")
        chosen = getattr(affected, "selected", {})  # not where workers of pytest-xdist run all
        why = {nodeid: (entry.kind, entry.reason) for nodeid, entry in chosen.items()}
        total = len(session.items) + self._deselected
        event = events.selection(total, len(session.items), why, self._notes)
        if session.config.option.collectonly:
            event["tests"] = [item.nodeid for item in session.items]
        self._print(event)
        self._release()

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send it."""
        self._report(report)

    @pytest.hookimpl
    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        """Send it."""
        del location
        place = (warning_message.filename, warning_message.lineno)
        self._print(events.warning(warning_message.category, warning_message.message, place, when, nodeid))

    @pytest.hookimpl
    def pytest_internalerror(self, excrepr: object) -> None:
        """Send it."""
        self._send("InternalError", text=str(excrepr))

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Send that the run was interrupted, or ended by ``pytest.exit``."""
        self._send("Interrupted", text=excinfo.exconly())

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_terminal_summary(self) -> Generator[None, object, object]:
        """Send what other plugins add to the summary."""
        writer = None if self._is_over else terminal.writer_of(self._config)
        if writer is None:
            return (yield)
        written = io.StringIO()
        nowhere = terminal.stream_of(writer)
        terminal.redirect(writer, written)
        try:
            return (yield)
        finally:
            terminal.redirect(writer, nowhere)
            if written.getvalue().strip():
                self._send("TerminalSummary", text=written.getvalue())

    # The end

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Send the last event: what the exit code is, is certain now."""
        self.close()

    def close(self) -> None:
        """Send the last event; if pytest could not begin, that is all but the error."""
        error = sys.exception()
        if self._is_over or (self._session is None and error is None):  # the latter: `--help` and the like
            return
        status = pytest.ExitCode.USAGE_ERROR if self._session is None else self._session.exitstatus
        if isinstance(error, pytest.UsageError) or self._session is None:
            self._send("UsageError", text=str(error))
        self._release()
        self._print(events.finish(int(status), self._counts(), self._phases(), self._rerun()))
        self._is_over = True

    def _counts(self) -> dict[str, int]:
        reporter = terminal.reporter_of(self._config)
        stats = {} if reporter is None else reporter.stats
        return {name: len(reports) for name, reports in stats.items() if name}

    def _phases(self) -> dict[str, float]:
        now, times = time.perf_counter(), self._times
        session = times.get("session", now)
        collected = times.get("collected", now)
        return {
            "configure": session - times["start"],
            "collect": collected - session,
            "tests": now - collected,
            "total": now - times["start"],
        }

    def _rerun(self) -> str:
        config = self._config
        args = [str(arg) for arg in config.invocation_params.args]
        paths = list(map(str, config.args)) if config.args_source is config.ArgsSource.ARGS else []
        base = os.path.relpath(config.rootpath, config.invocation_params.dir)
        failed = [nodeid if base == "." else os.path.join(base, nodeid) for nodeid in self._failed]
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        program = "pytest" if spec is None else "python -m pytest"
        return command(program, args, paths, failed)
