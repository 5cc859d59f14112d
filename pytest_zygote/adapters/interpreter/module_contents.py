"""What the project's modules hold, so as to tell which of them another changes when it is imported.

``registry.register(function)`` changes a module that a run may import without the one that did it. What is written
into modules, their classes, dictionaries, lists and sets is undone (`adapters.interpreter.attribute_writes`); what
changes further down, in an object, a closure, a default argument, cannot be. So it is only noticed.
"""

from __future__ import annotations

import functools
import gc
import itertools
import sys
from collections import OrderedDict, defaultdict, deque
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from pytest_zygote.adapters.interpreter.private.bare_objects import class_namespace, dict_of, is_a, module_of, mro_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Contents = dict[object, object]

_CONTAINERS = (list, set, dict, deque, defaultdict, OrderedDict)
_WEAK = (WeakSet, WeakKeyDictionary, WeakValueDictionary)
_WRAPPERS = (tuple, frozenset, CellType, staticmethod, classmethod, property)
"""They cannot change, but what they hold can."""

_PLAIN = (str, int, float, bool, bytes, type(None), CodeType, BuiltinFunctionType, ModuleType)

_DECORATORS = "functools"
"""Its functions hold what they decorate, and what is registered for it (`functools.singledispatch`)."""

_MOST = 1000
"""Of a container with more entries only their number is compared: it is data."""

_MOST_OBJECTS = 5000

_DEPTH = 2
"""So far below an object of a library a registry may be: the rules of the map of a Flask application."""


class ModuleContents:
    """Remembers what modules held when it was asked last."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        """Know none; `is_own` returns whether a module is the project's: the objects of libraries are their affair."""
        self._is_own = functools.cache(is_own)
        self._known: dict[str, Contents] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def has_changed(self, name: str, undone: Collection[str] = ()) -> bool:
        """Return whether a module holds something else than when this was asked last; False at first.

        Args:
            name: the module.
            undone: names in it whose change is undone by others.
        """
        now = dict(self._contents(name))
        before, self._known[name] = self._known.get(name, now), now
        names = (key for key in before.keys() ^ now.keys() if type(key) is str)
        return any(key not in undone for key in names) or any(
            now[key] != value for key, value in before.items() if key in now and key not in undone
        )

    def _contents(self, name: str) -> Iterator[tuple[object, object]]:
        """Give what a module's names stand for, by name, and what is in each object below them, by address."""
        waiting: list[object] = []
        for key, value in (dict_of(sys.modules.get(name)) or {}).items():
            # First what is quick to tell: a package holds a thousand modules, and each of them imports it.
            if type(value) is not ModuleType and type(key) is str and not key.startswith("__"):
                yield key, _mark(value)
                if type(value) is FunctionType and value.__dict__:
                    yield f"{key}.__dict__", tuple(map(_mark, value.__dict__.values()))
                waiting += self._below_name(name, value)
        yield from self._objects(waiting)

    def _objects(self, waiting: list[object]) -> Iterator[tuple[object, object]]:
        """Give what is in each of these objects, and of those below them, by address."""
        seen: set[int] = set()
        while waiting and len(seen) < _MOST_OBJECTS:
            value = waiting.pop()
            if id(value) in seen or _is_plain(value):
                continue
            seen.add(id(value))
            held = self._held(value)
            if held is not None and type(value) not in _WRAPPERS:
                yield id(value), tuple(map(_mark, held))
            waiting += held or ()

    @staticmethod
    def _below_name(name: str, value: object) -> list[object]:
        """Return what to look at: not a class or collection itself, whose entries are undone, but what is in it."""
        if _is_plain(value):
            return []
        if is_a(value, type):
            namespace = class_namespace(value)
            return list(namespace.values()) if namespace.get("__module__") == name else []
        if type(value) in (dict, list, set):
            held = gc.get_referents(value)
            return held if len(held) <= _MOST else []
        return [value]

    def _held(self, value: object) -> list[object] | None:
        """Return the objects that an object holds, of a library's how many there are; None if it cannot hold others."""
        kind = type(value)
        if kind in _CONTAINERS or kind in _WRAPPERS:
            held = gc.get_referents(value)
            return held if len(held) <= _MOST else [len(held)]
        if type(value) is FunctionType:
            return [value.__defaults__, value.__kwdefaults__, value.__closure__] if self._counts(value) else None
        if kind in _WEAK:
            return _alive(value)
        if kind is itertools.count:
            return _position(value)
        return None if is_a(value, type) else self._held_by_object(value)

    def _held_by_object(self, value: object) -> list[object] | None:
        home = module_of(value)
        return _attributes(value) if self._is_own(home) else [*_sizes(value, _top(home), _DEPTH)] or None

    def _counts(self, function: FunctionType) -> bool:
        home = function.__module__
        return type(home) is str and (home == _DECORATORS or self._is_own(home))


def bases_in(name: str) -> set[str]:
    """Return the modules of the classes from which a module derives its own."""
    values = tuple((dict_of(sys.modules.get(name)) or {}).values())
    found: set[object] = set()
    for value in values:
        if is_a(value, type) and class_namespace(value).get("__module__") == name:
            found.update(class_namespace(base).get("__module__") for base in mro_of(value))  # type: ignore[arg-type]  # a class
    return {home for home in found if type(home) is str} - {name}


def _attributes(value: object) -> list[object]:
    attributes = dict_of(value)
    slots = [held for held in gc.get_referents(value) if held is not type(value) and held is not attributes]
    return [*(attributes or {}).values(), *slots]


def _position(counter: object) -> list[object] | None:
    """Return what stands for the next number of an `itertools.count`; None if that is an object of its own kind."""
    held = gc.get_referents(counter)
    return [hash(repr(counter))] if all(type(one) is int or one is itertools.count for one in held) else None


def _sizes(value: object, package: str, depth: int) -> Iterator[int]:
    """Give how much is in the collections of a library's object: what is registered there makes one of them grow.

    What such an object sets when it is first used is its own affair, and so are its caches.
    """
    if package in sys.stdlib_module_names:
        return
    for name, held in tuple((dict_of(value) or {}).items()):
        size = None if "cache" in name else _size(held)
        if size is not None:
            yield size
        elif depth and type(held) not in _PLAIN and _top(module_of(held)) == package:
            yield from _sizes(held, package, depth - 1)


def _size(value: object) -> int | None:
    """Return how much is in a collection, even if it is one of a kind of its own; None for what is none."""
    if type(value) in _WEAK:
        return len(_alive(value))
    kind = next((kind for kind in (dict, list, set, deque) if is_a(value, kind)), None)
    return None if kind is None else kind.__len__(value)  # type: ignore[arg-type]  # one of this kind


def _alive(value: object) -> list[object]:
    """Return what a weak set or dictionary holds: references, and what stands beside them."""
    return gc.get_referents((dict_of(value) or {}).get("data"))


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_plain(value: object) -> bool:
    """Return whether an object is one of the many that hold nothing which could change."""
    if type(value) is FunctionType:
        return value.__closure__ is None and value.__defaults__ is None and value.__kwdefaults__ is None
    return type(value) in _PLAIN


def _mark(value: object) -> object:
    """Return what stands for a value: numbers change without an address of their own."""
    return value if type(value) is int else ("at", id(value))
