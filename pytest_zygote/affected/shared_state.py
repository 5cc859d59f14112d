"""What tests leave for the tests after them, in their own files and in the process.

Test steps that build on each other, or a list that a fixture returns and tests add to, need one process. So do tests
that change what a process has one of: its environment and folder, where imports look, the seed of ``random``, a handler
of a signal, and whatever else counts where modules change it at import (`process_kinds`). Not what is to be finalized
at the end, which no test can see, nor that random numbers were drawn: few tests care which come next.

Other modules of the project are not looked at: what tests change there are mostly caches.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import generator_states, process_kinds
from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.affected.executions import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

RUNNING = "PYTEST_CURRENT_TEST"
"""The environment key that pytest sets for each test."""

DEPTH = 5
MOST = 1_000
"""Items of a list, or attributes, that are looked at."""

_VALUES = (int, float, str, bytes, bool, type(None))
_LISTS = (list, tuple, set, frozenset, deque)


class SharedState:
    """Compares the files of a test before and after it."""

    def __init__(self) -> None:
        """Know no file yet."""
        self._modules: dict[str, list[ModuleType]] = {}
        self._seeds = _Seeds()

    def of(self, item: pytest.Item) -> object:
        """Return a value that differs once a file of the test, or the process, keeps something else."""
        modules = self._modules.get(str(item.path))
        if modules is None:
            conftests = configuration.conftest_modules(item.config, item.path)
            parent = item.getparent(pytest.Module)
            own = None if parent is None else parent.obj  # of a text with doctests there is none
            modules = self._modules[str(item.path)] = [*conftests, *([] if own is None else [own])]
        files = {module.__name__ for module in modules}
        return [_of_process(self._seeds), *(_names(vars(module), files, DEPTH) for module in modules)]


class _Seeds:
    """How often each generator of random numbers has been seeded."""

    def __init__(self) -> None:
        self._process = 0
        self._last: dict[str, object] = {}
        self._counts = dict.fromkeys(generator_states.GENERATORS, 0)

    def of(self, states: Mapping[str, object]) -> dict[str, int]:
        """Return it, of these states."""
        if self._process != os.getpid():  # in a fork, Python seeds `random` anew
            self._process = os.getpid()
            self._last.clear()
        for what in self._counts.keys() & states.keys():
            last = self._last.get(what, states[what])
            self._last[what] = states[what]
            if last != states[what] and not generator_states.has_drawn(what, last, states[what]):
                self._counts[what] += 1
        return dict(self._counts)


def _of_process(seeds: _Seeds) -> object:
    environ = {key: value for key, value in os.environ.items() if key != RUNNING}
    try:
        kinds = process_kinds.read()
    except OSError:  # a test has removed the working folder
        kinds = {"folder": object()}
    found = {what: _comparable(value) for what, value in kinds.items() if what not in _OTHERWISE}
    return environ, found, seeds.of(kinds), list(sys.path), list(vars(builtins))


_OTHERWISE = {process_kinds.FINALIZERS, *generator_states.GENERATORS}
"""Kinds that are not compared as they are."""


def _comparable(value: object) -> object:
    """Return a value that is equal to another where `process_kinds.is_same` holds: objects of others are not asked."""
    if type(value) is tuple:
        return tuple(map(_comparable, value))
    return value if type(value) in _VALUES else identity(value)


def _names(namespace: Mapping[str, object], modules: set[str], depth: int) -> list[object]:
    found = islice(namespace.items(), MOST)
    return [(name, _shape(value, modules, depth)) for name, value in found if not name.startswith(("__", "@"))]


def _shape(value: object, modules: set[str], depth: int) -> object:
    kind = type(value)
    if kind in _VALUES:
        return value
    found: Iterable[object] = ()
    if depth:
        if kind in _LISTS:
            found = [_shape(item, modules, depth - 1) for item in islice(value, MOST)]  # type: ignore[call-overload]  # it is one
        elif isinstance(value, dict):
            found = [_shape(item, modules, depth - 1) for item in islice(value.items(), MOST)]
        elif (value.__module__ if kind is type else kind.__module__) in modules and hasattr(value, "__dict__"):
            found = _names(vars(value), modules, depth - 1)
    return identity(value), found
