"""The store: what is known of each test, in an SQLite file beside pytest's own cache.

Theory of operation. Any process may be killed at any time, and two runs may go on at once. So each
test that has ended is one transaction, in WAL mode: a row is there as a whole or not at all. Needs
(`core.impact.Need`) and the checksums they have had are numbered and never removed, so that several
processes may remember the numbers. A set of needs is stored once, as compressed numbers.

A connection must not cross a fork: each process opens its own when it first needs one.
A file of another schema is left alone, and another one is begun beside it.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sqlite3
import zlib
from array import array
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.fingerprints import checksum
from pytest_zygote.core.impact import Need, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

SCHEMA = 1
APPLICATION = 0x7A796774
KEPT_ROWS = 8
"""Rows kept of each test: so many states of the project can come back without a run."""

BUSY_S = 20.0
"""How long another process may hold the file."""

Needs: TypeAlias = "dict[Need, bytes]"

_TABLES = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {SCHEMA};
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB);
CREATE TABLE IF NOT EXISTS surroundings (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, parts BLOB);
CREATE TABLE IF NOT EXISTS need (id INTEGER PRIMARY KEY, kind TEXT, path TEXT, name TEXT, UNIQUE (kind, path, name));
CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY, need INTEGER, checksum BLOB, UNIQUE (need, checksum));
CREATE TABLE IF NOT EXISTS needs (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, versions BLOB);
CREATE TABLE IF NOT EXISTS test (id INTEGER PRIMARY KEY, nodeid TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS row (
    id INTEGER PRIMARY KEY, test INTEGER, surroundings INTEGER, outcome TEXT, exact INTEGER,
    own INTEGER, shared INTEGER, duration REAL);
CREATE INDEX IF NOT EXISTS row_of ON row (surroundings, test, id DESC);
CREATE TABLE IF NOT EXISTS file (
    path TEXT, identity BLOB, looked INTEGER, digest BLOB, PRIMARY KEY (path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source (
    python TEXT, digest BLOB, units BLOB, PRIMARY KEY (python, digest)) WITHOUT ROWID;
"""
# Written out, not a script of many statements: `executescript` commits what is open.
_STATEMENTS = tuple(statement for statement in _TABLES.split(";") if statement.strip())


FILE = os.path.join("zygote", f"affected-{SCHEMA}.db")
"""Below pytest's cache folder."""


def store_path(cache: str) -> str:
    """Return the file of the store that belongs to a cache folder of pytest's."""
    return os.path.join(cache, FILE)


class StoreError(Exception):
    """The store cannot be used; the text says why, for the user."""


