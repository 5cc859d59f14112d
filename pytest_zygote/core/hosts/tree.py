"""What must be sent so that a host has this tree: files are compared by their content."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SKIPPED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
        "node_modules",
    }
)
"""Folders that no test needs of another machine: they are left where they are, on both sides."""


LOCK_FILES = (
    "*.lock",
    "pylock*.toml",
    "requirements*.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "environment.y*ml",
)
"""Patterns of files in the root folder on which an environment depends."""


def decides_environment(name: str) -> bool:
    """Return whether an environment is to be made anew once this file has changed."""
    return any(fnmatchcase(name, pattern) for pattern in LOCK_FILES)


class TreeFile(Record):
    """One file of a tree.

    Attributes:
        digest: of its content; of a link, where it leads.
        mode: its permissions; 0 for a link.
    """

    digest: str
    mode: int


class TreeChange(Record):
    """What makes the tree of a host that of here.

    Attributes:
        lacking: paths to be sent, relative to the root.
        superfluous: paths to be removed there.
    """

    lacking: tuple[str, ...]
    superfluous: tuple[str, ...]


def is_carried(path: str) -> bool:
    """Return whether a path, relative to the root, belongs to what is sent."""
    return not SKIPPED.intersection(path.split("/"))


def change(wanted: Mapping[str, TreeFile], there: Mapping[str, TreeFile]) -> TreeChange:
    """Return what must be sent, and what must go: a file that was removed here would still be imported there."""
    lacking = tuple(path for path, file in wanted.items() if there.get(path) != file)
    return TreeChange(lacking, tuple(path for path in there if path not in wanted))


def listing(rows: Iterable[tuple[str, str, int]]) -> dict[str, TreeFile]:
    """Return a tree from rows of path, digest and mode, as they are sent."""
    return {path: TreeFile(digest, mode) for path, digest, mode in rows}
