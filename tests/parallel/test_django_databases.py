"""The test databases of a parallel run, in a session whose pytest-django is a double."""

from __future__ import annotations

import contextlib
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.django import connections
from pytest_zygote.fixtures.shared import SharedFixtures
from pytest_zygote.parallel import django_databases, xdist_hookspecs
from pytest_zygote.parallel.django_databases import WorkerDatabases
from tests.support.django import configured_connection
from tests.support.sessions import collected_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREATED: list[str] = []

FIXTURES = """
    import contextlib
    import pytest
    from pytest_zygote.django import connections
    from tests.parallel.test_django_databases import CREATED

    class Blocker:
        unblock = staticmethod(contextlib.nullcontext)

    @pytest.fixture(scope="session")
    def django_db_blocker():
        return Blocker()

    @pytest.fixture(scope="session")
    def django_db_setup(request, django_db_blocker):
        worker = request.config.workerinput["workerid"]
        (connection,) = connections.of_this_thread()
        connection.settings_dict["TEST"]["NAME"] = f"{request.config.rootpath}/test.sqlite3_{worker}"
        name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
        CREATED.append(f"{worker} {request.config.option.reuse_db}")
        yield
        connection.close()

    for function in (django_db_blocker, django_db_setup):
        function._fixture_function.__module__ = "pytest_django.fixtures"
"""
TESTS = "    def test_a(django_db_setup): ...\n    def test_b(django_db_setup): ...\n"
OWN = """
    @pytest.fixture(scope="session")
    def django_db_modify_db_settings(): ...

"""


@pytest.fixture(autouse=True)
def django(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Configure Django, and have all tests of the session need its databases."""
    connection = configured_connection()
    CREATED.clear()
    names = connections.DatabaseNames()
    double = SimpleNamespace(_get_databases_for_test=lambda item: (["default"] if "none" not in item.name else [],))
    monkeypatch.setitem(sys.modules, "pytest_django.fixtures", double)
    monkeypatch.setattr(django_databases, "uses_django", lambda _: True)
    yield
    connection.close()
    names.restore()


@contextlib.contextmanager
def databases(folder: Path, tests: str, **options: object) -> Iterator[WorkerDatabases]:
    """Collect; set up nothing yet."""
    with collected_session(folder, tests) as session:
        session.config.pluginmanager.add_hookspecs(xdist_hookspecs)
        vars(session.config.option).update({"reuse_db": False, "create_db": False, **options})
        yield WorkerDatabases(session, 2, SharedFixtures(session))


def files(folder: Path) -> list[str]:
    """Return the databases that are there."""
    return sorted(path.name for path in folder.glob("*.sqlite3*"))


def test_the_database_is_created_once_under_a_name_of_its_own(tmp_path: Path) -> None:
    """And removed at the end, with the names of the settings as before."""
    (connection,) = connections.of_this_thread()
    before = connection.settings_dict["NAME"]
    with databases(tmp_path, FIXTURES + TESTS) as it:
        assert it.set_up() == []
        assert CREATED == ["zygote False"]
        assert files(tmp_path) == ["test.sqlite3_zygote"]
        assert connection.settings_dict["NAME"] == before
        it.tear_down()
    assert files(tmp_path) == []


def test_what_a_worker_has_left_is_removed(tmp_path: Path) -> None:
    """One that has died; a copy of a worker that never began does not exist."""
    with databases(tmp_path, FIXTURES + TESTS) as it:
        it.set_up()
        it.pytest_testnodeready(SimpleNamespace(gateway=SimpleNamespace(id="gw1")))  # type: ignore[arg-type]
        (tmp_path / "test.sqlite3_gw1").touch()
        it.tear_down()
    assert files(tmp_path) == []


def test_copies_that_are_reused_stay(tmp_path: Path) -> None:
    """The original does not, and is created as if nothing was reused."""
    with databases(tmp_path, FIXTURES + TESTS, reuse_db=True) as it:
        it.set_up()
        assert CREATED == ["zygote False"]
        it.pytest_testnodeready(SimpleNamespace(gateway=SimpleNamespace(id="gw1")))  # type: ignore[arg-type]
        (tmp_path / "test.sqlite3_gw1").touch()
        it.tear_down()
    assert files(tmp_path) == ["test.sqlite3_gw1"]


@pytest.mark.parametrize(("create_db", "created"), [(False, []), (True, ["zygote False"])])
def test_nothing_is_created_if_all_workers_have_theirs(tmp_path: Path, *, create_db: bool, created: list[str]) -> None:
    """With --reuse-db from an earlier run, unless they are to be created anew; the user need not read about it."""
    for worker in ("gw0", "gw1"):
        (tmp_path / f"test.sqlite3_{worker}").touch()
    with databases(tmp_path, FIXTURES + TESTS, reuse_db=True, create_db=create_db) as it:
        assert it.set_up() == []
        assert created == CREATED
        it.tear_down()


@pytest.mark.parametrize(
    "tests",
    ["    def test_a(django_db_setup): ...\n", "    def test_none(): ...\n    def test_none_too(): ...\n"],
)
def test_nothing_is_created_for_one_worker_or_none(tmp_path: Path, tests: str) -> None:
    """One test alone needs one database."""
    with databases(tmp_path, FIXTURES + tests) as it:
        assert it.set_up() == []
    assert CREATED == []


def test_a_fixture_of_the_project_that_decides_what_is_created(tmp_path: Path) -> None:
    """Each worker calls it then."""
    with databases(tmp_path, FIXTURES + OWN + TESTS) as it:
        (reason,) = it.set_up()
    assert reason == "each worker makes its own databases: the project has a 'django_db_modify_db_settings' of its own"
    assert CREATED == []


def test_a_creation_that_fails_is_left_to_the_workers(tmp_path: Path) -> None:
    """Their tests have the error; here it is the reason, and nothing is left."""
    failing = FIXTURES.replace("CREATED.append(", "raise OSError('no space'); (")
    with databases(tmp_path, failing + TESTS) as it:
        assert it.set_up() == ["each worker makes its own databases: no space"]
    assert files(tmp_path) == []
