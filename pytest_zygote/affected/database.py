"""The file of the store: opened late, in each process anew, set aside when damaged.

A connection must not cross a fork: each process opens its own when it first needs one. What goes
wrong ends recording, never the run, and the user is warned once.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from pytest_zygote.core.protocol.errors import ZygoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MARK = "\0"

BUSY_S = 20.0
"""How long another process may hold the file."""


class StoreError(ZygoteError):
    """The store cannot be used; the user has been warned, with the reason."""


class Database:
    """One SQLite file, for as many processes as there are.

    Attributes:
        path: of the file.
        is_broken: whether it is not used any more; set it, and the file is left alone.
    """

    def __init__(self, path: str, statements: Sequence[str], schema: int, warn: Callable[[str], None]) -> None:
        """Use this file, from the first need on.

        Args:
            path: of the file.
            statements: make the tables of a new file. (`executescript` would commit an open transaction.)
            schema: number of these tables.
            warn: prints what went wrong, and what was done.
        """
        self.path = path
        self.is_broken = False
        self._statements = statements
        self._schema = schema
        self._warn = warn
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._inherited: list[sqlite3.Connection] = []

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; each statement is a transaction of its own.

        Raises:
            StoreError: the file cannot be used.
        """
        if self.is_broken:
            raise StoreError(self.path)
        try:
            yield self._open()
        except (sqlite3.Error, OSError, ValueError) as error:
            self._fail(error)
            raise StoreError(self.path) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection in a transaction, which leaves nothing behind if it does not end well.

        Raises:
            StoreError: the file cannot be used.
        """
        with self.using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None

    def _fail(self, error: Exception) -> None:
        self.is_broken = True
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if _is_damage(error):
            self._set_aside(error)
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
            self._set_aside(error)
            self._connection = self._connect()
        self._pid = os.getpid()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        make_folder(os.path.dirname(self.path))
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != self._schema:
                connection.execute("BEGIN IMMEDIATE")
                for statement in self._statements:
                    connection.execute(statement)
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: Exception) -> None:
        aside = f"{self.path}.damaged"
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(self.path + suffix)
        with contextlib.suppress(OSError):
            os.replace(self.path, aside)
        self._warn(f"affected: {self.path} is damaged ({error}); it is now {os.path.basename(aside)}")


def make_folder(folder: str) -> None:
    """Make the folder of the store, and with pytest's cache folder around it the file that hides it from git."""
    cache = os.path.dirname(folder)
    is_new = not os.path.exists(cache)
    os.makedirs(folder, exist_ok=True)
    if is_new:
        with open(os.path.join(cache, ".gitignore"), "w", encoding="utf-8") as file:
            file.write("# Created by pytest automatically.\n*\n")


def look(path: str, query: str, values: tuple[str, ...]) -> object:
    """Return the first value that a query finds in a file; None if there is none. The file is not created."""
    if not os.path.exists(path):
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1)) as connection:
            found = connection.execute(query, values).fetchone()
    except sqlite3.Error:
        return None
    return found[0] if found else None


def storable(text: str) -> str:
    """Return a text as SQLite can store it: one that is no UTF-8, as names of files may be, has a mark."""
    if text.isascii() or _is_utf8(text):
        return text
    return _MARK + os.fsencode(text).decode("latin-1")


def restored(text: str) -> str:
    """Return what `storable` was called with."""
    return os.fsdecode(text[1:].encode("latin-1")) if text.startswith(_MARK) else text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_damage(error: Exception) -> bool:
    text = str(error)
    return "malformed" in text or "not a database" in text or "disk image" in text
