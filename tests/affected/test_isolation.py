"""Which tests have forks, and what comes back from them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected import fork_choice
from pytest_zygote.affected.fork_choice import may_fork, why_one_process
from pytest_zygote.affected.fork_server import Death
from pytest_zygote.affected.isolation import Stopped
from tests.affected.fakes import FakePlugins

if TYPE_CHECKING:
    from collections.abc import Mapping

ITEMS = [cast("pytest.Item", object()), cast("pytest.Item", object())]


def config(options: Mapping[str, object] | None = None, *hooks: str, plugins: tuple[str, ...] = ()) -> pytest.Config:
    """Return a configuration with a plugin that has these hooks."""
    manager = FakePlugins({"more": SimpleNamespace(hooks=hooks), **dict.fromkeys(plugins)})
    option = SimpleNamespace(**{"usepdb": False, "capture": "fd", **(options or {})})
    return cast("pytest.Config", SimpleNamespace(option=option, pluginmanager=manager, rootpath=Path("/p")))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one thread, and an interpreter that is as we know it."""
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setattr(fork_choice, "why_lost", lambda _: "")


def test_forks_are_had_where_they_tell_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One test alone needs none, workers are forks already, and pytest must be as we know it."""
    assert may_fork(config(), ITEMS)
    assert not may_fork(config(), ITEMS[:1])
    assert not may_fork(config(plugins=("dsession",)), ITEMS)
    monkeypatch.setattr(fork_choice, "why_lost", lambda _: "pytest has changed")
    assert not may_fork(config(), ITEMS)


@pytest.mark.parametrize("options", [{"usepdb": True}, {"trace": True}, {"cov_source": ["app"]}, {"capture": "no"}])
def test_they_may_not_where_somebody_watches(options: dict[str, object]) -> None:
    """A debugger, coverage, or the terminal itself."""
    assert not why_one_process(config(), ())
    assert why_one_process(config(options), ())


@pytest.mark.parametrize(
    ("hook", "is_noticed"),
    [("pytest_runtest_logreport", True), ("pytest_terminal_summary", True), ("pytest_generate_tests", False)],
)
def test_they_may_not_where_hooks_see_tests_run(hook: str, *, is_noticed: bool) -> None:
    """What a hook keeps in its process would be lost with the fork."""
    assert (hook in why_one_process(config({}, hook), ())) is is_noticed


def test_they_may_not_beside_threads_and_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would share what is open; pytest's own files are no matter."""
    assert not why_one_process(config(), ["/x/#1 (deleted)", "/dev/null", "pipe:[7]"])
    assert "/p/log.csv" in why_one_process(config(), ["/p/log.csv"])
    assert "socket" in why_one_process(config(), ["socket:[1]"])
    monkeypatch.setattr("threading.active_count", lambda: 2)

    assert "threads" in why_one_process(config(), ())


def test_what_ended_the_run_in_a_fork_ends_it_here() -> None:
    """Ctrl-C, or `pytest.exit` with its code."""
    with pytest.raises(KeyboardInterrupt):
        Stopped().be_raised()
    with pytest.raises(pytest.exit.Exception, match="enough") as caught:
        Stopped("enough", 7).be_raised()
    assert caught.value.returncode == 7


@pytest.mark.parametrize(("status", "end"), [(3, "exit code 3"), (-9, "signal SIGKILL")])
def test_a_fork_that_died_says_how(status: int, end: str) -> None:
    """In the report of its test."""
    assert Death(status).text == f"the process of this test ended with {end}"
