"""What tests leave for the tests after them, in their own files and in the process.

Test steps that build on each other, or a list that a fixture returns and tests add to, need one process. So do tests
that change what a process has one of: its environment and folder, where imports look, the seed of ``random``, a handler
of a signal, and whatever else counts where modules change it at import (`process_kinds`). Not what is to be finalized
at the end, which no test can see, nor that random numbers were drawn: few tests care which come next.

Other modules of the project are not looked at: what tests change there are mostly caches.

This looks after each test, and mostly finds nothing. So what was found is kept in a form in which most of it is
compared without a call for each value; and what takes long to read, and shows otherwise that it is changed, is read
only then (`RARE`). No object of a test's is kept alive: that, a test could notice.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections import deque
from itertools import islice
from operator import eq, is_
from types import FunctionType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import generator_states, process_kinds
from pytest_zygote.adapters.interpreter.private.reading import copied_environment
from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.affected.executions import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from collections.abc import Set as AbstractSet
    from types import ModuleType

RUNNING = b"PYTEST_CURRENT_TEST"
"""The environment key that pytest sets for each test."""

RARE = frozenset({process_kinds.RANDOM, process_kinds.LIMITS})
"""Kinds that take long to read."""

DEPTH = 5
MOST = 1_000
"""Items of a list, or attributes, that are looked at."""

_VALUES = frozenset({int, float, str, bytes, bool, type(None)})
_REFERENCED = _VALUES | {FunctionType}
_LISTS = frozenset({list, tuple, set, frozenset, deque})


class SharedState:
    """Compares the files of a test, and the process, before and after it."""

    def __init__(self, changed: Callable[[], Collection[str]] = lambda: RARE) -> None:
        """Know no file yet; `changed` returns which of the `RARE` kinds may have changed since the last call."""
        self._files: dict[str, _TestFile] = {}
        self._process = _Process(changed)

    def left_keys(self) -> set[str]:
        """Return the keys of the environment that were found changed the last time."""
        return self._process.left_keys

    def of(self, item: pytest.Item) -> object:
        """Return a value that differs once a file of the test, or the process, keeps something else."""
        file = self._files.get(str(item.path))
        if file is None:
            conftests = configuration.conftest_modules(item.config, item.path)
            parent = item.getparent(pytest.Module)
            own = None if parent is None else parent.obj  # of a text with doctests there is none
            file = self._files[str(item.path)] = _TestFile([*conftests, *([] if own is None else [own])])
        return self._process.changes(), file.changes()


class _Process:
    """What a process has one of.

    Attributes:
        left_keys: keys of the environment that were found changed the last time.
    """

    def __init__(self, changed: Callable[[], Collection[str]]) -> None:
        self.left_keys: set[str] = set()
        self._changed = changed
        self._count = 0
        self._environ: dict[bytes, bytes] = {}
        self._process = 0
        self._rest: object = None
        self._kinds: dict[str, object] = {}
        self._generators: dict[str, object] = {}

    def changes(self) -> int:
        """Return how often something was found to have changed."""
        is_new = self._process != os.getpid()
        unread = frozenset[str]() if is_new else RARE - {*self._changed()}
        try:
            kinds = process_kinds.read(unread | {process_kinds.FINALIZERS})
        except OSError:  # a test has removed the working folder
            kinds = {"folder": object()}
        generators = {what: kinds.pop(what) for what in generator_states.GENERATORS if what in kinds}
        kinds.update((what, self._kinds[what]) for what in unread & self._kinds.keys())
        environ = copied_environment()
        environ.pop(RUNNING, None)
        before, self._environ = self._environ, environ
        self.left_keys = (
            {os.fsdecode(key) for key, _ in environ.items() ^ before.items()} if environ != before else set()
        )
        rest = list(sys.path), list(vars(builtins))
        if is_new:
            self._process = os.getpid()
            self._generators.clear()  # Python seeds `random` anew in a fork
        if self._are_seeded(generators) or self.left_keys or rest != self._rest or _differ(self._kinds, kinds):
            self._count += 1
        self._rest, self._kinds = rest, kinds
        return self._count

    def _are_seeded(self, states: dict[str, object]) -> bool:
        """Return whether a generator of random numbers has got another state than draws lead to."""
        before, self._generators = self._generators, {**self._generators, **states}
        return any(
            not process_kinds.is_same(before[what], states[what])
            and not generator_states.has_drawn(what, before[what], states[what])
            for what in before.keys() & states.keys()
        )


def _differ(before: dict[str, object], now: dict[str, object]) -> bool:
    if before.keys() != now.keys():
        return True
    others = [what for what, found in now.items() if found is not before[what]]
    return not all(process_kinds.is_same(before[what], now[what]) for what in others)


class _TestFile:
    """What the modules keep that tests of one file have."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self._modules = modules
        self._names = {module.__name__ for module in modules}
        self._count = 0
        self._held: list[_Held] = []

    def changes(self) -> int:
        """Return how often something was found to have changed."""
        if not self._held or not all(
            held.is_in(module) for held, module in zip(self._held, self._modules, strict=True)
        ):
            held = [_Held(module, self._names, DEPTH) for module in self._modules]
            self._count += held != self._held
            self._held = held
        return self._count


