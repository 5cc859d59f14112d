"""Hooks that are called in less time than pluggy takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pluggy

from pytest_zygote.parallel import fast_hooks

if TYPE_CHECKING:
    from collections.abc import Generator

    import pytest

hookspec, hookimpl = pluggy.HookspecMarker("t"), pluggy.HookimplMarker("t")


class Specs:
    """Hooks with the names that are called often."""

    @hookspec
    def pytest_runtest_logstart(self, nodeid: str, location: str) -> None:
        """Return nothing."""

    @hookspec
    def pytest_runtest_logreport(self, report: str) -> None:
        """Return a list."""

    @hookspec
    def pytest_runtest_logfinish(self, nodeid: str, location: str) -> None:
        """Return nothing."""

    @hookspec(firstresult=True)
    def pytest_report_teststatus(self, report: str, config: str) -> None:
        """Return the first result."""


class Plain:
    """Implementations that take some of the arguments."""

    def __init__(self, name: str) -> None:
        """Have a name to answer with."""
        self.name = name

    @hookimpl
    def pytest_runtest_logstart(self, location: str, nodeid: str) -> None:
        """Answer nothing."""
        assert (location, nodeid) == ("here", "it")

    @hookimpl
    def pytest_runtest_logreport(self) -> str:
        """Answer."""
        return self.name

    @hookimpl
    def pytest_report_teststatus(self, report: str) -> str | None:
        """Answer to one report."""
        return self.name if report == self.name else None


class Wrapping:
    """An implementation around others."""

    @hookimpl(wrapper=True)
    def pytest_runtest_logreport(self) -> Generator[None, list[str], list[str]]:
        """Change the result."""
        return [*(yield), "wrapped"]


def results(manager: pluggy.PluginManager) -> list[object]:
    """Call all hooks."""
    hook = manager.hook
    called = [hook.pytest_runtest_logstart(nodeid="it", location="here"), hook.pytest_runtest_logreport(report="")]
    return [*called, *(hook.pytest_report_teststatus(report=name, config="") for name in ("a", "b", "c"))]


def test_hooks_that_are_called_often_do_what_they_do() -> None:
    """Whichever plugins come and go, wrap or trace them meanwhile."""
    manager = pluggy.PluginManager("t")
    manager.add_hookspecs(Specs)
    first = Plain("a")
    manager.register(first)
    with fast_hooks.fast_hooks(cast("pytest.Config", SimpleNamespace(hook=manager.hook, pluginmanager=manager))):
        assert results(manager) == [[], ["a"], "a", None, None]
        manager.register(Plain("b"))
        assert results(manager) == [[], ["b", "a"], "a", "b", None]
        wrapping = Wrapping()
        manager.register(wrapping)
        assert results(manager) == [[], ["b", "a", "wrapped"], "a", "b", None]
        manager.unregister(wrapping)
        manager.unregister(first)
        seen: list[str] = []
        undo = manager.add_hookcall_monitoring(lambda name, *_: seen.append(name), lambda *_: None)
        assert results(manager) == [[], ["b"], None, "b", None]
        assert len(seen) == 5
        undo()
    assert type(manager.hook.pytest_runtest_logreport) is pluggy.HookCaller
    assert results(manager) == [[], ["b"], None, "b", None]
