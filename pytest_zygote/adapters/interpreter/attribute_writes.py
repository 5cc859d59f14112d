"""What modules write into others: patched functions and classes, entries of registries, caches filled on demand.

Looked at are the modules of the standard library, their classes and dictionaries; the names of all other modules, if
not their own code writes them; and what code of the project writes into classes and dictionaries of its own modules,
and of those that it has imported. Lists and sets in its own modules are compared. CPython tells of changes to
dictionaries by itself (3.12 on), so nothing is paid for modules that change nothing; before, only modules of the
standard library are compared.
"""

from __future__ import annotations

import gc
import sys
from importlib.machinery import SourceFileLoader
from operator import is_
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.adapters.interpreter.private.bare_objects import (
    class_namespace,
    dict_of,
    is_a,
    spec_of,
)
from pytest_zygote.adapters.interpreter.private.dictionaries import new_watch
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.bytecode import words_of
from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

MISSING = object()
"""Stands for the value of an attribute that is not there."""

ADDED, REPLACED = object(), object()
"""Stand for the key of what was added to a list or set, and of a change that nobody can make again."""

# How a layer watches imports changes some of these, or they change all the time.
_SKIPPED_MODULES = frozenset({"__main__", "_warnings", "importlib", "_frozen_importlib", "zipimport"})
_SKIPPED = {
    "sys": frozenset(
        {"modules", "path", "path_importer_cache", "last_exc", "last_type", "last_value", "last_traceback"}
    ),
    "time": frozenset({"tzname", "timezone", "altzone", "daylight"}),
    "warnings": frozenset({"filters", "_showwarnmsg_impl", "_filters_version"}),
}
_SKIPPED_IN_CLASSES = frozenset(
    {"__doc__", "__annotations__", "__annotations_cache__", "__annotate__", "__annotate_func__", "__abstractmethods__"}
)

# What these hold in dictionaries is no setting: modules, threads, tasks, files.
_WITHOUT_REGISTRIES = frozenset({"sys", "posix", "threading", "inspect", "warnings", "asyncio", "_asyncio", "typing"})


_WATCHER = 2
"""So many frames stand between `AttributeWrites._on_write` and who writes."""


class _Place(NamedTuple):
    """What is watched.

    Attributes:
        module: the name of a module.
        attribute: that of a class or dictionary in it; '' for the module itself.
        contents: what it holds.
        writers: who counts: "all", "others" than the module's code, or the "project".
    """

    module: str
    attribute: str
    contents: dict[str, object]
    writers: str

    @property
    def owner(self) -> str:
        """What `put` finds it by."""
        return f"{self.module}:{self.attribute}" if self.attribute else self.module


