"""A test database of Django that is created once, and copied where another process would create the same.

Copies are made by Django's own way to run tests in parallel, `clone_test_db` of the backend. A database of SQLite in
memory needs no copy, since a fork has one of its own, as long as the connection that holds it stays open.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.databases import copy_name
from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.django import connections
from pytest_zygote.django.connections import close_all, decisive_settings, is_in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_zygote.django.connections import Closable, Connection, Create


class NotCloneable(ZygoteError):  # noqa: N818 - not an error: workers create their databases themselves
    """Why databases are not copied."""


# Neither the options of a database nor the rights on it are copied with it.
BEYOND_COPIES = """
    SELECT 1 FROM pg_catalog.pg_database AS d
    WHERE d.datname = current_database() AND (
        d.datacl IS NOT NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_db_role_setting AS s WHERE s.setdatabase = d.oid)
    )
"""


class OriginalDatabase:
    """A test database that workers get copies of.

    Attributes:
        connection: Django's, which was to it when it was created.
        name: of the database.
        is_in_memory: whether it has no file and no server.
    """

    def __init__(self, connection: Connection) -> None:
        """Be about to be created."""
        self.connection = connection
        self.name = connection.creation._get_test_db_name()  # noqa: SLF001 - as above
        self.is_in_memory = is_in_memory(connection, self.name)
        self._settings = decisive_settings(connection)
        self._open: Closable | None = None

    def check(self) -> None:
        """Check that it can be copied at all.

        Raises:
            NotCloneable: it cannot.
        """
        creation = type(self.connection.creation)
        base = importlib.import_module("django.db.backends.base.creation").BaseDatabaseCreation
        if self.is_in_memory and "cache=shared" not in self.name:
            raise NotCloneable("a database in memory belongs to one connection")
        if creation._clone_test_db is base._clone_test_db:  # noqa: SLF001 - as above
            raise NotCloneable(f"Django cannot copy databases of {self.connection.vendor}")

    def check_created(self) -> None:
        """Check that a copy has all that it has.

        Raises:
            NotCloneable: it has not.
        """
        if self.connection.vendor == "postgresql":
            with self.connection.cursor() as cursor:
                cursor.execute(BEYOND_COPIES)
                if cursor.fetchone() is not None:
                    raise NotCloneable("a migration sets options of the database, or rights on it")

    def name_in(self, worker: str) -> str:
        """Return the name that pytest-django gives the database of a worker.

        Raises:
            NotCloneable: it cannot be known.
        """
        try:
            return copy_name(self.name, worker)
        except ValueError as error:
            raise NotCloneable(str(error)) from None

    def disconnect(self) -> None:
        """Close the connection, which a fork must not share; in memory it stays open, and nobody uses it."""
        if self.is_in_memory:
            self._open, self.connection.connection = self.connection.connection, None
        else:
            close_all(self.connection)

    def remove(self, workers: Iterable[str]) -> None:
        """Remove it, and those copies of workers that exist."""
        if self.is_in_memory:
            if self._open is not None:
                self._open.close()
            return
        for name in (self.name, *map(self.name_in, workers)):
            connections.remove(self.connection, name)

    def is_same(self) -> bool:
        """Return whether what would be created now has the same content."""
        return decisive_settings(self.connection) == self._settings

    def copy(self, verbosity: int) -> str:
        """Do what `create_test_db` does, but copy instead of migrating; return the name of the copy."""
        connection, creation = self.connection, self.connection.creation
        name = creation._get_test_db_name()  # noqa: SLF001 - as above
        connection.close()
        if not self.is_in_memory:
            self._clone(name, verbosity)
        databases = importlib.import_module("django.conf").settings.DATABASES
        databases[connection.alias]["NAME"] = connection.settings_dict["NAME"] = name
        connection.ensure_connection()
        return name

    def _clone(self, name: str, verbosity: int) -> None:
        connection, creation = self.connection, self.connection.creation
        before = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = self.name
        settings = {**connection.settings_dict, "NAME": name}
        creation.get_test_db_clone_settings = lambda _: settings
        try:
            creation.clone_test_db(suffix="", verbosity=verbosity)
        finally:
            del creation.get_test_db_clone_settings
            connection.settings_dict["NAME"] = before


@contextlib.contextmanager
def replaced_creation(replace: Callable[[Connection, Create], Create]) -> Iterator[None]:
    """Have something else called where Django would create a test database.

    Args:
        replace: given a connection and its `create_test_db`, returns what is called instead.
    """
    known = connections.of_this_thread()
    for connection in known:
        connection.creation.create_test_db = replace(connection, connection.creation.create_test_db)
    try:
        yield
    finally:
        for connection in known:
            del connection.creation.create_test_db


def recording(
    originals: dict[str, OriginalDatabase], check: Callable[[OriginalDatabase], None]
) -> Callable[[Connection, Create], Create]:
    """Return the replacement of `create_test_db` that creates the databases which are copied later.

    Args:
        originals: to which they are added, by alias.
        check: raises `NotCloneable` before one is created that is not wanted.
    """

    def replace(connection: Connection, create: Create) -> Create:
        def create_test_db(**options: object) -> str:
            original = OriginalDatabase(connection)
            original.check()
            check(original)
            originals[connection.alias] = original
            name = create(**options)
            original.check_created()
            return name

        return create_test_db

    return replace


def copying(originals: dict[str, OriginalDatabase]) -> Callable[[Connection, Create], Create]:
    """Return the replacement of `create_test_db` that copies, and creates what would be another database."""

    def replace(connection: Connection, create: Create) -> Create:
        original = originals.get(connection.alias)

        def create_test_db(**options: object) -> str:
            if original is None or not original.is_same() or _is_there(connection, options):
                return create(**options)
            try:
                return original.copy(int(str(options.get("verbosity", 1))))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - Django ends the process if it cannot copy
                sys.stderr.write(f"zygote: this worker makes the database itself: {error!r}\n")
                return create(**options)

        return create_test_db

    return replace


def _is_there(connection: Connection, options: dict[str, object]) -> bool:
    """Return whether an earlier run has left a database that is to be used again."""
    name = connection.creation._get_test_db_name()  # noqa: SLF001 - as above
    return bool(options.get("keepdb")) and not is_in_memory(connection, name) and connections.exists(connection, name)
