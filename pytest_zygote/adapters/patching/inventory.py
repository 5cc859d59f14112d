"""Knows what is loaded: under which names each file was imported, and which functions each module has.

Looking for the functions of a module means a pass over the heap: 20 ms in a project of 2,000 modules, twice for each
patch. But nothing is executed in a zygote; so one pass when the layer has been built finds all functions there will
be, except those that patches add.
"""

from __future__ import annotations

import gc
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of, spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Namespace = dict[str, object]


class Inventory:
    """What the modules of this process are made of."""

    def __init__(self) -> None:
        """Start with nothing known: each question is answered by a look at everything."""
        self._names: dict[str, list[str]] = {}
        self._functions: dict[int, list[FunctionType]] = {}
        self._elsewhere: frozenset[str] = frozenset()

    def scan(self, namespaces: Mapping[str, Namespace]) -> None:
        """Look at everything once; these are the namespaces of all modules that will be asked for, by their files."""
        self._scan_names()
        self._functions = {id(namespace): [] for namespace in namespaces.values()}
        others: set[str] = set()
        for thing in gc.get_objects():
            # Not isinstance: that asks lazy objects for their class, and wakes them.
            if type(thing) is not FunctionType:
                continue
            if (found := self._functions.get(id(thing.__globals__))) is not None:
                found.append(thing)
            else:
                others.add(thing.__code__.co_filename)
        self._elsewhere = frozenset(others & namespaces.keys())

    def is_elsewhere(self, path: str) -> bool:
        """Return whether a file was also executed in a namespace that is not its module's."""
        return path in self._elsewhere

    def _scan_names(self) -> None:
        self._names.clear()
        for name, module in tuple(sys.modules.items()):
            self._names.setdefault(file_of(module), []).append(name)

    def names(self, path: str) -> list[str]:
        """Return the names under which a file was imported."""
        if not self._names:
            self._scan_names()
        return self._names.get(path, [])

    def functions(self, namespaces: Sequence[Namespace]) -> list[FunctionType]:
        """Return the functions whose globals are one of these namespaces."""
        if all(id(namespace) in self._functions for namespace in namespaces):
            return [function for namespace in namespaces for function in self._functions[id(namespace)]]
        return [thing for thing in gc.get_referrers(*namespaces) if type(thing) is FunctionType]

    def add(self, made: Iterable[object]) -> None:
        """Take note of what a patch has made."""
        for thing in made:
            if type(thing) is FunctionType and id(thing.__globals__) in self._functions:
                self._functions[id(thing.__globals__)].append(thing)

    def remove(self, gone: Iterable[FunctionType]) -> None:
        """Let go of what a patch takes away."""
        for thing in gone:
            found = self._functions.get(id(thing.__globals__), [])
            found[:] = [other for other in found if other is not thing]

    def distrust(self) -> None:
        """Look at everything from now on: code of others was executed."""
        self._functions.clear()


def file_of(module: object) -> str:
    """Return the file of an ordinary module; '' for all others."""
    origin = (dict_of(spec_of(module)) or {}).get("origin") if type(module) is ModuleType else None
    return origin if type(origin) is str else ""
