"""Django, configured for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.django import connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.django.connections import Connection

MEMORY = "file:memorydb_default?mode=memory&cache=shared"


@pytest.fixture
def memory() -> Iterator[Connection]:
    """Return a connection of the real Django, whose test database is one of SQLite in memory."""
    connection = _connection()
    names = connections.DatabaseNames()
    yield connection
    connection.close()
    names.restore()


@pytest.fixture
def file(memory: Connection, tmp_path: Path) -> Connection:
    """Return a connection of the real Django, whose test database is a file named as pytest-django names it."""
    test = memory.settings_dict["TEST"]
    assert isinstance(test, dict)
    test["NAME"] = str(tmp_path / "test.sqlite3_zygote")
    return memory


def _connection() -> Connection:
    conf = pytest.importorskip("django.conf")
    if not conf.settings.configured:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}
        options = {"INSTALLED_APPS": [], "USE_TZ": True, "SECRET_KEY": "x"}
        conf.settings.configure(DATABASES={"default": database}, **options)
        pytest.importorskip("django").setup()
    (connection,) = connections.of_this_thread()
    return connection