class _Held:
    """What a container, or the namespace of a module, a class or an object, holds: directly, and in what it holds.

    Plain values are referred to, so that no other gets the address of one, and so are functions: most values in
    namespaces are, and this compares them in no time. Of all others there are only addresses.
    """

    def __init__(self, holder: object, modules: AbstractSet[str], depth: int) -> None:
        """Look into containers and into what is defined in these modules, so deep."""
        self._names, held = _contents(holder)
        self._kind = identity(type(holder))
        self._references = [value if type(value) in _REFERENCED else None for value in held]
        self._addresses = {place: identity(value) for place, value in enumerate(held) if type(value) not in _REFERENCED}
        hidden = {place for place, name in enumerate(self._names) if name.startswith(("__", "@"))}
        seen = [(place, value) for place, value in enumerate(held) if place not in hidden]
        names = [name for place, name in enumerate(self._names) if place not in hidden]
        self._parts = names, [value if type(value) in _VALUES else identity(value) for _, value in seen]
        inner = ((place, value) for place, value in seen if depth and _is_holder(value, modules))
        self._inner = {place: _Held(value, modules, depth - 1) for place, value in inner}

    def is_in(self, holder: object) -> bool:
        """Return whether that certainly holds the same; if a plain value was replaced by an equal one, it may not."""
        names, held = _contents(holder)
        if identity(type(holder)) != self._kind or names != self._names or len(held) != len(self._references):
            return False
        others = {place: held[place] for place in self._addresses}
        for place in others:
            held[place] = None
        return (
            all(map(is_, held, self._references))
            and all(map(eq, map(identity, others.values()), self._addresses.values()))
            and all(inner.is_in(others[place]) for place, inner in self._inner.items())
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and (self._parts, self._inner) == (other._parts, other._inner)

    __hash__ = None  # type: ignore[assignment]  # never a key


def _is_holder(value: object, modules: AbstractSet[str]) -> bool:
    kind = type(value)
    if kind in _VALUES:
        return False
    if kind in _LISTS or issubclass(kind, dict):
        return True
    return (value.__module__ if kind is type else kind.__module__) in modules and hasattr(value, "__dict__")


def _contents(holder: object) -> tuple[list[str], list[object]]:
    """Return the names in a namespace, none for a container, and the values in it; keys of a dictionary are values."""
    if type(holder) in _LISTS:
        return [], list(islice(holder, MOST))  # type: ignore[call-overload]  # it is one
    if isinstance(holder, dict):
        return [], [*islice(dict.keys(holder), MOST), *islice(dict.values(holder), MOST)]
    namespace = vars(holder)
    return list(islice(namespace, MOST)), list(islice(namespace.values(), MOST))
