"""Which files of the project import statements lead to, by the names in the folders that are searched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.core.affected.fingerprints import checksum, names_checksum

if TYPE_CHECKING:
    from collections.abc import Iterator


class ImportTargets:
    """Looks into each folder once, until `forget` is called.

    Attributes:
        roots: folders of the project's that imports are searched in, in order.
    """

    def __init__(self, root: str, roots: tuple[str, ...]) -> None:
        """Look at nothing yet; `root` is the folder that paths are relative to."""
        self.roots = roots
        self._root = root
        self._entries: dict[str, frozenset[str]] = {}
        self._checksums: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._targets: dict[tuple[tuple[str, ...], str], str] = {}

    def forget(self) -> None:
        """Forget the folders, which may have changed."""
        for known in (self._entries, self._checksums, self._targets):
            known.clear()

    def checksum(self, path: str, imports: tuple[str, ...]) -> bytes:
        """Return a checksum of the files that the imports of a file lead to."""
        key = (path, imports)
        known = self._checksums.get(key)
        if known is None:
            parts = (os.fsencode(f"{name}={self.find(path, name)}") for name in sorted(imports))
            known = self._checksums[key] = checksum(*parts)
        return known

    def find(self, path: str, name: str) -> str:
        """Return the file of the project's that an import in a file leads to; '' for none."""
        bare = name.lstrip(".")
        folders = self._searched(path, len(name) - len(bare)) if bare is not name else self.roots
        known = self._targets.get((folders, bare))
        if known is None:
            found = next((found for folder in folders if (found := self._find_in(folder, bare))), "")
            known = self._targets[folders, bare] = found.removeprefix(f"{self._root}/")
        return known

    def importable(self, folder: str) -> bytes:
        """Return a checksum of the names that an import could find in a folder."""
        return names_checksum(self._names_in(folder))

    def _searched(self, path: str, level: int) -> tuple[str, ...]:
        folder = os.path.dirname(os.path.join(self._root, path))
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        return (folder,)

    def _find_in(self, folder: str, name: str) -> str:
        *packages, last = name.split(".")
        for package in packages:
            if package not in self._names_in(folder):
                return ""
            folder = os.path.join(folder, package)
        entries = self._names_in(folder)
        extensions = sorted(entry for entry in entries if entry.endswith(".so") and entry.startswith(f"{last}."))
        for found in (f"{last}/__init__.py", *extensions, f"{last}.py", last):  # the order in which Python looks
            if found in entries:
                return os.path.join(folder, found)
        return ""

    def _names_in(self, folder: str) -> frozenset[str]:
        """Return what an import could find in a folder: files, folders, and folders with ``__init__.py``."""
        known = self._entries.get(folder)
        if known is None:
            known = self._entries[folder] = frozenset(_importable(folder))
        return known


def _importable(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((".py", ".so")):
            yield entry.name
        elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
            yield entry.name
            if os.path.exists(os.path.join(entry.path, "__init__.py")):
                yield f"{entry.name}/__init__.py"
