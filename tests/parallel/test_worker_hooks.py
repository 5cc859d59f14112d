"""Which hooks are called in a worker."""

from __future__ import annotations

import os

import pytest

from pytest_zygote.parallel import worker_hooks
from tests.parallel.fakes import make_config

LOCATION = ("a.py", 1, "x")


class Watching:
    """A plugin that watches tests, and does something else in workers.

    Attributes:
        seen: what it was called with.
    """

    def __init__(self) -> None:
        """Have seen nothing."""
        self.seen: list[object] = []

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note it."""
        self.seen.append(nodeid)

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        """Note it, unless this is a worker."""
        if not hasattr(config, "workerinput"):
            self.seen.append("configure")

    @pytest.hookimpl
    def pytest_sessionstart(self) -> None:
        """Note it: this says nothing of workers."""
        self.seen.append("sessionstart")


class Environment:
    """A plugin that asks the environment, in a function of its own."""

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Ask whether this is a worker."""

        def is_worker() -> bool:
            return "PYTEST_XDIST_WORKER" in os.environ

        is_worker()


class Down:
    """A plugin that wants to know when workers end."""

    @pytest.hookimpl
    def pytest_testnodedown(self, node: object) -> None:
        """Do nothing with what it put out."""


class Output:
    """A plugin that reads what workers put out."""

    @pytest.hookimpl
    def pytest_testnodedown(self, node: object) -> object:
        """Read it."""
        return node.workeroutput  # type: ignore[attr-defined]


class BothSides(Output):
    """A plugin that also says how workers put it out."""

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Put it out."""
        session.config.workeroutput = {}  # type: ignore[attr-defined]


def test_in_a_worker_no_plugin_watches() -> None:
    """The run process calls them."""
    plugin = Watching()
    config = make_config(plugin)
    worker_hooks.silence(config)
    config.hook.pytest_runtest_logstart(nodeid="a.py::x", location=LOCATION)
    assert plugin.seen == []


def test_only_hooks_that_mention_workers_are_called_in_them() -> None:
    """When the session of a worker would begin."""
    plugin = Watching()
    config = make_config(plugin)
    worker_hooks.call_worker_aware(config, "pytest_configure", config=config)
    worker_hooks.call_worker_aware(config, "pytest_sessionstart", session=None)
    assert plugin.seen == ["configure"]


@pytest.mark.parametrize(
    ("plugin", "expected"), [(Environment(), True), (Down(), True), (Watching(), True), (None, False)]
)
def test_a_plugin_with_a_part_in_workers_needs_processes(plugin: object, *, expected: bool) -> None:
    """Even if there is only one worker."""
    assert worker_hooks.need_processes(make_config(*([plugin] if plugin else []))) is expected


@pytest.mark.parametrize(("plugin", "name"), [(Down(), ""), (Output(), "tests"), (BothSides(), "")])
def test_a_plugin_that_waits_for_what_no_worker_writes_is_incompatible(plugin: object, name: str) -> None:
    """It would get nothing."""
    assert worker_hooks.incompatible_plugin(make_config(plugin)) == name
