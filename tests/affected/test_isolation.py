"""Which tests have forks, and what comes back from them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected import isolation
from pytest_zygote.affected.fork_server import Death
from pytest_zygote.affected.isolation import Stopped, may_fork

if TYPE_CHECKING:
    from collections.abc import Mapping

ITEMS = [cast("pytest.Item", object()), cast("pytest.Item", object())]


def config(options: Mapping[str, object], *runners: str, plugins: tuple[str, ...] = ()) -> pytest.Config:
    """Return a configuration in which these modules run tests."""
    implementations = [
        SimpleNamespace(wrapper=False, hookwrapper=False, function=SimpleNamespace(__module__=name)) for name in runners
    ]
    found = SimpleNamespace(
        option=SimpleNamespace(**{"usepdb": False, **options}),
        pluginmanager=SimpleNamespace(has_plugin=plugins.__contains__),
        hook=SimpleNamespace(
            pytest_runtest_protocol=SimpleNamespace(get_hookimpls=lambda: implementations),
        ),
    )
    return cast("pytest.Config", found)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one thread, and an interpreter that is as we know it."""
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setattr(isolation, "why_lost", lambda _: "")


def test_tests_may_fork_where_pytest_runs_them() -> None:
    """One alone need not."""
    assert may_fork(config({}, "_pytest.runner", "pytest_zygote.affected.recording"), ITEMS)
    assert not may_fork(config({}, "_pytest.runner"), ITEMS[:1])


@pytest.mark.parametrize("options", [{"usepdb": True}, {"trace": True}, {"cov_source": ["app"]}])
def test_they_may_not_where_somebody_watches(options: dict[str, object]) -> None:
    """A debugger, or coverage."""
    assert not may_fork(config(options, "_pytest.runner"), ITEMS)


def test_they_may_not_where_a_plugin_runs_tests() -> None:
    """It would not in a fork; nor where workers are forks already."""
    assert not may_fork(config({}, "_pytest.runner", "pytest_rerunfailures"), ITEMS)
    assert not may_fork(config({}, "_pytest.runner", plugins=("dsession",)), ITEMS)


def test_they_may_not_beside_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where pytest is not as we know it."""
    monkeypatch.setattr(isolation, "why_lost", lambda _: "pytest has changed")
    assert not may_fork(config({}, "_pytest.runner"), ITEMS)
    monkeypatch.setattr(isolation, "why_lost", lambda _: "")
    monkeypatch.setattr("threading.active_count", lambda: 2)

    assert not may_fork(config({}, "_pytest.runner"), ITEMS)


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
