"""What a client says of itself, and when it asks no daemon at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

import pytest_zygote
from pytest_zygote.adapters.interpreter import debugpy
from pytest_zygote.client import request
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.runner_code import CHILD_MARK

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(autouse=True)
def _unobserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing look at this process, whatever measures these tests."""
    monkeypatch.setitem(sys.modules, "coverage", fake_coverage(None))
    monkeypatch.setattr(request, "_is_traced", lambda: False)
    monkeypatch.setattr(request, "_is_monitored", lambda: False)
    monkeypatch.setattr(request, "_is_traced_from_outside", lambda: False)
    monkeypatch.delitem(sys.modules, request.DEBUGGER, raising=False)


def fake_coverage(current: object) -> ModuleType:
    """Return a module that has what is asked of coverage."""
    module = ModuleType("coverage")
    module.Coverage = SimpleNamespace(current=lambda: current)  # type: ignore[attr-defined]
    return module


def code(*args: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the code of the reason why a command cannot be warm; '' if it can."""
    given = environ or {}
    reason = request.ineligible(Settings(args, given), args, given)
    return "" if reason is None else reason.code


def test_a_plain_command_may_be_warm() -> None:
    """Nothing forbids it."""
    assert code("-q", "tests") == ""


@pytest.mark.parametrize(
    ("args", "environ", "expected"),
    [
        (("--daemon-disable",), {}, "switched-off"),
        ((), {"PYTEST_DAEMON_DISABLE": "1"}, "switched-off"),
        ((), {"CI": "true"}, "ci-machine"),
        ((), {CHILD_MARK: "1"}, "nested-run"),
        (("--help",), {}, "plain-option"),
        (("-V",), {}, "plain-option"),
    ],
)
def test_what_the_user_asked_for_is_not_printed(args: tuple[str, ...], environ: dict[str, str], expected: str) -> None:
    """The reason has a code, for programs, and nobody needs to read it."""
    reason = request.ineligible(Settings(args, environ), args, environ)

    assert reason is not None
    assert reason.code == expected
    assert reason.is_quiet


def test_windows_has_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """There all runs are cold."""
    monkeypatch.setattr(sys, "platform", "win32")

    assert code() == "no-fork"


def test_a_python_without_the_lock_is_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its flags of the binary interface begin with a t."""
    monkeypatch.setattr(sys, "abiflags", "t")

    assert code() == "free-threaded"


def test_coverage_that_was_started_first_would_not_see_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``coverage run -m pytest``."""
    measuring = SimpleNamespace(config=SimpleNamespace(source_pkgs=[]))
    monkeypatch.setitem(sys.modules, "coverage", fake_coverage(measuring))

    assert code() == "coverage-started"


def test_a_debugger_that_lends_nothing_keeps_the_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does can follow the run."""
    monkeypatch.setitem(sys.modules, request.DEBUGGER, ModuleType(request.DEBUGGER))
    monkeypatch.setattr(debugpy, "lend", lambda: ())
    assert code() == "debugger-attached"

    monkeypatch.setattr(debugpy, "lend", lambda: ("port",))
    assert code() == ""


@pytest.mark.parametrize("observer", ["_is_traced", "_is_monitored", "_is_traced_from_outside"])
def test_a_tracer_keeps_the_run_here(monkeypatch: pytest.MonkeyPatch, observer: str) -> None:
    """It would not see what another process does."""
    monkeypatch.setattr(request, observer, lambda: True)

    assert code() == "tracer-active"


def test_a_request_describes_this_process() -> None:
    """The run becomes what this process is."""
    made = request.make_request(("-q",))

    assert made.version == pytest_zygote.__version__
    assert (made.args, made.cwd, made.pid) == (("-q",), str(Path.cwd()), os.getpid())
    assert made.environ == dict(os.environ)
    assert made.path == tuple(sys.path)


def test_what_pytest_has_put_on_the_path_is_left_to_the_run() -> None:
    """It would stand there twice."""
    assert request.make_request((), sys.path[:1]).path == tuple(sys.path[1:])
    assert request.make_request((), ("elsewhere",)).path == tuple(sys.path)


def test_streams_that_do_not_exist_are_closed_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter has none where it found the descriptor closed."""
    monkeypatch.setattr(sys, "__stdin__", None)

    assert request.make_request(()).closed == (0,)
