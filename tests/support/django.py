"""Django in the process of the tests: one database, of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.django import connections

if TYPE_CHECKING:
    from pytest_zygote.django.connections import Connection


def configured_connection() -> Connection:
    """Configure Django, once for all tests, and return its connection; skip the test without Django."""
    conf = pytest.importorskip("django.conf")
    if not conf.settings.configured:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}
        options = {"INSTALLED_APPS": [], "USE_TZ": True, "SECRET_KEY": "x"}
        conf.settings.configure(DATABASES={"default": database}, **options)
        pytest.importorskip("django").setup()
    (connection,) = connections.of_this_thread()
    return connection
