"""A test database of Django that is made once, and copied where another process would make the same.

It is Django's own way to run tests in parallel: `clone_test_db` of the backend. A database of SQLite in memory needs no
copy, since a fork has one of its own, as long as the connection stays open that keeps it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from typing import TYPE_CHECKING, Protocol

from pytest_zygote.core.parallel.databases import copy_name, decisive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Create(Protocol):
    """Makes a test database."""

    def __call__(self, **options: object) -> str:
        """Make it; return its name."""


class NotCloneable(Exception):  # noqa: N818 - not an error: workers make their databases themselves
    """Why databases are not copied."""


class Creation(Protocol):
    """What a backend knows of test databases."""

    create_test_db: Create
    get_test_db_clone_settings: Callable[[str], dict[str, object]]

    def clone_test_db(self, suffix: str, verbosity: int) -> None:
        """Copy the one that the connection is to."""

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
        """End it."""

    def connect(self) -> None:
        """Open it."""

    def ensure_connection(self) -> None:
        """Open it if it is not."""

    def cursor(self) -> contextlib.AbstractContextManager[Cursor]:
        """Return what executes statements."""


class Closable(Protocol):
    """A connection of the library below Django."""

    def close(self) -> None:
        """End it."""


class Cursor(Protocol):
    """Executes statements."""

    def execute(self, statement: str) -> object:
        """Execute."""

    def fetchone(self) -> object:
        """Return a row of the result, if there is one."""


# Neither the options of a database nor the rights on it are copied with it.
BEYOND_COPIES = """
    SELECT 1 FROM pg_catalog.pg_database AS d
    WHERE d.datname = current_database() AND (
        d.datacl IS NOT NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_db_role_setting AS s WHERE s.setdatabase = d.oid)
    )
"""


def connections() -> list[Connection]:
    """Return the connections of this thread, open or not."""
    known = importlib.import_module("django.db").connections
    return [known[alias] for alias in known]


def is_in_memory(connection: Connection, name: str) -> bool:
    """Tell whether this is a database of SQLite without a file."""
    return connection.vendor == "sqlite" and connection.creation.is_in_memory_db(name)  # type: ignore[attr-defined]


def let_go(connection: Connection) -> None:
    """Close a connection, and those that wait in a pool."""
    connection.close()
    close_pool = getattr(connection, "close_pool", None)
    if close_pool is not None:
        close_pool()


def exists(connection: Connection, name: str) -> bool:
    """Tell whether there is a database of this name, by connecting to it."""
    if connection.vendor == "sqlite":
        return os.path.exists(name)
    before = connection.settings_dict["NAME"]
    let_go(connection)
    connection.settings_dict["NAME"] = name
    try:
        with connection.wrap_database_errors:
            connection.connect()
    except importlib.import_module("django.db").Error:
        return False
    finally:
        let_go(connection)
        connection.settings_dict["NAME"] = before
    return True


def remove(connection: Connection, name: str) -> None:
    """Remove a database if it exists."""
    if exists(connection, name):
        connection.creation._destroy_test_db(name, 0)  # noqa: SLF001 - Django has no other name for it


def facts(connection: Connection) -> dict[str, str]:
    """Return what decides about the content of a database that is made now."""
    settings = importlib.import_module("django.conf").settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some settings warn whoever looks at them
        known = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    return decisive(known, connection.settings_dict)


class Names:
    """What databases were called before pytest-django gave them the names that they have in tests."""

    def __init__(self) -> None:
        """Take note."""
        self._noted = [
            (settings, settings["NAME"])
            for connection in connections()
            for settings in (connection.settings_dict, connection.settings_dict["TEST"])
            if isinstance(settings, dict)
        ]

    def restore(self) -> None:
        """Give them back."""
        for settings, name in self._noted:
            settings["NAME"] = name


class Original:
    """A database of tests that is copied.

    Attributes:
        connection: to it, while it was made.
        name: what it is called.
    """

    def __init__(self, connection: Connection) -> None:
        """Be about to be made."""
        self.connection = connection
        self.name = connection.creation._get_test_db_name()  # noqa: SLF001 - as above
        self.is_in_memory = is_in_memory(connection, self.name)
        self._facts = facts(connection)
        self._kept: Closable | None = None

    def check(self) -> None:
        """Look whether it can be copied at all.

        Raises:
            Unfit: it cannot.
        """
        creation = type(self.connection.creation)
        base = importlib.import_module("django.db.backends.base.creation").BaseDatabaseCreation
        if self.is_in_memory and "cache=shared" not in self.name:
            raise NotCloneable("a database in memory belongs to one connection")
        if creation._clone_test_db is base._clone_test_db:  # noqa: SLF001 - as above
            raise NotCloneable(f"Django cannot copy databases of {self.connection.vendor}")

    def check_made(self) -> None:
        """Look whether a copy is all of it.

        Raises:
            Unfit: it is not.
        """
        if self.connection.vendor == "postgresql":
            with self.connection.cursor() as cursor:
                cursor.execute(BEYOND_COPIES)
                if cursor.fetchone() is not None:
                    raise NotCloneable("a migration sets options of the database, or rights on it")

    def name_in(self, worker: str) -> str:
        """Return what the copy of a worker is called.

        Raises:
            Unfit: nobody knows.
        """
        try:
            return copy_name(self.name, worker)
        except ValueError as error:
            raise NotCloneable(str(error)) from None

    def put_away(self) -> None:
        """Close the connection, which a fork must not share; in memory it is kept, and used by nobody."""
        if self.is_in_memory:
            self._kept, self.connection.connection = self.connection.connection, None
        else:
            let_go(self.connection)

    def remove(self, workers: Iterable[str]) -> None:
        """Remove it, and copies of workers if they are there."""
        if self.is_in_memory:
            if self._kept is not None:
                self._kept.close()
            return
        for name in (self.name, *map(self.name_in, workers)):
            remove(self.connection, name)

    def is_same(self) -> bool:
        """Tell whether what would be made now is the same."""
        return facts(self.connection) == self._facts

    def copy(self, verbosity: int) -> str:
        """Do in place of `create_test_db` what it does, but for the migrations; return the name of the copy."""
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
def making(make: Callable[[Connection, Create], Create]) -> Iterator[None]:
    """Have something else called where Django would make a test database.

    Args:
        make: given a connection and what makes its database, returns what is called in its place.
    """
    known = connections()
    for connection in known:
        connection.creation.create_test_db = make(connection, connection.creation.create_test_db)
    try:
        yield
    finally:
        for connection in known:
            del connection.creation.create_test_db


def recorder(
    originals: dict[str, Original], check: Callable[[Original], None]
) -> Callable[[Connection, Create], Create]:
    """Return what makes databases that are to be copied, and notes them.

    Args:
        originals: where they are noted, by alias.
        check: raises `NotCloneable` before one is made that is not wanted.
    """

    def make(connection: Connection, create: Create) -> Create:
        def create_test_db(**options: object) -> str:
            original = Original(connection)
            original.check()
            check(original)
            originals[connection.alias] = original
            name = create(**options)
            original.check_made()
            return name

        return create_test_db

    return make


def copier(originals: dict[str, Original]) -> Callable[[Connection, Create], Create]:
    """Return what copies databases, and makes those that would be others."""

    def make(connection: Connection, create: Create) -> Create:
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

    return make


def _is_there(connection: Connection, options: dict[str, object]) -> bool:
    """Tell whether an earlier run has left a database that is to be used."""
    name = connection.creation._get_test_db_name()  # noqa: SLF001 - as above
    return bool(options.get("keepdb")) and not is_in_memory(connection, name) and exists(connection, name)
