"""Test databases that are created once, and copied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.django.test_databases import (
    NotCloneable,
    OriginalDatabase,
    copying,
    recording,
    replaced_creation,
)

if TYPE_CHECKING:
    from pytest_zygote.django.connections import Connection

QUIET: dict[str, object] = {"verbosity": 0, "autoclobber": True}


def create(connection: Connection, originals: dict[str, OriginalDatabase], **options: object) -> str:
    """Create a test database as the run process does; return its name."""
    with replaced_creation(recording(originals, lambda _: None)):
        return connection.creation.create_test_db(**QUIET, **options)


def copy(connection: Connection, originals: dict[str, OriginalDatabase], **options: object) -> str:
    """Create a test database as a worker does; return its name."""
    with replaced_creation(copying(originals)):
        return connection.creation.create_test_db(**QUIET, **options)


def rows(connection: Connection) -> int:
    """Return how many rows the only table has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM product")
        row = cursor.fetchone()
    assert isinstance(row, tuple)
    return int(row[0])


def fill(connection: Connection) -> None:
    """Do what migrations would do."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE product (name text)")
        cursor.execute("INSERT INTO product VALUES ('seeded')")


def become_worker(connection: Connection, name: str) -> None:
    """Name the databases as they are named in a worker: pytest-django gives the test database another name."""
    connection.settings_dict["NAME"] = "shop.sqlite3"
    test = connection.settings_dict["TEST"]
    assert isinstance(test, dict)
    test["NAME"] = str(test["NAME"]).replace("_zygote", f"_{name}")


def test_a_file_is_copied_with_all_that_is_in_it(file: Connection) -> None:
    """A worker writes into its own copy."""
    originals: dict[str, OriginalDatabase] = {}
    name = create(file, originals)
    fill(file)
    originals["default"].disconnect()
    become_worker(file, "gw0")
    assert copy(file, originals) == originals["default"].name_in("gw0") != name
    assert rows(file) == 1
    with file.cursor() as cursor:
        cursor.execute("INSERT INTO product VALUES ('mine')")
    file.close()
    file.settings_dict["NAME"] = name
    assert rows(file) == 1
    file.close()
    originals["default"].remove(["gw0", "gw1"])
    assert not list(Path(name).parent.iterdir())


def test_memory_needs_no_copy(memory: Connection) -> None:
    """As long as one connection stays open, the next one sees what is there."""
    originals: dict[str, OriginalDatabase] = {}
    name = create(memory, originals)
    fill(memory)
    originals["default"].disconnect()
    assert memory.connection is None
    assert copy(memory, originals) == name
    assert rows(memory) == 1
    originals["default"].remove([])


def test_creation_is_djangos_own_again(memory: Connection) -> None:
    """Once the block has ended, also by an error."""
    before = memory.creation.create_test_db
    with pytest.raises(ZeroDivisionError), replaced_creation(lambda _, create: create):
        raise ZeroDivisionError
    assert memory.creation.create_test_db == before


def test_another_database_is_created_where_settings_differ(file: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixture of the project has changed them in the worker."""
    originals: dict[str, OriginalDatabase] = {}
    create(file, originals)
    fill(file)
    originals["default"].disconnect()
    become_worker(file, "gw0")
    monkeypatch.setattr("django.conf.settings.LANGUAGE_CODE", "de")
    copy(file, originals)
    assert_has_no_table(file)


def test_a_database_that_is_reused_is_not_copied(file: Connection) -> None:
    """With --reuse-db an earlier run has left it."""
    originals: dict[str, OriginalDatabase] = {}
    create(file, originals)
    fill(file)
    originals["default"].disconnect()
    become_worker(file, "gw0")
    Path(originals["default"].name_in("gw0")).touch()
    copy(file, originals, keepdb=True)
    assert_has_no_table(file)


def test_a_database_of_another_alias_is_created(file: Connection) -> None:
    """It was not known when the originals were created."""
    copy(file, {})
    assert_has_no_table(file)


def test_what_cannot_be_copied_after_all_is_created(file: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    """Django ends the process where it cannot copy; the worker says so, and goes on."""
    originals: dict[str, OriginalDatabase] = {}
    name = create(file, originals)
    originals["default"].disconnect()
    Path(name).unlink()
    become_worker(file, "gw0")
    copy(file, originals)
    assert "zygote: this worker makes the database itself: " in capsys.readouterr().err
    assert_has_no_table(file)


def assert_has_no_table(connection: Connection) -> None:
    """Check that a database was created, and not copied."""
    with pytest.raises(pytest.importorskip("django.db").OperationalError, match="no such table"):
        rows(connection)


def test_memory_of_one_connection_cannot_be_shared(memory: Connection) -> None:
    """Only SQLite's shared cache can."""
    original = OriginalDatabase(memory)
    original.check()
    original.name = ":memory:"
    with pytest.raises(NotCloneable, match="belongs to one connection"):
        original.check()


def test_a_backend_that_cannot_copy(file: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is created in vain."""
    base = pytest.importorskip("django.db.backends.base.creation").BaseDatabaseCreation
    monkeypatch.setattr(type(file.creation), "_clone_test_db", base._clone_test_db)  # noqa: SLF001 - Django's own
    originals: dict[str, OriginalDatabase] = {}
    with pytest.raises(NotCloneable, match="Django cannot copy databases of sqlite"):
        create(file, originals)
    assert not originals


def test_a_database_that_nobody_wants_is_not_created(file: Connection) -> None:
    """The caller's check comes before the creation."""

    def check(original: OriginalDatabase) -> None:
        raise NotCloneable(original.connection.alias)

    with pytest.raises(NotCloneable, match="default"), replaced_creation(recording({}, check)):
        file.creation.create_test_db(**QUIET)
    assert not Path(OriginalDatabase(file).name).exists()


def test_a_name_that_is_not_pytest_djangos(memory: Connection) -> None:
    """Its copies are not named by guessing."""
    with pytest.raises(NotCloneable, match="would be called in a worker"):
        OriginalDatabase(memory).name_in("gw0")
