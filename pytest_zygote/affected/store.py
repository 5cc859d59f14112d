"""The store: what is known about each test, in an SQLite file in pytest's cache folder.

Theory of operation. Any process may be killed at any time, and two runs may write at once. So each
test that has ended is one transaction, in WAL mode: a row is stored completely or not at all. Needs
(`core.affected.dependency.Need`) and the checksums they have had are numbered and never removed, so that several
processes may remember the numbers. A set of needs is stored once, as compressed numbers, and removed
with the last row that refers to it; a row without its set counts as none. A test that has ended mostly finds all these
numbers in memory, and writes one row: no index, no text.

A file of another schema is left alone, and a new one is created next to it. Values are numbers, text
and checksums; nothing that is read can run code.
"""

from __future__ import annotations

import json
import os
from array import array
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.affected.database import Database, StoreError, look, restored, storable
from pytest_zygote.affected.executions import identity
from pytest_zygote.affected.file_cache import FileCache
from pytest_zygote.core.affected.dependency import FILES, KINDS, Need
from pytest_zygote.core.affected.fingerprints import checksum
from pytest_zygote.core.affected.globs import covers
from pytest_zygote.core.affected.impact import GOOD, Row
from pytest_zygote.core.affected.number_sets import pack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable

__all__ = ["Needs", "Store", "StoreError", "read_setting", "reads_path", "store_path"]

SCHEMA = 4
"""Of the tables; a store of another is given those that it lacks."""

APPLICATION = 0x7A796774
ROWS_PER_TEST = 8
"""Kept at most: this many states of the project can come back without a run."""

Needs: TypeAlias = "dict[Need, bytes]"

