"""Which files below the root are the project's own, which names in a folder count, and which lines of a RECORD."""

from __future__ import annotations

import os
import re
import tempfile
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.affected.file_state import changed_ns
from pytest_zygote.core.affected.fingerprints import names_checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TOOL_FOLDERS = frozenset({"__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"})
"""Folders that tools write into: they hold neither tests nor anything that a test means to read."""

SKIPPED_FOLDERS = TOOL_FOLDERS | {".git", ".hg", ".tox", ".nox", "node_modules", "htmlcov", "site-packages"}
"""Folders that hold nothing of the project's own; so do virtual environments."""

_OWN_LINES = re.compile(rb"^[^,]*(\.dist-info/|__pycache__/)")


def project_files(root: str) -> list[str]:
    """Return all files below a folder that may be the project's own, relative to it, in order."""
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        folders[:] = [name for name in folders if not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))]
        found += [os.path.join(folder, name)[len(root) + 1 :] for name in files if not _is_temporary(name)]
    return sorted(found)


def listed(entries: Iterable[str]) -> bytes:
    """Return a checksum of the names in a folder."""
    return names_checksum(entry for entry in entries if entry not in SKIPPED_FOLDERS and not entry.endswith(".pyc"))


def _is_temporary(name: str) -> bool:
    return name.startswith(".coverage") or name.endswith((".pyc", ".pyo", "~", ".swp"))


def recorded_files(record: bytes) -> bytes:
    """Return the lines of a package's RECORD that say what its code is: the others differ between machines."""
    lines = record.splitlines()
    return b"\n".join(line for line in lines if not line.startswith(b"../") and not _OWN_LINES.search(line))


def owner_of(root: str, started_ns: int) -> Callable[[str], bool]:
    """Return a function that says whether a file is the project's: below the root, or an editable install.

    A file in the temporary folder counts if it was there before the run: else a test has written it.
    """
    below = f"{root}/"
    temporary = f"{tempfile.gettempdir()}/"

    def is_own(path: str) -> bool:
        if path.startswith(below):
            return not code_origin.is_third_party(path)
        if not (os.path.isabs(path) and code_origin.is_own(path)):
            return False
        return not path.startswith(temporary) or changed_ns(path) < started_ns

    return is_own
