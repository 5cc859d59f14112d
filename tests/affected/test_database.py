"""The file of the store: opened late, set aside when damaged."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.database import Database, StoreError, look, restored, storable
from pytest_zygote.affected.written_files import WrittenFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATEMENTS = ("PRAGMA user_version = 7", "CREATE TABLE IF NOT EXISTS item (name TEXT)")


@pytest.fixture(name="warnings")
def _warnings() -> list[str]:
    return []


@pytest.fixture(name="database")
def _database(tmp_path: Path, warnings: list[str]) -> Iterator[Database]:
    made = Database(str(tmp_path / "cache" / "items.db"), STATEMENTS, 7, warnings.append)
    yield made
    made.close()  # from Python 3.13 on, one that is only dropped is a warning, in whatever test runs then


def add(database: Database, name: str) -> None:
    """Store a name."""
    with database.using() as connection:
        connection.execute("INSERT INTO item VALUES (?)", (name,))


def add_and_fail(database: Database) -> None:
    """Fail in the middle of a transaction."""
    with database.writing() as connection:
        connection.execute("INSERT INTO item VALUES ('a')")
        _ = 1 // 0


def names(database: Database) -> list[str]:
    """Return what is stored."""
    with database.using() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM item")]


def test_there_is_no_file_before_the_first_need(database: Database, tmp_path: Path) -> None:
    """A run that stores nothing leaves nothing."""
    assert not (tmp_path / "cache").exists()

    assert names(database) == []
    assert (tmp_path / "cache" / "items.db").exists()


def test_what_is_stored_is_there_after_closing(database: Database) -> None:
    """The connection is opened anew."""
    add(database, "a")
    database.close()

    assert names(database) == ["a"]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    """Whatever ended it."""
    with pytest.raises(ZeroDivisionError):
        add_and_fail(database)

    assert names(database) == []
    assert not database.is_broken


def test_a_transaction_that_ends_well_is_stored(database: Database) -> None:
    """As a whole."""
    with database.writing() as connection:
        connection.executemany("INSERT INTO item VALUES (?)", [("a",), ("b",)])

    assert names(database) == ["a", "b"]


def test_a_damaged_file_is_set_aside_and_begun_anew(database: Database, tmp_path: Path, warnings: list[str]) -> None:
    """With a line that says where it is now."""
    add(database, "a")
    database.close()
    (tmp_path / "cache" / "items.db").write_bytes(b"no database" * 1000)

    assert names(database) == []
    assert (tmp_path / "cache" / "items.db.damaged").read_bytes().startswith(b"no database")
    assert len(warnings) == 1
    assert "it is now items.db.damaged" in warnings[0]


def test_an_error_ends_recording_with_one_line(database: Database, warnings: list[str]) -> None:
    """Not the run; later calls fail at once."""
    for _ in range(2):
        with pytest.raises(StoreError), database.using() as connection:
            connection.execute("SELECT nothing FROM nowhere")

    assert database.is_broken
    assert len(warnings) == 1
    assert "results are not recorded from here on" in warnings[0]


def test_a_folder_that_cannot_be_made_is_such_an_error(tmp_path: Path, warnings: list[str]) -> None:
    """A file is in its place."""
    (tmp_path / "cache").write_text("")
    database = Database(str(tmp_path / "cache" / "items.db"), STATEMENTS, 7, warnings.append)

    with pytest.raises(StoreError):
        names(database)
    assert len(warnings) == 1


def test_a_connection_does_not_cross_a_fork(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process opens its own, and does not close that of its parent, whose locks would end."""
    with database.using() as parents, monkeypatch.context() as child:
        child.setattr("os.getpid", lambda: -1)
        with database.using() as connection:
            assert connection is not parents
        database.close()
    parents.execute("SELECT 1")
    parents.close()


def test_a_look_makes_no_file(tmp_path: Path) -> None:
    """And finds nothing there."""
    path = tmp_path / "items.db"

    assert look(str(path), "SELECT name FROM item", ()) is None
    assert not path.exists()


def test_a_look_finds_the_first_value(database: Database, tmp_path: Path) -> None:
    """None if there is no row, or no such table."""
    add(database, "a")

    assert look(database.path, "SELECT name FROM item WHERE name = ?", ("a",)) == "a"
    assert look(database.path, "SELECT name FROM item WHERE name = ?", ("b",)) is None
    assert look(database.path, "SELECT name FROM nowhere", ()) is None
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")):
        assert look(str(tmp_path / "other.db"), "SELECT name FROM item", ()) is None


def test_watch_mode_learns_what_a_run_writes(tmp_path: Path) -> None:
    """Once it has made the list; only files of the project."""
    files = WrittenFiles(str(tmp_path / ".cache" / "zygote" / "store.db"), str(tmp_path))
    files.add(str(tmp_path / "early.py"))
    files.begin()
    for path in ("made.py", "deep/made.txt", "made.py"):
        files.add(str(tmp_path / path))
    files.add("/elsewhere/x")

    assert files.all() == {"made.py", "deep/made.txt"}
    assert (tmp_path / ".cache" / ".gitignore").exists()


def test_names_that_are_no_utf8_can_be_stored() -> None:
    """As files may have."""
    for name in ("plain.txt", "größe", "data\udcff.txt"):
        assert restored(storable(name)) == name
        storable(name).encode()
