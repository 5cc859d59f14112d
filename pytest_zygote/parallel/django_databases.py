"""Test databases of pytest-django: migrated once in the run process, copied by each worker.

The run process calls pytest-django's own fixture as if it was a worker, so that options and settings
have the effect that they have in one. It creates databases that no test uses, closes the connections,
and restores all names before the fork. When the fixture is called in a worker, Django copies them
where it would have created its own. Each worker removes its copies; the run process removes the
originals, and what a worker that died has left.

Where a copy might differ from what a worker would create, workers create their databases as without us.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_zygote.adapters.pytest.private import fixtures
from pytest_zygote.adapters.system.connections import connections as open_connections
from pytest_zygote.core.parallel.databases import FIXTURES, ORIGINAL, PLUGIN, SETUP, overridden
from pytest_zygote.fixtures.shared import SharedFixtures
from pytest_zygote.fixtures.shared_value import NOTHING, SharedValue, close_captured
from pytest_zygote.parallel.collection_leftovers import foreign_threads
from pytest_zygote.parallel.test_order import uses_django

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from pytest_zygote.adapters.pytest.private.fixtures import SubRequest
    from pytest_zygote.django.connections import DatabaseNames
    from pytest_zygote.django.test_databases import OriginalDatabase
    from pytest_zygote.parallel.xdist_node import Node

BLOCKER = "django_db_blocker"
FEWEST = 2
"""One test alone is run by one worker, which needs one database."""


class Blocker(Protocol):
    """pytest-django's guard of the database against tests that do not ask for it."""

    def unblock(self) -> AbstractContextManager[None]:
        """Allow the database to be used."""


class DatabaseSetup(SharedFixtures):
    """Sets up pytest-django's own fixture, not what a project has put on top of it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object], request: SubRequest) -> object | None:
        """Set up as for all workers, but replace the project's own `django_db_setup` by the one below it."""
        if fixturedef.argname == SETUP and not _module(fixturedef).startswith(PLUGIN):
            request.getfixturevalue(SETUP)
            self._add(SharedValue(request, fixturedef))  # so that pytest forgets it like the others
            return NOTHING
        return super().pytest_fixture_setup(fixturedef, request)


class WorkerDatabases:
    """The databases of the tests of a session."""

    def __init__(self, session: pytest.Session, workers: int, shared: SharedFixtures) -> None:
        """Have none yet."""
        self._session = session
        self._config = session.config
        self._worker_names = [f"gw{number}" for number in range(workers)]
        self._shared = shared
        self._originals: dict[str, OriginalDatabase] = {}
        self._names: DatabaseNames | None = None
        self._blocker: Blocker | None = None
        self._started: list[str] = []
        self._are_reused = False

    def set_up(self) -> list[str]:
        """Create what tests that will run need; return why workers create their databases themselves."""
        items = self._items()
        if len(items) < FEWEST:
            return []
        try:
            reason: str | None = self._ineligibility(items) or self._create(items[0])
        except BaseException:
            self.tear_down()
            raise
        if reason is None:
            self._config.pluginmanager.register(self, "zygote_databases")
        else:
            self.tear_down()
        return [f"each worker makes its own databases: {reason}"] if reason else []

    def _items(self) -> list[pytest.Item]:
        """Return the tests that need databases, as far as that is known before they run."""
        of_plugin = sys.modules.get("pytest_django.fixtures")
        databases_for = getattr(of_plugin, "_get_databases_for_test", None)
        if databases_for is None or not uses_django(self._config):
            return []
        return [item for item in self._session.items if databases_for(item)[0]]

    def _ineligibility(self, items: list[pytest.Item]) -> str:
        parents = dict.fromkeys(item.parent for item in items if item.parent is not None)
        definitions = {
            name: {d for parent in parents for d in fixtures.definitions_for(self._session, name, parent)}
            for name in FIXTURES
        }
        name = overridden({name: [(_module(d), d.argnames) for d in found] for name, found in definitions.items()})
        if name:
            return f"the project has a {name!r} of its own"
        if any(self._shared.find(definition, None) for definition in definitions[SETUP]):
            return "a shared fixture needs them in the run process"
        return ""

    # In the run process

    def _create(self, item: pytest.Item) -> str | None:
        """Call pytest-django's fixture.

        Returns:
            None if workers can copy what it has created; else the reason, '' if the user need not read it.
        """
        from pytest_zygote.django import connections, test_databases

        option = self._config.option
        threads, sockets = foreign_threads(self._config), open_connections()
        self._names = connections.DatabaseNames()
        setup = DatabaseSetup(self._session)
        self._config.pluginmanager.register(setup, "zygote_database_setup")
        # As in a worker of this name. The originals are not reused by the next run, whatever happens to the copies.
        self._are_reused, option.reuse_db = option.reuse_db, False
        self._config.workerinput = {"workerid": ORIGINAL}  # type: ignore[attr-defined]
        try:
            with test_databases.replaced_creation(test_databases.recording(self._originals, self._check_needed)):
                setup.make(item, SETUP)
        finally:
            del self._config.workerinput  # type: ignore[attr-defined]
            option.reuse_db = self._are_reused
            self._config.pluginmanager.unregister(setup)
            error = self._adopt(setup)
        if error is not None:
            return str(error)
        if len(foreign_threads(self._config)) > len(threads) or set(open_connections()) - set(sockets):
            return "what a migration starts does not survive a fork"
        return None

    def _check_needed(self, original: OriginalDatabase) -> None:
        """Check that a worker needs a copy: with ``--reuse-db`` an earlier run may have left all of them.

        Raises:
            NotCloneable: each worker has its database; the user need not read that.
        """
        from pytest_zygote.django import connections, test_databases

        names = [original.name_in(worker) for worker in self._worker_names if not original.is_in_memory]
        may_exist = self._are_reused and not self._config.option.create_db and names
        if may_exist and all(connections.exists(original.connection, name) for name in names):
            raise test_databases.NotCloneable("")

    def _adopt(self, setup: DatabaseSetup) -> BaseException | None:
        """Close what must not be shared, and keep the rest for `tear_down`; return what went wrong."""
        error = None
        for original in self._originals.values():
            original.disconnect()
        for instance in setup.release():
            error = instance.error or error
            if instance.definition.argname == BLOCKER:
                self._blocker = instance.value  # type: ignore[assignment]  # nothing else has this name
            if instance.definition.argname != SETUP:  # what it would remove at its end, `tear_down` does
                close_captured(self._config, instance)
        if self._names is not None:
            self._names.restore()
        return error

    # In a worker

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Have Django copy what it would have created."""
        from pytest_zygote.django import test_databases

        if fixturedef.argname != SETUP or not hasattr(self._config, "workerinput"):
            return (yield)
        with test_databases.replaced_creation(test_databases.copying(self._originals)):
            return (yield)

    # The end

    @pytest.hookimpl
    def pytest_testnodeready(self, node: Node) -> None:
        """Remember that there is a worker: it may end without having removed its copies."""
        self._started.append(node.gateway.id)

    def tear_down(self) -> None:
        """Remove the originals, and copies that are left."""
        if not self._originals or self._blocker is None:
            return
        from pytest_zygote.django import connections

        names = connections.DatabaseNames()
        with self._blocker.unblock():
            for original in self._originals.values():
                original.remove([] if self._are_reused else self._started)
        self._originals.clear()
        names.restore()


def _module(definition: pytest.FixtureDef[object]) -> str:
    return str(getattr(definition.func, "__module__", ""))
