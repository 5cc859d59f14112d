"""What a test can depend on: a registry with one row for each kind.

A *need* is one thing that a test depends on, such as the body of ``A.method`` in app.py. Its kind says how it is
stored, what its checksum is now, what users read when it has changed, and how it is compared with a commit.

A new kind is a row in `KINDS`, and a recorder that makes such needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_zygote.core.affected.fingerprints import code_only, whole
from pytest_zygote.core.affected.globs import covers
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_zygote.core.affected.tree_changes import TreeChanges

BODY = "F"
"""The body of one function."""

SKELETON = "M"
"""What an import of a file executes."""

FILE = "W"
"""All code of a file."""

NAMES = "N"
"""The files of the project that the import statements of a file lead to."""

FOUND = "A"
"""The file of the project that a name leads to which code asks for when it runs."""

DATA = "D"
"""The bytes of a file; none if it is not there."""

PRESENCE = "X"
"""Whether there is a file, a folder or nothing at a path."""

STATUS = "S"
"""Size, mode and times of a file, or where a link leads; of a folder the names in it."""

LISTING = "L"
"""The names in a folder."""

IMPORTABLE = "I"
"""The names in a folder that an import could find."""

ENVIRON = "E"
"""The value of an environment key."""

PROJECT = "O"
"""All files of the project: needed by a test that starts an unknown process."""

FILES = "G"
"""All files that match a glob, or are below a folder that does: only declared."""

PACKAGE = "P"
"""An installed package: only declared."""

AFTER = "T"
"""A test that ran before, and left what this one finds: in its file, its process, or a file that it has made. It never
differs: where one of them runs, the other one does, too."""

ROOT_FOLDER = "the root folder"


class Need(NamedTuple):
    """One thing that a test depends on.

    Attributes:
        kind: one of the constants above.
        path: of the file or folder, relative to the root; '' where there is none.
        name: of the unit, or the environment key.
    """

    kind: str
    path: str = ""
    name: str = ""


class Tree(Protocol):
    """Files and environment at this moment. Checksums of what is not there are ``b""``."""

    def units(self, path: str) -> Mapping[str, bytes]:
        """Return the units of a Python file."""

    def imports(self, path: str) -> tuple[str, ...]:
        """Return the names that a Python file imports."""

    def names(self, path: str, imports: tuple[str, ...]) -> bytes:
        """Return a checksum of the files that imports in a file lead to."""

    def digest(self, path: str) -> bytes:
        """Return a checksum of a file's content."""

    def presence(self, path: str) -> bytes:
        """Return what is at a path."""

    def status(self, path: str) -> bytes:
        """Return a checksum of size, mode and times."""

    def listing(self, path: str) -> bytes:
        """Return a checksum of the names in a folder."""

    def importable(self, path: str) -> bytes:
        """Return a checksum of the names in a folder that an import could find."""

    def environ(self, key: str) -> bytes:
        """Return a checksum of an environment key's value."""

    def project(self) -> bytes:
        """Return a checksum of all files of the project."""

    def matching(self, glob: str) -> bytes:
        """Return a checksum of all files that a glob covers."""

    def package(self, name: str) -> bytes:
        """Return a checksum of an installed package."""


class Kind(Record):
    """A row of the registry.

    Attributes:
        text: what users read when it has changed; `describe` fills it in.
        checksum: returns the checksum of a need of this kind.
        differs: returns whether it differs from what it was in a commit.
        is_code: whether it stays the same as long as the text of its file does.
        is_import: whether a test that needs it has imported the file.
        is_read: whether a test that needs it has read, listed or looked for the path.
    """

    text: str
    checksum: Callable[[Tree, Need], bytes]
    differs: Callable[[TreeChanges, Need], bool]
    is_code: bool = False
    is_import: bool = False
    is_read: bool = False


def _unit(tree: Tree, need: Need) -> bytes:
    return tree.units(need.path).get(need.name, b"")


KINDS: dict[str, Kind] = {
    BODY: Kind(
        text="{path}: {function}() changed",
        checksum=_unit,
        differs=lambda changes, need: changes.has_other_unit(need.path, need.name),
        is_code=True,
    ),
    SKELETON: Kind(
        text="{path}: what its import executes changed",
        checksum=_unit,
        differs=lambda changes, need: changes.has_other_unit(need.path, need.name),
        is_code=True,
        is_import=True,
    ),
    FILE: Kind(
        text="{path} changed",
        checksum=lambda tree, need: whole(code_only(tree.units(need.path))),
        differs=lambda changes, need: changes.has_other_code(need.path),
        is_code=True,
        is_import=True,
    ),
    NAMES: Kind(
        text="{path}: an import leads to another file",
        checksum=lambda tree, need: tree.names(need.path, tree.imports(need.path)),
        differs=lambda changes, need: changes.may_lead_elsewhere(need.path),
    ),
    FOUND: Kind(
        text="an import of {key} leads to another file",
        checksum=lambda tree, need: tree.names("", (need.name,)),
        differs=lambda changes, need: changes.has_moved(need.name),
    ),
    DATA: Kind(
        text="{path} changed",
        checksum=lambda tree, need: tree.digest(need.path),
        differs=lambda changes, need: need.path in changes.paths,
        is_read=True,
    ),
    PRESENCE: Kind(
        text="{path} came or went",
        checksum=lambda tree, need: tree.presence(need.path),
        differs=lambda changes, need: need.path in changes.paths,
        is_read=True,
    ),
    STATUS: Kind(
        text="{path} has another size, mode or time",
        checksum=lambda tree, need: tree.status(need.path),
        differs=lambda changes, need: need.path in changes.paths or changes.has_other_names(need.path),
        is_read=True,
    ),
    LISTING: Kind(
        text="files came to or left {folder}",
        checksum=lambda tree, need: tree.listing(need.path),
        differs=lambda changes, need: changes.has_other_names(need.path),
        is_read=True,
    ),
    IMPORTABLE: Kind(
        text="modules came to or left {folder}",
        checksum=lambda tree, need: tree.importable(need.path),
        differs=lambda changes, need: changes.has_other_names(need.path),
    ),
    ENVIRON: Kind(
        text="environment key {key} changed",
        checksum=lambda tree, need: tree.environ(need.name),
        differs=lambda _changes, _need: False,
    ),
    PROJECT: Kind(
        text="it may read any file, and a file of the project changed",
        checksum=lambda tree, _need: tree.project(),
        differs=lambda changes, _need: bool(changes.paths),
    ),
    FILES: Kind(
        text="{path} changed: a file, or the files there are",
        checksum=lambda tree, need: tree.matching(need.path),
        differs=lambda changes, need: any(covers(need.path, path) for path in changes.paths),
        is_read=True,
    ),
    PACKAGE: Kind(
        text="package {key} changed",
        checksum=lambda tree, need: tree.package(need.name),
        differs=lambda _changes, _need: False,
    ),
    AFTER: Kind(
        text="{key} leaves something else",
        checksum=lambda _tree, _need: b"",
        differs=lambda _changes, _need: False,
    ),
}
"""The kind as it is stored → its row."""


def describe(need: Need) -> str:
    """Return what has changed, as a user would say it."""
    function = need.name.replace("#", " no. ")
    folder = need.path or ROOT_FOLDER
    return KINDS[need.kind].text.format(path=need.path, folder=folder, function=function, key=need.name)
