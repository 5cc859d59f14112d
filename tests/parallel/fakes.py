"""Stand-ins for pytest's objects: only what the modules of parallel runs use of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.parallel import xdist_hookspecs

if TYPE_CHECKING:
    from collections.abc import Sequence


class Cache:
    """pytest's cache, in memory."""

    def __init__(self) -> None:
        """Hold nothing."""
        self.values: dict[str, object] = {}

    def get(self, key: str, default: object) -> object:
        """Return what is stored."""
        return self.values.get(key, default)

    def set(self, key: str, value: object) -> None:
        """Store it."""
        self.values[key] = value


OPTIONS: dict[str, object] = {
    "dist": "load",
    "fork_workers": "auto",
    "distload": False,
    "tx": ["popen", "popen"],
    "numprocesses": 2,
    "maxprocesses": None,
    "testrunuid": None,
    "maxworkerrestart": None,
    "verbose": 0,
    "stepwise": False,
    "usepdb": False,
    "collectonly": False,
    "zygote_replay": None,
}


def make_config(*plugins: object, **options: object) -> pytest.Config:
    """Make a config with these options, and with the hooks of pytest and pytest-xdist."""
    manager = pytest.PytestPluginManager()
    manager.add_hookspecs(xdist_hookspecs)
    for plugin in plugins:
        manager.register(plugin)
    option = SimpleNamespace(**{**OPTIONS, **options})
    config = SimpleNamespace(
        hook=manager.hook,
        pluginmanager=manager,
        option=option,
        cache=Cache(),
        stash=pytest.Stash(),
        getvalue=lambda name: getattr(option, name),
        getoption=lambda name, default=None: getattr(option, name, default),
    )
    return cast("pytest.Config", config)


def cache_of(config: pytest.Config) -> Cache:
    """Return the cache of a config that was made here."""
    return cast("Cache", config.cache)


class Item:
    """A test.

    Attributes:
        nodeid: its id.
        own_markers: its marks.
    """

    def __init__(self, nodeid: str, config: pytest.Config, *marks: pytest.Mark, function: object = None) -> None:
        """Be collected."""
        self.nodeid = nodeid
        self.config = config
        self.location = (nodeid.partition("::")[0], 1, nodeid.rpartition("::")[2])
        self.own_markers = list(marks)
        self.parent: Item | None = None
        self.function = function
        self.ihook = config.hook

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """Return a mark of this name."""
        return next((mark for mark in self.own_markers if mark.name == name), None)


def make_items(config: pytest.Config, *nodeids: str) -> list[pytest.Item]:
    """Make tests of which only the ids matter."""
    return [cast("pytest.Item", Item(nodeid, config)) for nodeid in nodeids]


def make_session(items: Sequence[pytest.Item], config: pytest.Config) -> pytest.Session:
    """Make a session that has collected these tests."""
    session = SimpleNamespace(items=list(items), config=config, shouldfail=False, shouldstop=False, testsfailed=0)
    return cast("pytest.Session", session)
