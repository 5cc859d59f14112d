"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.daemon import Project
from tests.support.process_guard import ProcessGuard

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


# What an example may take says nothing about a machine that runs daemons beside it.
settings.register_profile("patient", settings(), deadline=None)
settings.register_profile("fast", settings(), deadline=None, max_examples=20)
settings.load_profile("patient")

# With it the plugin does nothing by itself, which is not what is tested here.
os.environ.pop("CI", None)

# As from a shell at a terminal: what runs in the background, or below nohup, would hand down to all tests that it
# ignores these.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project whose daemon is stopped at the end, leaving nothing behind."""
    project = Project(tmp_path / "project")
    yield project
    project.close()


_guard = ProcessGuard()


@pytest.fixture
def runtime_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give a runtime folder whose path is short enough for sockets; those of pytest's folders are not."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="z") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a unit test start no process: neither in its fixtures nor in its call."""
    _guard.start(item)
    try:
        return (yield)
    finally:
        _guard.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Watch no teardown: under the last test of a worker it ends what others have started for the session."""
    _guard.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the daemon's log and processes beside a failure."""
    report = yield
    project = getattr(item, "funcargs", {}).get("project")
    if report.when == "call" and report.failed and isinstance(project, Project):
        report.sections.append(("daemon's log", project.log()))
        report.sections.append(("processes", "\n".join(f"{pid} {line}" for pid, line in project.processes().items())))
    return report
