"""Finders that find nothing: they stop an import, or learn that nobody found a module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.module_graph import is_excluded

if TYPE_CHECKING:
    from collections.abc import Sequence
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


class MissRecorder:
    """A finder that is asked last, and so learns the names that nobody found."""

    def __init__(self) -> None:
        """Start with no names."""
        self.names: set[str] = set()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever; remember the name."""
        self.names.add(name)


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
