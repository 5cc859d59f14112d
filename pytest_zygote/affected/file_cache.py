"""What the store remembers of files, so that they are neither read nor compiled again while they stay the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.affected.database import restored, storable
from pytest_zygote.core.affected.dependency import KINDS
from pytest_zygote.core.affected.fingerprints import IMPORTS, SIZE

if TYPE_CHECKING:
    from pytest_zygote.affected.database import Database

FileState: TypeAlias = "tuple[tuple[int, ...], int, bytes]"
"""Identity of a file (`file_state.stamp`), time when it was read, checksum of its content."""


class FileCache:
    """The tables of files and of texts in the store. Each method raises `StoreError` if that cannot be used."""

    def __init__(self, database: Database) -> None:
        """Use this file."""
        self._database = database

    def files(self) -> dict[str, FileState]:
        """Return path → state, as of when the file was last read."""
        with self._database.using() as connection:
            return {
                restored(path): (tuple(identity), looked, digest)
                for path, *identity, looked, digest in connection.execute("SELECT * FROM file")
            }

    def imported(self) -> list[str]:
        """Return the files that tests have imported, at any time."""
        kinds = [code for code, kind in KINDS.items() if kind.is_import]
        marks = ",".join("?" * len(kinds))
        with self._database.using() as connection:
            query = f"SELECT DISTINCT path FROM need WHERE kind IN ({marks})"  # noqa: S608 - question marks
            return [restored(path) for (path,) in connection.execute(query, kinds)]

    def source(self, python: str, digest: bytes) -> dict[str, bytes] | None:
        """Return the units of a text, as this Python compiles it; None if they are not known."""
        with self._database.using() as connection:
            query = "SELECT names, checksums, imports FROM source WHERE python = ? AND digest = ?"
            found = connection.execute(query, (python, digest)).fetchone()
            if found is None:
                return None
            names, checksums, imports = found
            parts = (checksums[at : at + SIZE] for at in range(0, len(checksums), SIZE))
            return {**dict(zip(names.split("\n"), parts, strict=True)), IMPORTS: imports.encode()}

    def add(self, python: str, files: dict[str, FileState], sources: dict[bytes, dict[str, bytes]]) -> None:
        """Remember files by their paths, and units by the checksum of their text."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((storable(path), *identity, looked, digest) for path, (identity, looked, digest) in files.items()),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?)",
                ((python, digest, *_columns(units)) for digest, units in sources.items()),
            )


def _columns(units: dict[str, bytes]) -> tuple[str, bytes, str]:
    names = [name for name in units if name != IMPORTS]
    return "\n".join(names), b"".join(units[name] for name in names), units.get(IMPORTS, b"").decode()
