"""Tests that each worker must run last, because they destroy what others need.

A test that empties all tables at its end also deletes the rows that migrations have created. pytest-django sorts such
tests behind all others that use a database, and so must each worker.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

EMPTYING = frozenset({"transactional_db", "live_server"})
"""Fixtures with which a test may commit (pytest-django's documentation, "Order of tests")."""


def uses_django(config: pytest.Config) -> bool:
    """Return whether this project uses Django; that pytest-django is installed does not mean that it does."""
    conf = sys.modules.get("django.conf")
    return config.pluginmanager.hasplugin("django") and conf is not None and bool(conf.settings.configured)


def late_tests(items: Sequence[pytest.Item]) -> Callable[[pytest.Item], bool]:
    """Return a predicate: whether a test of this session must come after all others."""
    if not items or not uses_django(items[0].config):
        return lambda _: False
    classes = importlib.import_module("django.test")

    def is_late(item: pytest.Item) -> bool:
        cls = getattr(item, "cls", None)
        if cls is not None and issubclass(cls, classes.TransactionTestCase):
            return not issubclass(cls, classes.TestCase)
        return _may_commit(item.get_closest_marker("django_db")) or not EMPTYING.isdisjoint(
            getattr(item, "fixturenames", ())
        )

    return is_late


def _may_commit(mark: pytest.Mark | None) -> bool:
    """Return whether a mark gives its test real transactions, as each of its first two arguments does."""
    if mark is None:
        return False
    return any((*mark.args[:2], mark.kwargs.get("transaction"), mark.kwargs.get("reset_sequences")))