_TABLES = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {SCHEMA};
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS surroundings (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, parts TEXT);
CREATE TABLE IF NOT EXISTS need (id INTEGER PRIMARY KEY, kind TEXT, path TEXT, name TEXT, UNIQUE (kind, path, name));
CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY, need INTEGER, checksum BLOB, UNIQUE (need, checksum));
CREATE TABLE IF NOT EXISTS needs (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, versions BLOB);
CREATE TABLE IF NOT EXISTS test (id INTEGER PRIMARY KEY, nodeid TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS row (
    id INTEGER PRIMARY KEY, test INTEGER, surroundings INTEGER, outcome TEXT, exact INTEGER,
    own INTEGER, shared INTEGER, duration REAL);
CREATE TABLE IF NOT EXISTS baseline (
    name TEXT, surroundings INTEGER, test INTEGER, outcome TEXT, exact INTEGER, own INTEGER, shared INTEGER,
    duration REAL, PRIMARY KEY (name, surroundings, test)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS covered (
    test INTEGER, own INTEGER, shared INTEGER, settings BLOB, lines BLOB, PRIMARY KEY (test, own, shared, settings)
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unchanged (
    id INTEGER PRIMARY KEY, key BLOB UNIQUE, total INTEGER, roots TEXT, needs TEXT);
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER, looked INTEGER, digest BLOB
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source (
    python TEXT, digest BLOB, names TEXT, checksums BLOB, imports TEXT, PRIMARY KEY (python, digest)) WITHOUT ROWID;
"""
_STATEMENTS = tuple(statement for statement in _TABLES.split(";") if statement.strip())
_ADD = "INSERT INTO row (test, surroundings, outcome, exact, own, shared, duration) VALUES (?, ?, ?, ?, ?, ?, ?)"

_REMOVE_ROWS = (
    "DELETE FROM row WHERE id IN (SELECT id FROM"
    " (SELECT id, row_number() OVER (PARTITION BY test, surroundings ORDER BY id DESC) AS age FROM row) WHERE age > ?)"
)
_REMOVE_SETS = (
    "DELETE FROM needs WHERE id < (SELECT max(id) FROM needs) AND id NOT IN (SELECT own FROM row"
    " UNION SELECT shared FROM row UNION SELECT own FROM baseline UNION SELECT shared FROM baseline)"
)
"""Not the highest number: SQLite would give it again, and another process may remember what it stood for. A row whose
set another process has removed counts as none."""

_REMOVE_COVERED = "DELETE FROM covered WHERE (test, own, shared) NOT IN (SELECT test, own, shared FROM row)"

FILE = os.path.join("zygote", "affected-3.db")
"""Below pytest's cache folder. Another number is another file: for tables that have changed, not for new ones."""


def store_path(cache: str) -> str:
    """Return the file of the store that belongs to a cache folder of pytest's."""
    return os.path.join(cache, FILE)


class Store(Database):
    """Rows, and the needs that they speak of.

    Attributes:
        tests: name → number, as far as it is known.
        added: name → numbers of the sets of the row that this run has stored, the test's own first.
        cache: what is remembered of files.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        """Use this file, from the first need on; `warn` prints what went wrong."""
        super().__init__(path, _STATEMENTS, SCHEMA, warn)
        self._versions: dict[int, tuple[Need, bytes]] = {}
        self._numbers: dict[tuple[Need, bytes], int] = {}
        self._sets: dict[bytes, int] = {}
        self._same: dict[int, tuple[object, int]] = {}
        self.tests: dict[str, int] = {}
        self.cache = FileCache(self)
        self._has_new_rows = False
        self.added: dict[str, tuple[int, int]] = {}

    # Surroundings

    def surroundings(self, digest: bytes, parts: dict[str, str]) -> int:
        """Return the number of the surroundings with this digest."""
        known = self.find_surroundings(digest)
        if not known:
            with self.writing() as connection:
                statement = "INSERT OR IGNORE INTO surroundings (digest, parts) VALUES (?, ?)"
                connection.execute(statement, (digest, json.dumps(parts)))
            known = self.find_surroundings(digest)
        return known

    def find_surroundings(self, digest: bytes) -> int:
        """Return the number of the surroundings with this digest; 0 if there are none."""
        with self.using() as connection:
            found = connection.execute("SELECT id FROM surroundings WHERE digest = ?", (digest,)).fetchone()
            return int(found[0]) if found else 0

    def last_surroundings(self, other_than: int) -> dict[str, str]:
        """Return the parts of the newest surroundings other than these; empty if there are none."""
        with self.using() as connection:
            found = connection.execute(
                "SELECT parts FROM row JOIN surroundings ON surroundings.id = surroundings WHERE surroundings != ?"
                " ORDER BY row.id DESC LIMIT 1",
                (other_than,),
            ).fetchone()
            return dict(json.loads(found[0])) if found else {}

    # Rows, written

    def expect(self, nodeids: Iterable[str]) -> None:
        """Number the tests that are about to run, in one transaction instead of one for each test."""
        with self.writing() as connection:
            new = ((storable(nodeid),) for nodeid in nodeids if nodeid not in self.tests)
            connection.executemany("INSERT OR IGNORE INTO test (nodeid) VALUES (?)", new)
        self._read_tests()

    def add(self, surroundings: int, nodeid: str, result: tuple[str, bool, float], own: Needs, shared: Needs) -> None:
        """Store how a test ended: outcome, exactness, duration.

        Needs that are given as the same object for many tests are looked up once.
        """
        outcome, is_exact, duration_s = result
        if nodeid not in self.tests:
            self.expect([nodeid])
        number = self.number_of(own) if is_exact else self._number_again(own)  # an exact test has its own
        self._has_new_rows = True
        self.added[nodeid] = (number, self._number_again(shared))
        values = (self.tests[nodeid], surroundings, outcome, is_exact, *self.added[nodeid], duration_s)
        with self.using() as connection:
            connection.execute(_ADD, values)
            if outcome not in GOOD:  # it must run again, though nothing changes
                connection.execute("DELETE FROM unchanged")

    def _number_again(self, needs: Needs) -> int:
        known = self._same.get(identity(needs))
        if known is None or known[0] is not needs:
            known = self._same[identity(needs)] = (needs, self.number_of(needs))
        return known[1]

    def number_of(self, needs: Needs) -> int:
        """Return the number of a set of needs. Needs and sets that are new are stored."""
        try:
            return self.set_of(map(self._numbers.__getitem__, needs.items()))
        except KeyError:
            return self.set_of(self.numbers_of(needs.items()))

    def set_of(self, numbers: Iterable[int]) -> int:
        """Return the number of the set of needs with these numbers."""
        packed = array("I", sorted(numbers))
        digest = checksum(packed.tobytes())
        known = self._sets.get(digest)
        if known is None:
            values = (digest, pack(packed))
            with self.using() as connection:
                connection.execute("INSERT OR IGNORE INTO needs (digest, versions) VALUES (?, ?)", values)
                known = _number(connection.execute("SELECT id FROM needs WHERE digest = ?", (digest,)))
            self._sets[digest] = known
        return known

    def numbers_of(self, pairs: Iterable[tuple[Need, bytes]]) -> list[int]:
        """Return the numbers of needs with checksums. New ones are stored, all or none."""
        pairs = tuple(pairs)
        if not self._numbers:
            self._numbers = {pair: number for number, pair in self._versions.items()}
        with self.writing() as connection:
            found = {pair: self._numbers.get(pair) or _version(connection, *pair) for pair in pairs}
        self._numbers.update(found)  # not before they are stored
        return [found[pair] for pair in pairs]

    def trim(self) -> None:
        """Remove the rows of states that the project left long ago, and the sets of needs that no row has any more."""
        if not self._has_new_rows:
            return
        with self.writing() as connection:
            connection.execute(_REMOVE_ROWS, (ROWS_PER_TEST,))
            connection.execute(_REMOVE_SETS)
            connection.execute(_REMOVE_COVERED)
        self._sets.clear()
        self._same.clear()

    # Rows, read

    def _read_tests(self) -> None:
        with self.using() as connection:
            self.tests = {
                restored(nodeid): number for nodeid, number in connection.execute("SELECT nodeid, id FROM test")
            }

    def rows(self, surroundings: int) -> dict[str, list[Row]]:
        """Return what is known of all tests, the newest rows first."""
        self._read_tests()
        nodeids = {number: nodeid for nodeid, number in self.tests.items()}
        found: dict[str, list[Row]] = {}
        with self.using() as connection:
            for test, outcome, exact, own, shared, duration_s in connection.execute(
                "SELECT test, outcome, exact, own, shared, duration FROM row WHERE surroundings = ? ORDER BY id DESC",
                (surroundings,),
            ):
                found.setdefault(nodeids[test], []).append(Row(outcome, bool(exact), (shared, own), duration_s))
        return found

    def versions(self) -> dict[int, tuple[Need, bytes]]:
        """Return all needs that were ever stored, with their checksums."""
        with self.using() as connection:
            self._versions = {
                number: (Need(kind, restored(path), restored(name)), found)
                for number, kind, path, name, found in connection.execute(
                    "SELECT version.id, kind, path, name, checksum FROM version JOIN need ON need.id = need"
                )
            }
        return self._versions

    def sets(self) -> dict[int, bytes]:
        """Return all sets of needs, packed."""
        with self.using() as connection:
            return dict(connection.execute("SELECT id, versions FROM needs"))

    # Settings

    def set(self, name: str, value: str) -> None:
        """Store a value."""
        with self.using() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))


def reads_path(path: str, names: Collection[str]) -> bool:
    """Return whether any recorded test read one of these paths, or declared it; no, if there is no store."""
    kinds = [code for code, kind in KINDS.items() if kind.is_read]
    where = f"kind IN ({_marks(kinds)}) AND path IN ({_marks(names)})"
    query = f"SELECT 1 FROM need WHERE {where} LIMIT 1"  # noqa: S608 - only question marks are put in
    if look(path, query, (*kinds, *map(storable, names))) is not None:
        return True
    globs = str(look(path, f"SELECT group_concat(path, char(10)) FROM need WHERE kind = '{FILES}'", ()) or "")  # noqa: S608 - a constant is put in
    return any(covers(restored(glob), name) for glob in globs.split("\n") if glob for name in names)


def _marks(values: Collection[str]) -> str:
    return ",".join("?" * len(values))


def read_setting(path: str, name: str) -> str:
    """Return a value that was stored; '' if there is none."""
    return str(look(path, "SELECT value FROM setting WHERE name = ?", (name,)) or "")


def _version(connection: sqlite3.Connection, wanted: Need, found: bytes) -> int:
    need = tuple(map(storable, wanted))
    connection.execute("INSERT OR IGNORE INTO need (kind, path, name) VALUES (?, ?, ?)", need)
    number = _number(connection.execute("SELECT id FROM need WHERE kind = ? AND path = ? AND name = ?", need))
    connection.execute("INSERT OR IGNORE INTO version (need, checksum) VALUES (?, ?)", (number, found))
    return _number(connection.execute("SELECT id FROM version WHERE need = ? AND checksum = ?", (number, found)))


def _number(cursor: sqlite3.Cursor) -> int:
    return int(cursor.fetchone()[0])
