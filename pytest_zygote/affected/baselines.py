"""Results that a run saves under a name, exports to a file for another machine, or imports from such a file.

A *baseline* has one row for each test, all of one moment: ``--affected-frozen NAME`` gives the same answer until the
baseline is written again. A run that writes one saves for each test the row that it has just stored, or the row because
of which it left the test out. Tests that it did not collect keep theirs.
"""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import files
from pytest_zygote.core.affected.baseline import Baseline, BaselineError, decode, encode
from pytest_zygote.core.affected.impact import Row
from pytest_zygote.core.affected.number_sets import unpack
from pytest_zygote.core.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_zygote.affected.store import Store


class Baselines:
    """The baselines of one run: what is asked for by ``--affected-baseline``, ``-export`` and ``-import``."""

    def __init__(self, store: Store, config: pytest.Config) -> None:
        """Read the file to import.

        Raises:
            UsageError: it cannot be read, or the options cannot go together.
        """
        options = config.known_args_namespace
        self._store = store
        self._folder = str(config.invocation_params.dir)
        self._name: str = options.affected_baseline or ""
        self._file: str = options.affected_export or ""
        self._source: str = options.affected_import or ""
        if options.affected_frozen and self.is_asked:
            message = "--affected-frozen writes nothing: not with --affected-baseline or --affected-export"
            raise pytest.UsageError(message)
        if self._file and not os.access(os.path.dirname(self._path(self._file)), os.W_OK):
            message = f"--affected-export: {self._file} cannot be written"
            raise pytest.UsageError(message)
        self._imported = self._read() if self._source else None

    @property
    def imported_name(self) -> str:
        """Name of the baseline that is imported; '' if there is none."""
        return "" if self._imported is None else self._imported.name

    @property
    def is_import(self) -> bool:
        """Whether there is something to import."""
        return self._imported is not None

    @property
    def is_asked(self) -> bool:
        """Whether something is to be saved at the end of the run."""
        return bool(self._name or self._file)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _read(self) -> Baseline:
        try:
            with open(self._path(self._source), encoding="utf-8") as file:
                return decode(file.read())
        except (OSError, UnicodeDecodeError, BaselineError) as error:
            message = f"--affected-import: {self._source} cannot be used: {error}"
            raise pytest.UsageError(message) from error

    def store_import(self) -> list[str]:
        """Store what was imported; return what the user should know.

        Raises:
            StoreError: it cannot be stored.
        """
        found = self._imported
        if found is None:
            return []
        surroundings = self._store.surroundings(found.digest, found.parts)
        numbers = self._store.numbers_of(found.versions)
        sets = [self._store.set_of(numbers[place] for place in places) for places in found.sets]
        rows = {
            nodeid: row._replace(sets=tuple(sets[place] for place in row.sets)) for nodeid, row in found.tests.items()
        }
        self._store.expect(rows)
        self._import_rows(surroundings, rows)
        if found.name:
            self._save_rows(found.name, surroundings, rows)
        name = f" (baseline {found.name})" if found.name else ""
        return [f"affected: {len(rows)} tests are known from {self._source}{name}"]

    def save(
        self, surroundings: int, digest: bytes, parts: dict[str, str], rows: Mapping[str, Row | None]
    ) -> list[str]:
        """Write the baseline, and the file; return what the user should know.

        Args:
            surroundings: number of the surroundings of this run.
            digest: of them.
            parts: of them.
            rows: of all tests that were collected; None for an unknown test.

        Raises:
            StoreError: it cannot be stored.
        """
        known = {nodeid: row for nodeid, row in rows.items() if row is not None}
        count = f"{len(known)} of {counted(len(rows), 'test')}"
        lines = []
        if self._name:
            self._save_rows(self._name, surroundings, rows)
            lines.append(f"affected: baseline {self._name} has {count}")
        if self._file:
            files.replace(self._path(self._file), encode(self._baseline(digest, parts, known)))
            lines.append(f"affected: {self._file} has {count}")
        return lines

    def _import_rows(self, surroundings: int, rows: Mapping[str, Row]) -> None:
        """Store rows as older than all that are there: what was seen here counts first."""
        query = "SELECT 1 FROM row WHERE (test, surroundings, outcome, exact, own, shared) = (?, ?, ?, ?, ?, ?) LIMIT 1"
        with self._store.writing() as connection:
            (first,) = connection.execute("SELECT min(0, coalesce(min(id), 0)) FROM row").fetchone()
            for row in self._columns(surroundings, rows):
                if connection.execute(query, row[:-1]).fetchone() is None:
                    first -= 1
                    connection.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (first, *row))

    def _save_rows(self, name: str, surroundings: int, rows: Mapping[str, Row | None]) -> None:
        known = {nodeid: row for nodeid, row in rows.items() if row is not None}
        gone = ((name, surroundings, self._store.tests.get(nodeid)) for nodeid in rows.keys() - known.keys())
        with self._store.writing() as connection:
            connection.executemany("DELETE FROM baseline WHERE (name, surroundings, test) = (?, ?, ?)", gone)
            connection.executemany(
                "INSERT OR REPLACE INTO baseline (name, test, surroundings, outcome, exact, own, shared, duration)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((name, *row) for row in self._columns(surroundings, known)),
            )

    def _columns(self, surroundings: int, rows: Mapping[str, Row]) -> Iterator[tuple[object, ...]]:
        for nodeid, row in rows.items():
            shared, own = row.sets
            yield self._store.tests[nodeid], surroundings, row.outcome, row.is_exact, own, shared, row.duration_s

    def _members(self, numbers: set[int]) -> dict[int, tuple[int, ...]]:
        """Return what is in these sets: number of a set → numbers of versions."""
        packed = self._store.sets()
        return {number: tuple(unpack(packed[number])) for number in numbers}

    def _baseline(self, digest: bytes, parts: dict[str, str], rows: dict[str, Row]) -> Baseline:
        versions = self._store.versions()
        members = self._members({number for row in rows.values() for number in row.sets})
        used = sorted((*versions[number], number) for number in set(chain.from_iterable(members.values())))
        places = {number: place for place, (_, _, number) in enumerate(used)}
        sets = {number: tuple(sorted(map(places.__getitem__, found))) for number, found in members.items()}
        texts = sorted(set(sets.values()))
        place_of = {text: place for place, text in enumerate(texts)}
        return Baseline(
            name=self._name,
            digest=digest,
            parts=parts,
            versions=tuple((need, found) for need, found, _ in used),
            sets=tuple(texts),
            tests={
                nodeid: row._replace(sets=tuple(place_of[sets[number]] for number in row.sets))
                for nodeid, row in rows.items()
            },
        )


def names(store: Store) -> list[str]:
    """Return the names of all baselines.

    Raises:
        StoreError: there is no store, or it cannot be used.
    """
    with store.using() as connection:
        return [name for (name,) in connection.execute("SELECT DISTINCT name FROM baseline ORDER BY name")]


def rows_of(store: Store, name: str, surroundings: int) -> dict[str, list[Row]]:
    """Return the rows of a baseline.

    Raises:
        StoreError: the store cannot be used.
    """
    with store.using() as connection:
        return {
            nodeid: [Row(outcome, bool(exact), (shared, own), duration_s)]
            for nodeid, outcome, exact, own, shared, duration_s in connection.execute(
                "SELECT nodeid, outcome, exact, own, shared, duration FROM baseline JOIN test ON test.id = test"
                " WHERE name = ? AND surroundings = ?",
                (name, surroundings),
            )
        }
