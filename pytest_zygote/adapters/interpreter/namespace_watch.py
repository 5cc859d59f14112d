"""Tells whether a run has changed or replaced modules that a layer's other modules have read.

A conftest file may set ``settings.DEBUG = True``, put a stub into `sys.modules`, or patch a
function, and import the application then. Modules of a layer that were executed without this
are wrong for such a run.

Looking at all namespaces would cost more than it protects: touching an object of a forked
process copies its page. CPython tells of changes itself: dictionaries can be watched (3.12),
or have a version that changes with them (before); both are read without touching the contents.
"""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import (
    attribute_names,
    class_namespace,
    dict_of,
    is_a,
    module_of,
)
from pytest_zygote.adapters.interpreter.private.dictionaries import new_watch
from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

    Contents = dict[object, int]

_SKIPPED = RUNNER | {"sys", "builtins", "warnings", "atexit", "__main__"}
"""Modules that pytest or this package changes in every run, or that change without meaning anything."""

# pytest sets ``threading.excepthook`` in every run, before it collects.
_IGNORED = frozenset({"excepthook", "__warningregistry__", "__builtins__", "__cached__", "__spec__", "__loader__"})


class _Watched:
    """A dictionary and what it held when its layer was built."""

    def __init__(self, owner: str, contents: dict[str, object], kind: str, names: Iterable[str] = ()) -> None:
        self.owner = owner
        self.dictionary = contents
        self.kind = kind
        self._had = {*names}
        self.snapshot()

    def snapshot(self) -> None:
        """Take what it holds now as right."""
        contents = self.dictionary
        self.accept()
        self._had |= contents.keys()
        self._functions = frozenset(key for key, value in contents.items() if callable(value))

    def accept(self) -> None:
        """Take what it holds now as right, but for modules of a package: it has those that the run has imported."""
        self.known: Contents = {
            key: id(value)
            for key, value in self.dictionary.items()
            if type(value) is not ModuleType or sys.modules.get(f"{self.owner}.{key}") is not value
        }

    def differences(self, suspects: Iterable[object] | None) -> Iterator[str]:
        """Give the keys whose values matter and are others now."""
        now = self.dictionary
        for key in tuple({*now, *self.known} if suspects is None else suspects):
            if key not in _IGNORED and self._matters(key) and self.known.get(key) != _id_of(now, key):
                yield str(key)

    def _matters(self, key: object) -> bool:
        if self.kind == "own":
            value = self.dictionary.get(key)  # type: ignore[call-overload]  # any key may be asked for
            return not (is_a(value, ModuleType) and (dict_of(value) or {}).get("__name__") == f"{self.owner}.{key}")
        if self.kind == "foreign":
            return key in self._functions  # what is set later than imports, like tempfile.tempdir, is no function
        return key in self._had  # what is added to a dictionary or object is registered there, not changed


def _namespace(name: str) -> dict[str, object] | None:
    """Return what a loaded module holds; None if it is none, or one that is not looked at."""
    module = sys.modules.get(name)
    is_watched = is_a(module, ModuleType) and name.partition(".")[0] not in _SKIPPED
    return dict_of(module) if is_watched else None


def _id_of(dictionary: dict[str, object], key: object) -> int | None:
    return id(dictionary[key]) if key in dictionary else None


class _WatchedModules(_Watched):
    """`sys.modules`, restricted to those that count: looking at all modules would copy their pages."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        super().__init__("sys.modules", sys.modules, "modules")  # type: ignore[arg-type]  # modules are objects

    def snapshot(self) -> None:
        self.known = {name: id(sys.modules[name]) for name in self._names if name in sys.modules}

    accept = snapshot

    def differences(self, suspects: Iterable[object] | None) -> Iterator[str]:
        named = self._names if suspects is None else [name for name in self._names if name in suspects]
        return (name for name in named if self.known.get(name) != _id_of(self.dictionary, name))


class NamespaceWatch:
    """What a layer's modules held when it was built."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._watched: dict[int, _Watched] = {}
        self._objects: dict[str, list[_Watched]] = {}
        self._modules: set[str] = set()
        self._changes = new_watch()

    def remember(self, own: Sequence[str], foreign: Iterable[str]) -> None:
        """Take what modules hold now as right.

        Args:
            own: modules of the project, whose classes, objects and dictionaries are looked at too.
            foreign: modules that those import.
        """
        owned = frozenset(own)
        for name in (*own, *foreign):
            contents = _namespace(name)
            if contents is not None:
                self._modules.add(name)
                self._add(name, contents, "own" if name in owned else "foreign")
                if name in owned:
                    self._look_inside(name, contents, owned)
        self._watched[id(sys.modules)] = _WatchedModules(self._modules)
        self._changes.watch(sys.modules)  # type: ignore[arg-type]  # modules are objects
        self._changes.begin()

    def _look_inside(self, name: str, contents: dict[str, object], owned: frozenset[str]) -> None:
        for key, value in tuple(contents.items()):
            if is_a(value, type):
                if class_namespace(value).get("__module__") == name:
                    self._add(name, gc.get_referents(class_namespace(value))[0], "part")
            elif type(key) is str and key.startswith("__"):
                continue
            elif type(value) is dict:
                self._add(name, value, "part")
            elif module_of(value) in owned and (inside := dict_of(value)) is not None:
                self._objects.setdefault(name, []).append(_Watched(name, inside, "part", attribute_names(value)))

    def _add(self, owner: str, contents: dict[str, object], kind: str) -> None:
        if id(contents) not in self._watched and contents is not os.environ:
            self._watched[id(contents)] = _Watched(owner, contents, kind)
            self._changes.watch(contents)

    def refresh(self, own: Container[str], foreign: Iterable[str]) -> None:
        """Take what modules hold now as right once more, and watch more that they import."""
        for watched in self._watched.values():
            if watched.owner in own:
                watched.snapshot()
                self._changes.watch(watched.dictionary)
        for name in foreign:
            contents = _namespace(name)
            if contents is not None:
                self._modules.add(name)
                self._add(name, contents, "foreign")
        self._watched[id(sys.modules)].snapshot()
        self._changes.begin()

    def changed(self, imported: Iterable[str], written: Mapping[tuple[str, object], object]) -> dict[str, str]:
        """Return the modules that are not what they were, each with what differs.

        Args:
            imported: modules that the run's code has imported by name: only their objects are
                looked at, since CPython does not tell of changes to attributes.
            written: module and attribute → the value that it may have, too.
        """
        found: dict[str, str] = {}
        looked_at = [(self._watched[address], keys) for address, keys in self._changes.changes().items()]
        looked_at += [(watched, None) for name in imported for watched in self._objects.get(name, ())]
        for watched, suspects in looked_at:
            for key in watched.differences(suspects):
                if watched.kind == "modules":
                    found[key] = f"sys.modules[{key!r}]"
                elif written.get((watched.owner, key), self) is not watched.dictionary.get(key):
                    found[watched.owner] = f"{watched.owner}.{key}"
        return found

    def accept(self) -> None:
        """Take what modules hold now as right; it was changed in the zygote, before the fork."""
        for address in self._changes.changes():
            self._watched[address].accept()
            self._changes.watch(self._watched[address].dictionary)
        self._changes.begin()
        for watched in (watched for group in self._objects.values() for watched in group):
            watched.accept()

    def forget(self) -> None:
        """Look no more."""
        self._changes.stop()
