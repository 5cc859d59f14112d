"""pytest-django with workers: databases have the names that they have with pytest-xdist, and are migrated once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import INI
from tests.support.postgres import Postgres, bin_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Project, Result

pytest.importorskip("django")

SETTINGS = """
    SECRET_KEY = "x"
    INSTALLED_APPS = ["shop"]
    DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    USE_TZ = True
    DATABASES = {"default": {DATABASE}}
"""
POSTGRES = pytest.mark.skipif(not bin_folder(), reason="no PostgreSQL server is installed")
DATABASES = {
    "memory": '"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"',
    "file": '"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3", "TEST": {"NAME": "test.sqlite3"}',
    "postgresql": '"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "tester", "HOST": "SOCKETS"',
}

MODELS = """
    from django.db import models

    class Product(models.Model):
        name = models.CharField(max_length=80)
"""

MIGRATION = """
    import os
    from django.db import migrations, models

    def seed(apps, editor):
        with open("migrated", "a") as file:
            file.write(f"{os.getpid()}\\n")
        apps.get_model("shop", "Product").objects.create(name="seeded")

    class Migration(migrations.Migration):
        initial = True
        operations = [
            migrations.CreateModel(name="Product", fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
            ]),
            migrations.RunPython(seed),
        ]
"""

SECOND = """
    from django.db import migrations

    def seed(apps, editor):
        apps.get_model("shop", "Product").objects.create(name="second")

    class Migration(migrations.Migration):
        dependencies = [("shop", "0001_initial")]
        operations = [migrations.RunPython(seed)]
