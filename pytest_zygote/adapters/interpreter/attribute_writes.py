"""What modules write into those of the standard library: patches, hooks, caches that are filled on demand.

CPython tells of changes to dictionaries by itself, so nothing is paid for modules that change nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.adapters.interpreter.private.dictionaries import new_watch

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = object()
"""Stands for the value of an attribute that is not there."""

# How a layer watches imports changes some of these; others are compared by their contents, or change all the time.
_SKIPPED_MODULES = frozenset({"__main__", "warnings", "_warnings", "importlib", "_frozen_importlib", "zipimport"})
_SKIPPED = {
    "sys": frozenset(
        {"modules", "path", "path_importer_cache", "last_exc", "last_type", "last_value", "last_traceback"}
    ),
    "time": frozenset({"tzname", "timezone", "altzone", "daylight"}),
    "builtins": frozenset({"_"}),
}


class AttributeWrites:
    """The attributes of the standard library's modules, and how they have changed."""

    def __init__(self) -> None:
        """Take what holds now as unchanged; watch all that is loaded."""
        self._watch = new_watch()
        self._names: dict[int, str] = {}
        self._known: dict[int, dict[str, object]] = {}
        self._first: dict[tuple[str, str], object] = {}
        for name in tuple(sys.modules):
            self.add(name)
        self._watch.begin()

    def add(self, name: str) -> None:
        """Watch one more module, if it is the standard library's."""
        module = sys.modules.get(name)
        if type(module) is ModuleType and is_standard(name):
            contents = module.__dict__
            if id(contents) not in self._names:
                self._names[id(contents)] = name
                self._known[id(contents)] = dict(contents)
                self._watch.watch(contents)

    def changes(self) -> Iterator[tuple[str, str, object]]:
        """Give module, attribute and new value of what has changed since the last call."""
        changed = self._watch.changes()
        self._watch.begin()
        for address, keys in changed.items():
            name, known = self._names[address], self._known[address]
            contents = dict_of(sys.modules.get(name)) or {}
            if id(contents) != address:
                continue
            for key in tuple({*contents, *known} if keys is None else keys):
                before, now = known.get(key, MISSING), contents.get(key, MISSING)  # type: ignore[call-overload]
                if type(key) is str and before is not now and _counts(name, key, now):
                    self._first.setdefault((name, key), before)
                    known.pop(key, None) if now is MISSING else known.update({key: now})
                    yield name, key, now
            if keys is None:
                self._watch.watch(contents)

    def accept(self) -> None:
        """Take what has changed since the last call of `changes` as unchanged: the library has done it itself."""
        for name, key, _ in self.changes():
            del self._first[name, key]

    def restore(self) -> None:
        """Put back what was there when this began, and watch no more."""
        for _ in self.changes():
            pass
        for address, name in self._names.items():
            contents = dict_of(sys.modules.get(name))
            if contents is not None and id(contents) == address:
                self._watch.unwatch(contents)
        self._watch.stop()
        for (name, key), value in self._first.items():
            put(name, key, value)


def _counts(name: str, key: str, now: object) -> bool:
    if key.startswith("__") or key in _SKIPPED.get(name, ()):
        return False
    return not (type(now) is ModuleType and sys.modules.get(f"{name}.{key}") is now)  # a submodule came


def is_standard(name: str) -> bool:
    """Return whether a module is one of the standard library whose attributes say something."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names and top not in _SKIPPED_MODULES


def put(name: str, key: str, value: object) -> None:
    """Give a loaded module an attribute, or take it away."""
    contents = dict_of(sys.modules.get(name))
    if contents is not None and value is MISSING:
        contents.pop(key, None)
    elif contents is not None:
        contents[key] = value
