"""Django, configured for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.django import connections
from tests.support.django import configured_connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.django.connections import Connection

MEMORY = "file:memorydb_default?mode=memory&cache=shared"


@pytest.fixture
def memory() -> Iterator[Connection]:
    """Return a connection of the real Django, whose test database is one of SQLite in memory."""
    connection = configured_connection()
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