"""

TESTS = """
    import pathlib
    import time
    import pytest
    from django.db import connection
    from shop.models import Product

    @pytest.mark.parametrize("n", range(4))
    @pytest.mark.django_db
    def test_rollback(n, worker_id):
        with open(f"names-{worker_id}", "w") as file:
            file.write(str(connection.settings_dict["NAME"]))
        assert [product.name for product in Product.objects.all()] == ["seeded"]
        Product.objects.create(name="mine")
        deadline = time.monotonic() + 30
        while len(list(pathlib.Path().glob("names-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)  # so that each worker gets one

    def test_blocked():
        with pytest.raises(RuntimeError, match="not allowed"):
            Product.objects.count()
"""

TRANSACTIONS = """
    import pytest
    from shop.models import Product

    @pytest.mark.parametrize("n", range(2))
    @pytest.mark.django_db(transaction=True, serialized_rollback=True)
    def test_transaction(n):
        assert Product.objects.filter(name="seeded").count() == 1
        Product.objects.create(name="written")
"""

EMPTYING = """
    import pytest
    from shop.models import Product

    @pytest.mark.django_db(transaction=True)
    def test_empties():
        assert Product.objects.count() == 1

    @pytest.mark.parametrize("n", range(40))
    @pytest.mark.django_db
    def test_rests_on_migrations(n):
        assert Product.objects.count() == 1
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pytest-django, which other tests must not find."""
    folder = tmp_path_factory.mktemp("library")
    names = ["pytest-django", *(["psycopg", "psycopg-binary", "typing-extensions"] if bin_folder() else [])]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), *names], check=True)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """Start a PostgreSQL of our own."""
    with Postgres() as server:
        yield server


class Shop:
    """A project that uses a kind of database."""

    def __init__(self, project: Project, kind: str, library: Path, server: Postgres | None) -> None:
        """Write it."""
        self.project = project
        self.kind = kind
        self.library = str(library)
        self._server = server
        sockets = server.folder if server is not None else ""
        project.write("pytest.ini", f"{INI}pythonpath = .\nDJANGO_SETTINGS_MODULE = config\n")
        project.write("config.py", SETTINGS.replace("DATABASE}", DATABASES[kind].replace("SOCKETS", sockets) + "}"))
        project.write("shop/__init__.py", "")
        project.write("shop/models.py", MODELS)
        project.write("shop/migrations/__init__.py", "")
        project.write("shop/migrations/0001_initial.py", MIGRATION)
        project.write("test_shop.py", TESTS)

    def forget(self) -> None:
        """Forget what earlier runs noted."""
        for file in (*self.project.root.glob("names-*"), self.project.root / "migrated"):
            file.unlink(missing_ok=True)

    def run(self, *args: str, **environ: str) -> Result:
        """Run anew, without a daemon, and without durations: by these, one worker may have all tests."""
        self.forget()
        return self.project.plain("-p", "no:cacheprovider", *args, PYTHONPATH=self.library, **environ)

    @property
    def migrations(self) -> int:
        """How often the first migration was applied in the last run."""
        file = self.project.root / "migrated"
        return len(file.read_text().splitlines()) if file.exists() else 0

    @property
    def names(self) -> dict[str, str]:
        """Worker → the name of its database in the last run."""
        return {file.name.removeprefix("names-"): file.read_text() for file in self.project.root.glob("names-*")}

    def databases(self) -> list[str]:
        """Return the databases that are there."""
        if self._server is not None:
            return self._server.query("select datname from pg_database where datname like '%test%' order by 1")
        return sorted(file.name for file in self.project.root.glob("*.sqlite3*"))

    def drop(self, name: str) -> None:
        """Remove one."""
        if self._server is not None:
            self._server.query(f'drop database "{name}"')
        else:
            self.project.remove(name)


KINDS = ["memory", "file", pytest.param("postgresql", marks=POSTGRES)]
MORE = KINDS if os.environ.get("ZYGOTE_TEST_ALL_DATABASES") else ["file"]
"""Where one kind shows enough in every run of the tests, and `make test-databases` tries all."""


@pytest.fixture
def shop(project: Project, library: Path, request: pytest.FixtureRequest) -> Shop:
    """Make a project with the database of the test's parameter."""
    kind = getattr(request, "param", "file")
    server = request.getfixturevalue("server") if kind == "postgresql" else None
    return Shop(project, kind, library, server)


NAMES = {
    "memory": "file:memorydb_default?mode=memory&cache=shared",
    "file": "test.sqlite3_{}",
    "postgresql": "test_shop_{}",
}


@pytest.mark.parametrize("shop", KINDS, indirect=True)
def test_migrations_run_once(shop: Shop) -> None:
    """Each worker has a database of the right name, and nothing is left."""
    result = shop.run("-n2")
    assert "5 passed" in result.stdout, result.stdout
    assert "zygote:" not in result.stdout
    assert shop.migrations == 1
    assert shop.names == {worker: NAMES[shop.kind].format(worker) for worker in ("gw0", "gw1")}
    assert shop.databases() == []


@pytest.mark.measured
@pytest.mark.parametrize("shop", MORE, indirect=True)
def test_so_they_do_in_warm_runs(shop: Shop) -> None:
    """The connections of a zygote, and of a run, are nobody else's."""
    shop.project.environ["PYTHONPATH"] = shop.library
    shop.project.warm_up("-n2")
    shop.forget()
    result = shop.project.pytest("-n2")
    assert result.was_warm, result.stderr
    assert "5 passed" in result.stdout, result.stdout
    assert shop.migrations == 1
    assert shop.names == {worker: NAMES[shop.kind].format(worker) for worker in shop.names}
    assert shop.databases() == []


@pytest.mark.parametrize("shop", MORE, indirect=True)
def test_names_are_those_of_xdist(shop: Shop) -> None:
    """Which migrates in each worker."""
    result = shop.run("-n2", "--no-zygote-workers")
    assert "5 passed" in result.stdout, result.stdout
    assert shop.migrations == 2
    assert shop.names == {worker: NAMES[shop.kind].format(worker) for worker in ("gw0", "gw1")}


def test_rows_of_migrations_are_given_back(shop: Shop) -> None:
    """As Django does it after a test that has emptied all tables: what it remembers is inherited by the workers."""
    shop.project.write("test_shop.py", TRANSACTIONS)
    assert "2 passed" in shop.run("-n2").stdout
    assert shop.migrations == 1


@pytest.mark.parametrize("shop", MORE, indirect=True)
def test_databases_that_are_kept(shop: Shop) -> None:
    """Those that are there are migrated as far as they are not; others are copied."""
    first = shop.run("-n2", "--reuse-db")
    assert "5 passed" in first.stdout, first.stdout
    assert shop.migrations == 1
    assert {name.rpartition("_")[2] for name in shop.databases()} in ({"gw0", "gw1"}, set())
    is_kept = bool(shop.databases())
    again = shop.run("-n2", "--reuse-db")
    assert "5 passed" in again.stdout, again.stdout
    assert shop.migrations == (0 if is_kept else 1)
    shop.project.write("shop/migrations/0002_second.py", SECOND)
    shop.project.write("test_shop.py", TESTS.replace('["seeded"]', '["seeded", "second"]'))
    if is_kept:
        shop.drop(shop.databases()[0])
    third = shop.run("-n2", "--reuse-db")
    assert "5 passed" in third.stdout, third.stdout
    assert shop.migrations == 1
    assert len(shop.databases()) == (2 if is_kept else 0)
    created = shop.run("-n2", "--reuse-db", "--create-db")
    assert "5 passed" in created.stdout, created.stdout
    assert shop.migrations == 1


def test_without_migrations_tables_are_made_from_models(shop: Shop) -> None:
    """Tables are made from the models, once."""
    shop.project.write("test_shop.py", TESTS.replace('["seeded"]', "[]"))
    result = shop.run("-n2", "--no-migrations", "-v", "-rA")
    assert "5 passed" in result.stdout, result.stdout
    assert "Cloning test database" in result.stdout
    assert shop.migrations == 0
    assert shop.databases() == []


@pytest.mark.parametrize("shop", MORE, indirect=True)
@pytest.mark.parametrize("body", ["os._exit(9)", "os.kill(os.getppid(), signal.SIGINT)"])
def test_nothing_is_left_however_the_run_ends(shop: Shop, body: str) -> None:
    """A worker that dies cannot remove its database; the one that takes its place gets a copy too."""
    crash = f"    import os, signal\n    @pytest.mark.django_db\n    def test_crash():\n        {body}\n"
    shop.project.write("test_shop.py", f"{TESTS}\n{crash}")
    result = shop.run("-n2")
    assert ("1 failed, 5 passed" in result.stdout) == (body == "os._exit(9)"), result.stdout
    assert shop.migrations == 1
    assert shop.databases() == []


@pytest.mark.parametrize(
    ("fixture", "migrations", "reason"),
    [
        # What comes after pytest-dango's own fixture is done in each worker.
        ("def django_db_setup(django_db_setup, django_db_blocker): note('after')", 1, ""),
        ("def django_db_modify_db_settings(): note('settings')", 1, "'django_db_modify_db_settings' of its own"),
        ("def django_db_setup(django_db_setup, mine): note('mine')", 2, "'django_db_setup' of its own"),
    ],
)
def test_fixtures_of_the_project(shop: Shop, fixture: str, migrations: int, reason: str) -> None:
    """If they have a say in what is made, each worker makes it."""
    shop.project.write(
        "conftest.py",
        f"""
        import pytest

        def note(text):
            with open("noted", "a") as file:
                file.write(f"{{text}}\\n")

        @pytest.fixture(scope="session")
        def mine(): ...

        @pytest.fixture(scope="session")
        {fixture}
        """,
    )
    result = shop.run("-n2")
    assert "INTERNALERROR" not in result.stdout, result.stdout
    assert (f"each worker makes its own databases: the project has a {reason}" in result.stdout) == bool(reason)
    assert (shop.project.root / "noted").read_text().splitlines() == [fixture.rpartition("note('")[2][:-2]] * 2
    # Without its own names both workers use one file: what becomes of that is the project's affair.
    if "settings" not in fixture:
        assert "5 passed" in result.stdout, result.stdout
        assert shop.migrations == migrations


def test_settings_that_a_fixture_changes(shop: Shop) -> None:
    """A worker that would make another database makes it."""
    shop.project.write(
        "conftest.py",
        """
        import os
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def changed():
            from django.conf import settings
            settings.LANGUAGE_CODE = "de" if "PYTEST_XDIST_WORKER" in os.environ else "fr"
        """,
    )
    assert "5 passed" in shop.run("-n2").stdout
    assert shop.migrations == 3


def test_a_migration_that_fails(shop: Shop) -> None:
    """Tests have the error as without us, and nothing is left."""
    shop.project.write("shop/migrations/0002_second.py", SECOND.replace('create(name="second")', "create(none=1)"))
    result = shop.run("-n2")
    assert "1 passed, 4 errors" in result.stdout, result.stdout
    assert "zygote: each worker makes its own databases: " in result.stdout
    assert "TypeError" in result.stdout
    assert not [name for name in shop.databases() if name.endswith("_zygote")]


def test_tests_that_empty_all_tables_come_last(shop: Shop) -> None:
    """As pytest-django has them, in each worker, however long they take."""
    shop.project.write("test_shop.py", EMPTYING)
    durations = {"tests": {"test_shop.py::test_empties": 9.0}, "fixtures": {}}
    shop.project.write(".pytest_cache/v/zygote/durations", json.dumps(durations))
    run = shop.run("-n", "2")
    assert "2 workers" in run.stdout
    assert "41 passed" in run.stdout
