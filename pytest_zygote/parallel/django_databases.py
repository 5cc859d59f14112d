"""Test databases of pytest-django: migrated once in the run process, copied by each worker.

The run process calls pytest-django's own fixture as if it was a worker, so options and settings have
the effect that they have in one. It makes databases that nobody uses, closes the connections, and
gives all names back before the fork. When the fixture is called in a worker, Django copies them
where it would have made its own. Each worker removes its copies, this process the originals and
what a worker that died has left.

Where that might not be the same, workers make their databases as without us.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_zygote.adapters.interpreter import fork_safety
from pytest_zygote.core.parallel.databases import FIXTURES, ORIGINAL, PLUGIN, SETUP, overridden
from pytest_zygote.fixtures.shared import SharedFixtures
from pytest_zygote.fixtures.shared_value import NOTHING, SharedValue, close_captured
from pytest_zygote.parallel.plan import foreign_threads
from pytest_zygote.parallel.test_order import uses_django

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from _pytest.fixtures import SubRequest

    from pytest_zygote.django.test_databases import Names, Original
    from pytest_zygote.parallel.xdist_node import Node

BLOCKER = "django_db_blocker"
FEWEST = 2
"""One test alone is run by one worker, which needs one database."""


class Blocker(Protocol):
    """What keeps tests that do not ask for it from the database."""

    def unblock(self) -> AbstractContextManager[None]:
        """Let the database be used."""


class Maker(SharedFixtures):
    """Sets up pytest-django's own fixture, not what a project has put on top of it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object], request: SubRequest) -> object | None:
        """Set up, as for all workers."""
        if fixturedef.argname == SETUP and not _module(fixturedef).startswith(PLUGIN):
            request.getfixturevalue(SETUP)
            self._add(SharedValue(request, fixturedef))  # to be forgotten like the others
            return NOTHING
        return super().pytest_fixture_setup(fixturedef, request)


class WorkerDatabases:
    """The databases of the tests of a session."""

    def __init__(self, session: pytest.Session, workers: int, host: SharedFixtures) -> None:
        """Have none."""
        self._session = session
        self._config = session.config
        self._names = [f"gw{number}" for number in range(workers)]
        self._host = host
        self._originals: dict[str, Original] = {}
        self._before: Names | None = None
        self._blocker: Blocker | None = None
        self._workers: list[str] = []
        self._are_kept = False

    def set_up(self) -> list[str]:
        """Make what tests that will run need; return why workers make their databases themselves."""
        items = self._items()
        if len(items) < FEWEST:
            return []
        try:
            reason: str | None = self._hindrance(items) or self._make(items[0])
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
        fixtures = sys.modules.get("pytest_django.fixtures")
        databases_for = getattr(fixtures, "_get_databases_for_test", None)
        if databases_for is None or not uses_django(self._config):
            return []
        return [item for item in self._session.items if databases_for(item)[0]]

    def _hindrance(self, items: list[pytest.Item]) -> str:
        parents = dict.fromkeys(item.parent for item in items if item.parent is not None)
        known = self._session._fixturemanager.getfixturedefs
        definitions = {name: {d for parent in parents for d in known(name, parent) or ()} for name in FIXTURES}
        name = overridden({name: [(_module(d), d.argnames) for d in found] for name, found in definitions.items()})
        if name:
            return f"the project has a {name!r} of its own"
        if any(self._host.find(definition, None) for definition in definitions[SETUP]):
            return "a shared fixture needs them in the run process"
        return ""

    # Making

    def _make(self, item: pytest.Item) -> str | None:
        """Call pytest-django's fixture; return why that is of no use, '' if nobody needs to know; None if it is."""
        from pytest_zygote.django import test_databases as django

        option = self._config.option
        threads, sockets = foreign_threads(self._config), fork_safety.connections()
        self._before = django.Names()
        maker = Maker(self._session)
        self._config.pluginmanager.register(maker, "zygote_databases_maker")
        # As in a worker of this name; what is copied is not kept for the next run, whatever happens to the copies.
        self._are_kept, option.reuse_db = option.reuse_db, False
        self._config.workerinput = {"workerid": ORIGINAL}  # type: ignore[attr-defined]
        try:
            with django.making(django.recorder(self._originals, self._look_at)):
                maker.make(item, SETUP)
        finally:
            del self._config.workerinput  # type: ignore[attr-defined]
            option.reuse_db = self._are_kept
            self._config.pluginmanager.unregister(maker)
            error = self._take_over(maker)
        if error is not None:
            return str(error)
        if len(foreign_threads(self._config)) > len(threads) or set(fork_safety.connections()) - set(sockets):
            return "what a migration starts does not survive a fork"
        return None

    def _look_at(self, original: Original) -> None:
        """Look whether there is something to copy for; with ``--reuse-db`` an earlier run may have left all of it."""
        from pytest_zygote.django import test_databases as django

        names = [original.name_in(worker) for worker in self._names if not original.is_in_memory]
        may_be_there = self._are_kept and not self._config.option.create_db and names
        if may_be_there and all(django.exists(original.connection, name) for name in names):
            raise django.NotCloneable("")

    def _take_over(self, maker: Maker) -> BaseException | None:
        """Let go of what must not be shared; return what went wrong."""
        error = None
        for original in self._originals.values():
            original.put_away()
        for instance in maker.release():
            error = instance.error or error
            if instance.definition.argname == BLOCKER:
                self._blocker = instance.value  # type: ignore[assignment]  # nothing else has this name
            if instance.definition.argname != SETUP:  # what it would remove at its end, `tear_down` does
                close_captured(self._config, instance)
        if self._before is not None:
            self._before.restore()
        return error

    # In a worker

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Have Django copy what it would have made."""
        from pytest_zygote.django import test_databases as django

        if fixturedef.argname != SETUP or not hasattr(self._config, "workerinput"):
            return (yield)
        with django.making(django.copier(self._originals)):
            return (yield)

    # The end

    @pytest.hookimpl
    def pytest_testnodeready(self, node: Node) -> None:
        """Note that there is a worker: it may end without having removed its copies."""
        self._workers.append(node.gateway.id)

    def tear_down(self) -> None:
        """Remove the originals, and copies that are left."""
        if not self._originals or self._blocker is None:
            return
        from pytest_zygote.django import test_databases as django

        names = django.Names()
        with self._blocker.unblock():
            for original in self._originals.values():
                original.remove([] if self._are_kept else self._workers)
        self._originals.clear()
        names.restore()


def _module(definition: pytest.FixtureDef[object]) -> str:
    return str(getattr(definition.func, "__module__", ""))