class AttributeWrites:
    """What is written into modules from outside."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        """Take what holds now as unchanged; watch all that is loaded.

        Args:
            is_own: returns whether a module is the project's. What a library writes into itself is its own affair.
        """
        self._is_own = is_own
        self._watch = new_watch(self._on_write)
        self._places: dict[int, _Place] = {}
        self._known: dict[int, dict[str, object]] = {}
        self._former: dict[tuple[int, object], object] = {}
        self._first: dict[tuple[str, object], object] = {}
        self._collections: dict[int, _Collection] = {}
        for name in tuple(sys.modules):
            self.add(name)
        self._watch.begin()

    def add(self, name: str) -> None:
        """Watch one more module."""
        module = sys.modules.get(name)
        if type(module) is not ModuleType or name.partition(".")[0] in RUNNER:
            return
        contents = module.__dict__
        if is_standard(name):
            self._add(_Place(name, "", contents, "all"))
            self._add_parts(name, contents, "all")
        elif self._watch.reports_keys and name.partition(".")[0] not in sys.stdlib_module_names:
            self._add(_Place(name, "", contents, "others"))

    def add_parts(self, name: str) -> None:
        """Watch the classes and dictionaries in a module, too, which code of the project may write into."""
        if not is_standard(name) and name.partition(".")[0] not in RUNNER:
            contents = dict_of(sys.modules.get(name)) or {}
            self._add_parts(name, contents, "project")
            for key, value in tuple(contents.items()) if self._is_own(name) else ():
                if (type(value) is list or type(value) is set) and "cache" not in key and not key.startswith("__"):
                    self._collections.setdefault(id(value), _Collection(f"{name}:{key}", value))

    def _add_parts(self, name: str, contents: dict[str, object], writers: str) -> None:
        has_registries = name.partition(".")[0] not in _WITHOUT_REGISTRIES
        # Of a package, without its modules: there may be a thousand.
        for key, value in [item for item in contents.items() if type(item[1]) is not ModuleType]:
            if is_a(value, type):
                namespace = class_namespace(value)
                home = namespace.get("__module__")
                if home == name or (writers == "project" and _is_of_package(home, name)):
                    self._add(_Place(name, key, gc.get_referents(namespace)[0], writers))
            elif type(value) is dict and has_registries and "cache" not in key and not key.startswith("__"):
                self._add(_Place(name, key, value, writers))

    def _add(self, place: _Place) -> None:
        address = id(place.contents)
        if address in self._places or (place.attribute and not self._watch.reports_keys):
            return
        self._places[address] = place
        if not self._watch.reports_keys:
            self._known[address] = dict(place.contents)
        self._watch.watch(place.contents)

    def _on_write(self, address: int, key: object) -> None:
        """Keep what is there before it changes."""
        place = self._places.get(address)
        if place is None or (address, key) in self._former or not _counts(place, key):
            return
        if place.writers == "all" or self._is_writer(place, frame_above(_WATCHER)):
            self._former[address, key] = place.contents.get(key, MISSING)  # type: ignore[call-overload]  # any key

    def _is_writer(self, place: _Place, frame: FrameType) -> bool:
        writer = str(frame.f_globals.get("__name__", ""))
        if place.writers == "project":
            return self._is_own(writer)
        is_inner = frame.f_globals is place.contents or writer.startswith("importlib.")
        return not is_inner and (not _is_of_package(writer, place.module) or self._is_own(place.module))

    def changes(self) -> Iterator[tuple[str, object, object]]:
        """Give owner, attribute and new value of what has changed since the last call."""
        former, self._former = self._former or self._compared(), {}
        for (address, key), before in former.items():
            place = self._places[address]
            now = place.contents.get(key, MISSING)  # type: ignore[call-overload]  # see above
            if before is not now and self._is_there(place) and not _is_submodule(place, key, now):
                self._first.setdefault((place.owner, key), before)
                yield place.owner, key, now
        for collection in self._collections.values():
            if collection.has_changed():
                yield from collection.changes()

    def _compared(self) -> dict[tuple[int, object], object]:
        """Return what was there before it changed, where this is not told."""
        found: dict[tuple[int, object], object] = {}
        for address in () if self._watch.reports_keys else self._watch.changes():
            place, known = self._places[address], self._known[address]
            for key in {*place.contents, *known}:
                if _counts(place, key) and known.get(key, MISSING) is not place.contents.get(key, MISSING):
                    found[address, key] = known.get(key, MISSING)
            self._known[address] = dict(place.contents)
            self._watch.watch(place.contents)
        return found

    @staticmethod
    def _is_there(place: _Place) -> bool:
        return bool(place.attribute) or dict_of(sys.modules.get(place.module)) is place.contents

    def accept(self) -> None:
        """Take what has changed since the last call of `changes` as unchanged: the library has done it itself."""
        for owner, key, _ in tuple(self.changes()):
            self._first.pop((owner, key), None)

    def restore(self) -> None:
        """Put back what was there when this began, and watch no more."""
        for _ in self.changes():
            pass
        for place in self._places.values():
            self._watch.unwatch(place.contents)
        self._watch.stop()
        for (owner, key), value in self._first.items():
            put(owner, key, value)
        for collection in self._collections.values():
            collection.restore()


class _Collection:
    """A list or set in a module of the project: a registry, if other modules add to it when they are imported.

    Compared are lengths and both ends, since a list may be long, and there may be many.
    """

    def __init__(self, owner: str, contents: list[object] | set[object]) -> None:
        self._owner = owner
        self._contents = contents
        self._first = self._known = contents.copy()

    def has_changed(self) -> bool:
        known, now = self._known, self._contents
        if len(known) != len(now):
            return True
        if not now or type(known) is set:
            return False
        return known[0] is not now[0] or known[-1] is not now[-1]  # type: ignore[index]  # a list

    def changes(self) -> Iterator[tuple[str, object, object]]:
        """Give what was added, item by item; `REPLACED` if anything has gone or moved."""
        before, now = self._known, self._contents.copy()
        self._known = now
        ids = set(map(id, before))
        if type(before) is set:
            added, is_grown = [item for item in now if id(item) not in ids], ids <= set(map(id, now))
        else:
            items = list(now)
            added, is_grown = items[len(before) :], all(map(is_, before, items)) and len(items) >= len(before)
        yield from ((self._owner, ADDED, item) for item in added) if is_grown else ((self._owner, REPLACED, None),)

    def restore(self) -> None:
        if type(self._contents) is list:
            self._contents[:] = self._first
        elif type(self._contents) is set:
            self._contents &= self._first  # type: ignore[arg-type]  # a set, too


def _is_of_package(name: object, other: str) -> bool:
    return type(name) is str and name.partition(".")[0] == other.partition(".")[0]


def _counts(place: _Place, key: object) -> bool:
    if place.attribute:
        return key not in _SKIPPED_IN_CLASSES
    return type(key) is str and not key.startswith("__") and key not in _SKIPPED.get(place.module, ())


def _is_submodule(place: _Place, key: object, now: object) -> bool:
    return type(now) is ModuleType and sys.modules.get(f"{place.module}.{key}") is now


def is_standard(name: str) -> bool:
    """Return whether a module is one of the standard library whose attributes say something."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names and top not in _SKIPPED_MODULES


