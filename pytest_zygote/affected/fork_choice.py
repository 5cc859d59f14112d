"""Which tests run in forks, and in which groups: asked of pytest and of this process."""

from __future__ import annotations

import inspect
import os
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.plugins import registered
from pytest_zygote.adapters.pytest.private.fixtures import info_of
from pytest_zygote.adapters.self_checks import why_lost
from pytest_zygote.core.affected.fork_groups import Candidate, groups_of
from pytest_zygote.core.affected.fork_limits import (
    ASYNCIO,
    LOST_FIXTURES,
    is_constant,
    loop_scope,
    noticing_hook,
    open_things,
)
from pytest_zygote.core.internals import Feature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_zygote.adapters.pytest.private.running import Node

_SETUP = ("_xunit_setup_module", "_xunit_setup_class", "_unittest_set")
"""Setup functions of modules and classes, and classes of unittest, are fixtures that pytest makes."""


_OF_UNITS = ("class", "module")


def why_one_process(config: pytest.Config, opened: Iterable[str]) -> str:
    """Return who could tell that tests of this run have forks; '' if nobody could.

    Args:
        config: of the run.
        opened: links of the descriptors that collection has opened.
    """
    options = config.option
    if options.usepdb or getattr(options, "trace", False):
        return "a debugger watches"
    if getattr(options, "cov_source", None):
        return "coverage is measured"
    if options.capture != "fd":
        return f"output is not captured by descriptor (--capture={options.capture})"
    if threading.active_count() > 1:
        return "threads run"
    hook = noticing_hook([(plugin.module, plugin.hooks) for plugin in registered(config.pluginmanager)])
    if hook:
        return f"{hook} sees tests run"
    return open_things(opened, str(config.rootpath / ".pytest_cache"))


def may_fork(config: pytest.Config, items: Sequence[pytest.Item]) -> bool:
    """Return whether forks would tell more than one process does, and can be had."""
    if len(items) <= 1 or not hasattr(os, "fork") or why_lost(Feature.ISOLATION):
        return False
    return not config.pluginmanager.has_plugin("dsession")  # workers are forks already


def groups_among(items: Sequence[pytest.Item], last_s: Mapping[str, float], *, is_each: bool) -> dict[pytest.Item, int]:
    """Return the group of each test, 0 for none.

    Args:
        items: the tests.
        last_s: how long each took the last time, if it is known.
        is_each: whether each gets a fork of its own, at any cost.
    """
    numbers = range(1, len(items) + 1) if is_each else groups_of(_candidates(items, last_s))
    return dict(zip(items, numbers, strict=True))


def _candidates(items: Sequence[pytest.Item], last_s: Mapping[str, float]) -> list[Candidate]:
    scopes = [_wide_scopes(item) for item in items]
    modules = [_nodeid(item.getparent(pytest.Module) or item.parent) for item in items]
    bound = {module for module, wide in zip(modules, scopes, strict=True) if "module" in wide}
    units = [module if module in bound else _nodeid(item.parent) for item, module in zip(items, modules, strict=True)]
    return [
        Candidate(unit, bool(wide), wide.issubset(_OF_UNITS), last_s.get(item.nodeid))
        for item, unit, wide in zip(items, units, scopes, strict=True)
    ]


def _nodeid(node: Node | None) -> str:
    return "" if node is None else node.nodeid


def _wide(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Give the fixtures that a test uses whose scope is wider than a function's, and this; not those of pytest."""
    info = info_of(item)
    for name, definitions in ({} if info is None else info.name2fixturedefs).items():
        for definition in definitions:
            is_pytests = definition.func.__module__.startswith("_pytest.") and not name.startswith(_SETUP)
            if name in LOST_FIXTURES:
                yield name, "session"
            elif definition.scope != "function" and not (is_pytests or is_constant(definition.func)):
                yield name, definition.scope
    yield from ((name, scope) for name, scope in _loops(item) if scope != "function")


def _loops(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Give the event loops of pytest-asyncio that a test uses whose scope is wider than a function's, and this.

    Tests and fixtures share them by a fixture that is asked for only when they run. Versions that do not say which
    loop a test has may share any.
    """
    info = info_of(item)
    if info is None or not item.config.pluginmanager.has_plugin("asyncio"):
        return
    if any(kind.__module__ == ASYNCIO for kind in type(item).__mro__):
        yield "event loop", str(getattr(item, "_loop_scope", "session"))
    default = item.config.getini("asyncio_default_fixture_loop_scope")
    for definition in (found for definitions in info.name2fixturedefs.values() for found in definitions):
        own = getattr(definition.func, "_loop_scope", None)
        if own or _is_asynchronous(definition.func):
            yield "event loop", loop_scope(own, default, definition.scope)


def _is_asynchronous(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _wide_scopes(item: pytest.Item) -> set[str]:
    return {scope for _, scope in _wide(item)}


def shared_fixture(items: Iterable[pytest.Item]) -> str:
    """Return a fixture that tests of several modules share, so that they have no forks; '' if there is none."""
    wide = (found for item in items for found in _wide(item))
    return next((f"the fixture {name} has the scope {scope}" for name, scope in wide if scope not in _OF_UNITS), "")
