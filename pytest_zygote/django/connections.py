"""Connections to databases as Django has them, and what is asked of them and done to them here."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Protocol

from pytest_zygote.core.parallel.databases import decisive

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable


class Create(Protocol):
    """Django's `create_test_db`, or what stands in its place."""

    def __call__(self, **options: object) -> str:
        """Create a test database; return its name."""


class Creation(Protocol):
    """What a backend knows of test databases."""

    create_test_db: Create
    get_test_db_clone_settings: Callable[[str], dict[str, object]]

    def clone_test_db(self, suffix: str, verbosity: int) -> None:
        """Copy the database of the connection."""

    def _clone_test_db(self, suffix: str, verbosity: int) -> None: ...
    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None: ...
    def _get_test_db_name(self) -> str: ...


class Connection(Protocol):
    """A connection to a database, as Django has it."""

    alias: str
    vendor: str
    connection: Closable | None
    creation: Creation
    settings_dict: dict[str, object]
    wrap_database_errors: contextlib.AbstractContextManager[None]

    def close(self) -> None:
        """Close it."""

    def connect(self) -> None:
        """Open it."""

    def ensure_connection(self) -> None:
        """Open it if it is closed."""

    def cursor(self) -> contextlib.AbstractContextManager[Cursor]:
        """Return what executes statements."""


class Closable(Protocol):
    """A connection of the library that Django uses."""

    def close(self) -> None:
        """Close it."""


class Cursor(Protocol):
    """What executes statements."""

    def execute(self, statement: str) -> object:
        """Execute a statement."""

    def fetchone(self) -> object:
        """Return the next row of the result; None if there is none."""


def of_this_thread() -> list[Connection]:
    """Return the connections of this thread, open or not."""
    known = importlib.import_module("django.db").connections
    return [known[alias] for alias in known]


def is_in_memory(connection: Connection, name: str) -> bool:
    """Return whether this is a database of SQLite without a file."""
    return connection.vendor == "sqlite" and connection.creation.is_in_memory_db(name)  # type: ignore[attr-defined]


def close_all(connection: Connection) -> None:
    """Close a connection, and those of its pool."""
    connection.close()
    close_pool = getattr(connection, "close_pool", None)
    if close_pool is not None:
        close_pool()


def exists(connection: Connection, name: str) -> bool:
    """Return whether there is a database of this name, by connecting to it."""
    if connection.vendor == "sqlite":
        return os.path.exists(name)
    before = connection.settings_dict["NAME"]
    close_all(connection)
    connection.settings_dict["NAME"] = name
    try:
        with connection.wrap_database_errors:
            connection.connect()
    except importlib.import_module("django.db").Error:
        return False
    finally:
        close_all(connection)
        connection.settings_dict["NAME"] = before
    return True


def remove(connection: Connection, name: str) -> None:
    """Remove a database if it exists."""
    if exists(connection, name):
        connection.creation._destroy_test_db(name, 0)  # noqa: SLF001 - Django has no other name for it


def decisive_settings(connection: Connection) -> dict[str, str]:
    """Return the settings that decide the content of a database that is created now."""
    settings = importlib.import_module("django.conf").settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some settings warn when they are read
        known = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    return decisive(known, connection.settings_dict)


class DatabaseNames:
    """The names of all databases in Django's settings, as they were when this was made."""

    def __init__(self) -> None:
        """Remember the names, which pytest-django is about to change for the tests."""
        self._names = [
            (settings, settings["NAME"])
            for connection in of_this_thread()
            for settings in (connection.settings_dict, connection.settings_dict["TEST"])
            if isinstance(settings, dict)
        ]

    def restore(self) -> None:
        """Set all names back."""
        for settings, name in self._names:
            settings["NAME"] = name
