"""The difference between a commit and the current tree, as the kinds of needs ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.affected.fingerprints import IMPORTS, code_only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet


class TreeChanges:
    """The files that differ, and what was in them.

    Attributes:
        paths: of all files that differ, relative to the root of the tests.
    """

    def __init__(
        self,
        paths: AbstractSet[str],
        came_or_went: AbstractSet[str],
        *,
        units_then: Callable[[str], Mapping[str, bytes]],
        units_now: Callable[[str], Mapping[str, bytes]],
        has_moved: Callable[[str], bool],
    ) -> None:
        """Compare two trees.

        Args:
            paths: of all files that differ.
            came_or_went: those of them that only one of the trees has.
            units_then: returns the units that a file had in the commit.
            units_now: returns those that it has.
            has_moved: returns whether only one of the trees has a folder.
        """
        self.paths = frozenset(paths)
        self._came_or_went = frozenset(came_or_went)
        self._units_then = units_then
        self._units_now = units_now
        self._has_moved = has_moved

    def has_other_unit(self, path: str, name: str) -> bool:
        """Return whether a unit of a file differs."""
        return path in self.paths and self._units_then(path).get(name) != self._units_now(path).get(name)

    def has_other_code(self, path: str) -> bool:
        """Return whether any unit of a file differs."""
        if path not in self.paths:
            return False
        return path in self._came_or_went or code_only(self._units_then(path)) != code_only(self._units_now(path))

    def has_other_names(self, folder: str) -> bool:
        """Return whether files or folders were added to a folder, or removed."""
        prefix = f"{folder}/" if folder else ""
        inside = (path.removeprefix(prefix) for path in self._came_or_went if path.startswith(prefix))
        entries = {path.partition("/")[::2] for path in inside}
        return any(not deeper or self._has_moved(f"{prefix}{name}") for name, deeper in entries)

    def may_lead_elsewhere(self, path: str) -> bool:
        """Return whether a file that was added or removed has a name that another file imports."""
        return self.has_moved(*self._units_now(path).get(IMPORTS, b"").decode().split())

    def has_moved(self, *names: str) -> bool:
        """Return whether a file that was added or removed has a part of one of these names of modules."""
        words = {word for name in names for word in name.split(".")}
        parts = {part.partition(".")[0] for other in self._came_or_went for part in other.split("/")}
        return not words.isdisjoint(parts)