class Store:
    """One file of rows, for as many processes as there are."""

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        """Use this file, from the first need on.

        Args:
            path: of the file.
            warn: tells the user what went wrong, and what was done.
        """
        self.path = path
        self._warn = warn
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._inherited: list[sqlite3.Connection] = []
        self._numbers: dict[tuple[Need, bytes], int] = {}
        self._sets: dict[int, tuple[object, int]] = {}
        self._counts: dict[str, int] = {}
        self.is_broken = False

    # The file

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; what goes wrong ends recording, never the run."""
        if self.is_broken:
            raise StoreError(self.path)
        try:
            yield self._open()
        except (sqlite3.Error, OSError, ValueError) as error:
            self._fail(error)
            raise StoreError(self.path) from error
        except BaseException:
            self._forget()  # Ctrl-C: what was numbered in an open transaction is not stored
            raise

    def _forget(self) -> None:
        self._numbers.clear()
        self._sets.clear()

    def _fail(self, error: Exception) -> None:
        self.is_broken = True
        self._forget()
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if _is_damage(error):
            aside = self._set_aside()
            self._warn(f"affected: {self.path} is damaged ({error}); it is now {os.path.basename(aside)}")
        else:
            self._warn(f"affected: {self.path} cannot be used ({error}); results are not recorded from here on")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        if self._connection is not None:
            self._inherited.append(self._connection)  # closing it would end the parent's locks
        try:
            self._connection = self._connect()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            aside = self._set_aside()
            self._warn(f"affected: {self.path} is damaged ({error}); it is now {os.path.basename(aside)}")
            self._connection = self._connect()
        self._pid = os.getpid()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        folder = os.path.dirname(self.path)
        os.makedirs(folder, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != SCHEMA:
                self._create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            for statement in _STATEMENTS:
                connection.execute(statement)

    def _set_aside(self) -> str:
        aside = f"{self.path}.damaged"
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(self.path + suffix)
        with contextlib.suppress(OSError):
            os.replace(self.path, aside)
        return aside

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None

    # Surroundings

    def surroundings(self, digest: bytes, parts: dict[str, str]) -> int:
        """Return the number of the surroundings with this digest."""
        with self._using() as connection, _transaction(connection):
            connection.execute(
                "INSERT OR IGNORE INTO surroundings (digest, parts) VALUES (?, ?)", (digest, marshal.dumps(parts))
            )
            return _number(connection.execute("SELECT id FROM surroundings WHERE digest = ?", (digest,)))

    def find_surroundings(self, digest: bytes) -> int:
        """Return the number of the surroundings with this digest; 0 if there are none, and nothing is written."""
        if not os.path.exists(self.path):
            return 0
        with self._using() as connection:
            found = connection.execute("SELECT id FROM surroundings WHERE digest = ?", (digest,)).fetchone()
            return int(found[0]) if found else 0

    def last_surroundings(self, other_than: int) -> dict[str, str]:
        """Return the parts of the surroundings that the newest row of others has; empty if there is none."""
        with self._using() as connection:
            found = connection.execute(
                "SELECT parts FROM row JOIN surroundings ON surroundings.id = surroundings WHERE surroundings != ?"
                " ORDER BY row.id DESC LIMIT 1",
                (other_than,),
            ).fetchone()
            return dict(marshal.loads(found[0])) if found else {}  # noqa: S302 - written by ourselves

    # Rows

    def add(self, surroundings: int, nodeid: str, result: tuple[str, bool, float], own: Needs, shared: Needs) -> None:
        """Store how a test ended: outcome, exactness, duration.

        `shared` is given as the same object for many tests, and looked up once.
        """
        outcome, is_exact, duration_s = result
        with self._using() as connection, _transaction(connection):
            sets = [self._set_of(connection, own), self._shared_set_of(connection, shared)]
            test = self._test(connection, nodeid)
            connection.execute(
                "INSERT INTO row (test, surroundings, outcome, exact, own, shared, duration)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (test, surroundings, outcome, is_exact, *sets, duration_s),
            )
            if self._counts.get(nodeid, 0) >= KEPT_ROWS:
                connection.execute(
                    "DELETE FROM row WHERE surroundings = ? AND test = ? AND id NOT IN"
                    " (SELECT id FROM row WHERE surroundings = ? AND test = ? ORDER BY id DESC LIMIT ?)",
                    (surroundings, test, surroundings, test, KEPT_ROWS),
                )

    def _test(self, connection: sqlite3.Connection, nodeid: str) -> int:
        found = connection.execute("SELECT id FROM test WHERE nodeid = ?", (nodeid,)).fetchone()
        if found is None:
            return connection.execute("INSERT INTO test (nodeid) VALUES (?)", (nodeid,)).lastrowid or 0
        return int(found[0])

    def _shared_set_of(self, connection: sqlite3.Connection, shared: Needs) -> int:
        known = self._sets.get(id(shared))
        if known is None or known[0] is not shared:
            known = self._sets[id(shared)] = (shared, self._set_of(connection, shared))
        return known[1]

    def _set_of(self, connection: sqlite3.Connection, needs: Needs) -> int:
        numbers = array("I", sorted(self._version(connection, need, found) for need, found in needs.items()))
        digest = checksum(numbers.tobytes())
        found = connection.execute("SELECT id FROM needs WHERE digest = ?", (digest,)).fetchone()
        if found is not None:
            return int(found[0])
        packed = zlib.compress(_differences(numbers).tobytes(), 1)
        return connection.execute("INSERT INTO needs (digest, versions) VALUES (?, ?)", (digest, packed)).lastrowid or 0

    def _version(self, connection: sqlite3.Connection, need: Need, found: bytes) -> int:
        key = (need, found)
        known = self._numbers.get(key)
        if known is None:
            connection.execute("INSERT OR IGNORE INTO need (kind, path, name) VALUES (?, ?, ?)", need)
            number = _number(connection.execute("SELECT id FROM need WHERE kind = ? AND path = ? AND name = ?", need))
            connection.execute("INSERT OR IGNORE INTO version (need, checksum) VALUES (?, ?)", (number, found))
            known = self._numbers[key] = _number(
                connection.execute("SELECT id FROM version WHERE need = ? AND checksum = ?", (number, found))
            )
        return known

    def rows(self, surroundings: int) -> dict[str, list[Row]]:
        """Return what is known of all tests, the newest rows first."""
        found: dict[str, list[Row]] = {}
        with self._using() as connection:
            for nodeid, outcome, exact, own, shared, duration_s in connection.execute(
                "SELECT nodeid, outcome, exact, own, shared, duration FROM row JOIN test ON test.id = test"
                " WHERE surroundings = ? ORDER BY row.id DESC",
                (surroundings,),
            ):
                found.setdefault(nodeid, []).append(Row(outcome, bool(exact), (shared, own), duration_s))
        self._counts = {nodeid: len(rows) for nodeid, rows in found.items()}
        return found

    def versions(self) -> dict[int, tuple[Need, bytes]]:
        """Return all needs that were ever stored, with their checksums."""
        with self._using() as connection:
            return {
                number: (Need(kind, path, name), found)
                for number, kind, path, name, found in connection.execute(
                    "SELECT version.id, kind, path, name, checksum FROM version JOIN need ON need.id = need"
                )
            }

    def sets(self) -> dict[int, bytes]:
        """Return all sets of needs, packed."""
        with self._using() as connection:
            return dict(connection.execute("SELECT id, versions FROM needs"))

    # Files

    def files(self) -> dict[str, tuple[tuple[int, ...], int, bytes]]:
        """Return path → identity, time of the look, digest of the content."""
        with self._using() as connection:
            return {
                path: (marshal.loads(identity), looked, digest)  # noqa: S302 - written by ourselves
                for path, identity, looked, digest in connection.execute("SELECT * FROM file")
            }

    def source(self, python: str, digest: bytes) -> dict[str, bytes] | None:
        """Return the units of a text, as this Python compiles it; None if they are not known."""
        with self._using() as connection:
            found = connection.execute(
                "SELECT units FROM source WHERE python = ? AND digest = ?", (python, digest)
            ).fetchone()
            return dict(marshal.loads(found[0])) if found else None  # noqa: S302 - written by ourselves

    def keep_files(
        self,
        python: str,
        files: dict[str, tuple[tuple[int, ...], int, bytes]],
        sources: dict[bytes, dict[str, bytes]],
    ) -> None:
        """Remember files, so that they need not be read and compiled again while they are the same."""
        with self._using() as connection, _transaction(connection):
            connection.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
                ((path, marshal.dumps(identity), looked, digest) for path, (identity, looked, digest) in files.items()),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO source VALUES (?, ?, ?)",
                ((python, digest, marshal.dumps(units)) for digest, units in sources.items()),
            )

    # Settings

    def setting(self, name: str) -> object:
        """Return a value; None if it was never set."""
        with self._using() as connection:
            found = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
            value: object = marshal.loads(found[0]) if found else None  # noqa: S302 - written by ourselves
            return value

    def set(self, name: str, value: object) -> None:
        """Store a value that `marshal` can write."""
        with self._using() as connection, _transaction(connection):
            packed = marshal.dumps(value)  # type: ignore[arg-type]  # callers know
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, packed))


def reads_path(path: str, names: Collection[str]) -> bool:
    """Tell whether any recorded test read one of these paths; no, if there is no store."""
    marks = ",".join("?" * len(names))
    query = f"SELECT 1 FROM need WHERE kind IN ('D', 'L', 'X') AND path IN ({marks}) LIMIT 1"  # noqa: S608 - marks
    return _look(path, query, tuple(names)) is not None


def read_setting(path: str, name: str) -> object:
    """Return a value that was stored; None if there is none."""
    found = _look(path, "SELECT value FROM setting WHERE name = ?", (name,))
    value: object = marshal.loads(found) if isinstance(found, bytes) else None  # noqa: S302 - written by ourselves
    return value


def _look(path: str, query: str, values: tuple[str, ...]) -> object:
    if not os.path.exists(path):
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1)) as connection:
            found = connection.execute(query, values).fetchone()
    except sqlite3.Error:
        return None
    return found[0] if found else None


def unpack(packed: bytes) -> Iterator[int]:
    """Give the numbers of a set."""
    numbers = array("I")
    numbers.frombytes(zlib.decompress(packed))
    total = 0
    for number in numbers:
        total += number
        yield total


def _differences(numbers: array[int]) -> array[int]:
    before = 0
    found = array("I")
    for number in numbers:
        found.append(number - before)
        before = number
    return found


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _number(cursor: sqlite3.Cursor) -> int:
    return int(cursor.fetchone()[0])


def _is_damage(error: Exception) -> bool:
    text = str(error)
    return "malformed" in text or "not a database" in text or "disk image" in text