def describe(owner: str, key: object) -> str:
    """Return how an attribute is called; the key of a registry may be any object, of which only a name is printed."""
    return f"{owner.replace(':', '.')}.{key if type(key) is str else '[…]'}"


def may_read(module: str, keys: Iterable[object]) -> set[object]:
    """Return which attributes of another module the code of a module has a word for; all if it can go through all."""
    spec = spec_of(sys.modules.get(module))
    code = spec.loader.get_code(module) if spec and type(spec.loader) is SourceFileLoader else None
    words = words_of(code) if code is not None else _GO_THROUGH_ALL
    return {key for key in keys if key in words or words & _GO_THROUGH_ALL}


_GO_THROUGH_ALL = frozenset({"dir", "vars", "__dict__", "getmembers"})


def put(owner: str, key: object, value: object) -> None:
    """Give a loaded module, or a class or dictionary in it, an attribute or entry; `MISSING` takes it away."""
    module, _, attribute = owner.partition(":")
    target: object = dict_of(sys.modules.get(module))
    if attribute and target is not None:
        target = target.get(attribute)  # type: ignore[attr-defined]  # the module's names
    if is_a(target, type):
        type.__delattr__(target, key) if value is MISSING else type.__setattr__(target, key, value)  # type: ignore[arg-type]  # a class, and a name
    elif key is ADDED:
        _add_to(target, value)
    elif type(target) is dict and value is MISSING:
        target.pop(key, None)
    elif type(target) is dict:
        target[key] = value


def _add_to(target: object, value: object) -> None:
    if type(target) is list:
        target.append(value)
    elif type(target) is set:
        target.add(value)
