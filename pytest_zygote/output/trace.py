"""Writes a timeline of a run, for ``--zygote-trace``: sessions, files, fixtures and tests, in all processes of it.

Each process appends its own lines: workers and forks that run a test have none but the file in common with the run.
What is shorter than a picture can show is left out, since tests are measured and must not become slower by it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.output import chrome_trace
from pytest_zygote.core.output.chrome_trace import Span

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_zygote.core.output.events import Event

NAME = "zygote_trace"
FULL = 200
"""Spans that wait to be written, at most."""
SHORTEST_S = 0.0002
"""What takes less is left out, but for tests themselves."""


def begin(config: pytest.Config, file: str, served: Event) -> None:
    """Take part in a run.

    Args:
        config: of the run.
        file: where to write.
        served: how the run is served.

    Raises:
        pytest.UsageError: its folder does not exist.
    """
    path = Path(os.path.normpath(config.invocation_params.dir / file))
    if not path.parent.is_dir():
        message = f"--zygote-trace: there is no folder {path.parent}"
        raise pytest.UsageError(message)
    config.pluginmanager.register(TracePlugin(path, served), NAME)


class TracePlugin:
    """Notes what takes time."""

    def __init__(self, path: Path, served: Event) -> None:
        """Write nothing yet: the daemon configures sessions ahead that no run may come from."""
        self._path = path
        self._served = served
        self._waiting: list[Span] = []
        self._writer = 0
        self._owner = os.getpid()
        self._since = time.time()
        self._started = self._since
        self._run = 0

    def _add(self, category: str, name: str, start_s: float, **details: object) -> None:
        duration_s = time.time() - start_s
        if duration_s >= SHORTEST_S:
            self._waiting.append(Span(category, name, start_s, duration_s, details))

    def _end_phase(self, name: str, **details: object) -> None:
        self._add("session", name, self._since, **details)
        self._since = time.time()

    def _write(self, *ends: str) -> None:
        """Append what waits; in a new process its name first."""
        pid = os.getpid()
        named = [] if self._writer == pid else [chrome_trace.process_name(pid, self._process_name(pid))]
        self._writer = pid
        text = "".join([*named, *(chrome_trace.line(span, pid) for span in self._waiting), *ends])
        self._waiting.clear()
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _process_name(self, pid: int) -> str:
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        return f"worker {worker}" if worker else "run" if pid == self._run else "fork of the run"

    # The session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin the file, unless this is a worker of a run that has done so."""
        if not hasattr(session.config, "workerinput"):
            self._run = os.getpid()
            self._path.write_text(chrome_trace.HEAD, encoding="utf-8")
        self._end_phase("configure", **self._served)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, object, object]:
        """Note what it takes to collect a file, most of which is its imports; or a folder, with all of its hooks."""
        start_s = time.time()
        found = yield
        self._add("collect", f"collect {collector.nodeid or '.'}", start_s)
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the end of a phase."""
        self._end_phase("collect", tests=len(session.items))
        self._write()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Note the end of a phase, and what follows: coverage, reports."""
        self._end_phase("tests")
        found = yield
        self._end_phase("finish")
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Write the rest, and the end if this is the run."""
        if self._run == os.getpid():
            self._add("session", "pytest", self._started)
            self._write(chrome_trace.tail(self._run, time.time()))
        elif hasattr(config, "workerinput"):
            self._write()

    # Tests

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Note a test, in the process in which it runs."""
        if self._owner != os.getpid():  # a fork: what has happened before is written by the process where it happened
            self._owner = os.getpid()
            self._waiting.clear()
        start_s = time.time()
        found = yield
        self._waiting.append(Span("test", item.nodeid, start_s, time.time() - start_s))
        # A worker may wait for another test, get none, and end at once.
        if nextitem is None or self._owner != self._run or len(self._waiting) >= FULL:
            self._write()
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Note a phase of a test."""
        if call.duration >= SHORTEST_S:
            self._waiting.append(Span("phase", call.when, call.start, call.duration))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Note what a fixture takes, with its scope."""
        start_s = time.time()
        try:
            return (yield)
        finally:
            self._add("fixture", fixturedef.argname, start_s, scope=fixturedef.scope)
