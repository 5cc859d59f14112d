"""What is asked of Django's connections, and done to them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.django import connections

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.django.connections import Connection


class Creation:
    """Removes databases."""

    def __init__(self) -> None:
        """Have removed none."""
        self.removed: list[str] = []

    def _destroy_test_db(self, name: str, verbosity: int) -> None:
        del verbosity
        self.removed.append(name)


class Server:
    """A connection to a server that has some databases."""

    vendor = "postgresql"
    wrap_database_errors = contextlib.nullcontext()

    def __init__(self, *names: str) -> None:
        """Have databases of these names."""
        self.names = names
        self.settings_dict = {"NAME": "shop"}
        self.creation = Creation()
        self.closed = 0
        self.closed_pools = 0

    def connect(self) -> None:
        """Connect to the database that the settings name."""
        if self.settings_dict["NAME"] not in self.names:
            raise pytest.importorskip("django.db").OperationalError("no such database")

    def close(self) -> None:
        """Count."""
        self.closed += 1

    def close_pool(self) -> None:
        """Count."""
        self.closed_pools += 1


def test_the_connections_of_this_thread(memory: Connection) -> None:
    """One for each database in the settings."""
    assert connections.of_this_thread() == [memory]


def test_what_is_in_memory(memory: Connection) -> None:
    """SQLite's own names say it; a server has nothing in memory, whatever its database is called."""
    assert connections.is_in_memory(memory, ":memory:")
    assert connections.is_in_memory(memory, "file:memorydb_default?mode=memory&cache=shared")
    assert not connections.is_in_memory(memory, "test.sqlite3")
    assert not connections.is_in_memory(Server(), ":memory:")  # type: ignore[arg-type]


def test_a_file_exists_or_does_not(memory: Connection, tmp_path: Path) -> None:
    """Without connecting, which would create it."""
    path = tmp_path / "test.sqlite3"
    assert not connections.exists(memory, str(path))
    path.touch()
    assert connections.exists(memory, str(path))
    connections.remove(memory, str(path))
    assert not path.exists()


def test_a_database_of_a_server_exists_if_it_can_be_connected_to() -> None:
    """The connection is closed before and after, with its pool, and has its own name again."""
    server = Server("test_gw0")
    assert connections.exists(server, "test_gw0")  # type: ignore[arg-type]
    assert not connections.exists(server, "test_gw1")  # type: ignore[arg-type]
    assert server.settings_dict == {"NAME": "shop"}
    assert (server.closed, server.closed_pools) == (4, 4)


def test_only_what_exists_is_removed() -> None:
    """A worker may have removed its copy already."""
    server = Server("test_gw0")
    for name in ("test_gw0", "test_gw1"):
        connections.remove(server, name)  # type: ignore[arg-type]
    assert server.creation.removed == ["test_gw0"]


def test_names_are_restored(memory: Connection) -> None:
    """Those of the databases and of their test databases, whatever pytest-django has made of them."""
    names = connections.DatabaseNames()
    test = memory.settings_dict["TEST"]
    assert isinstance(test, dict)
    before = memory.settings_dict["NAME"], test["NAME"]
    memory.settings_dict["NAME"], test["NAME"] = "x_gw0", "test_x_gw0"
    names.restore()
    assert (memory.settings_dict["NAME"], test["NAME"]) == before


def test_settings_decide_the_content(memory: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy is compared by them with what a worker would create."""
    before = connections.decisive_settings(memory)
    assert connections.decisive_settings(memory) == before
    monkeypatch.setattr("django.conf.settings.LANGUAGE_CODE", "de")
    assert connections.decisive_settings(memory) != before
