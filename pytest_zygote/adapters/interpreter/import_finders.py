"""Finders that find nothing: they stop an import, or learn which modules are looked for."""

from __future__ import annotations

import itertools
import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.module_graph import is_excluded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import ModuleType


class LeafReached(BaseException):
    """A module of a layer imports one that layers never hold: a test module, or a rejected one.

    Not an `Exception`: ``try: import x; except ImportError`` must not hide it.
    """


class LeafGuard:
    """A finder that stops a layer from importing what every run must import itself."""

    def __init__(self, leaves: Sequence[str], excluded: tuple[str, ...]) -> None:
        """Guard against these names, and against patterns of the user's."""
        self._leaves = frozenset(leaves)
        self._excluded = excluded

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever.

        Raises:
            LeafReached: the name is a leaf's.
        """
        if name in self._leaves or (self._excluded and is_excluded(name, self._excluded)):
            raise LeafReached(name)


class PathLender:
    """A finder that extends `sys.path` by what a module needs to be found, when it is needed.

    What collection has added to the path by its end, modules of the layer may have added: such an entry must not be
    there when they are executed, else nobody sees that they add it. What conftest files and pytest add is lent.
    """

    def __init__(
        self, wanted: Sequence[str], homes: Mapping[str, Sequence[str]], lend: Callable[[int, str], None]
    ) -> None:
        """Start with the path as it is.

        Args:
            wanted: the path when collection had ended.
            homes: name of a module or package → the folders in which a run has found it.
            lend: inserts an entry into `sys.path`.
        """
        self._wanted = wanted
        self._homes = homes
        self._lend = lend

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever; see to it that the next finders do."""
        missing = [] if "." in name else [entry for entry in self._wanted if entry not in sys.path]
        if not missing:
            return
        homes = self._homes_of(name, missing) - set(map(os.path.normpath, sys.path))
        for entry in missing:
            if os.path.normpath(entry) in homes:
                later = self._wanted[self._wanted.index(entry) + 1 :]
                self._lend(next((sys.path.index(other) for other in later if other in sys.path), len(sys.path)), entry)

    def _homes_of(self, name: str, missing: Sequence[str]) -> set[str]:
        """Return where a run has found a module, or else the first of the entries where it is found.

        A package without an ``__init__`` file is in all folders that have a part of it.
        """
        spec = PathFinder.find_spec(name, self._wanted)
        if spec is not None and spec.origin is None:
            return {os.path.normpath(os.path.dirname(part)) for part in spec.submodule_search_locations or ()}
        known = self._homes.get(name)
        if known is not None:
            return set(known)
        if PathFinder.find_spec(name) is not None:
            return set()
        found = (os.path.normpath(entry) for entry in missing if PathFinder.find_spec(name, [entry]) is not None)
        return {*itertools.islice(found, 1)}


def homes_of(modules: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the folders from which top-level modules and packages come.

    Args:
        modules: names with the files that they were loaded from.
    """
    found: dict[str, list[str]] = {}
    for name, origin in modules:
        if os.path.isabs(origin):
            is_package = os.path.basename(origin).startswith("__init__.")
            home = os.path.normpath(os.path.join(origin, *[".."] * (name.count(".") + 1 + is_package)))
            found.setdefault(name.partition(".")[0], []).append(home)
    return found


class SearchRecorder:
    """A finder that is asked first, and so learns which modules are looked for."""

    def __init__(self) -> None:
        """Start with none."""
        self._sought: dict[str, Sequence[str] | None] = {}

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: object = None) -> None:
        """Find nothing, ever; remember the name."""
        self._sought[name] = path

    def not_loaded(self) -> tuple[str, ...]:
        """Return the names under which nothing was found, or loaded: ``importlib.util.find_spec`` only looks."""
        return tuple(sorted(self._sought.keys() - sys.modules.keys()))

    def places(self) -> list[str]:
        """Return the files and folders of what was found and not loaded."""
        found: list[str] = []
        for name in self.not_loaded():
            spec = PathFinder.find_spec(name, self._sought[name])
            if spec is not None:
                found += spec.submodule_search_locations or [spec.origin or ""]
        return list(filter(None, found))


class ClosedImports:
    """A context in which nothing new can be imported: where nobody records imports, nobody would look at the files.

    A module that does not exist is reported missing, as always.
    """

    def __init__(self, error: type[BaseException]) -> None:
        """Raise `error` at every attempt."""
        self._error = error

    def __enter__(self) -> None:
        """Be asked first."""
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        """Be asked no more."""
        sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Find nothing, ever.

        Raises:
            BaseException: the chosen one, if somebody else would find the module.
        """
        for finder in sys.meta_path:
            if finder is not self and finder.find_spec(name, path, target) is not None:
                raise self._error(name)
