"""Whether a copied database is what a worker would have made."""

from __future__ import annotations

import pytest

from pytest_zygote.core.parallel.databases import FIXTURES, SETUP, copy_name, decisive, overridden

OWN = ("pytest_django.fixtures", ("request", "django_db_blocker"))


def test_fixtures_of_the_plugin_do_not_count() -> None:
    """Nor does a set-up of the project that only comes after them."""
    definitions = {name: [OWN] for name in FIXTURES}
    assert not overridden(definitions)
    assert not overridden({**definitions, SETUP: [OWN, ("conftest", (SETUP, "django_db_blocker", "request"))]})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (SETUP, ()),
        (SETUP, ("django_db_blocker",)),
        (SETUP, (SETUP, "container")),
        ("django_db_modify_db_settings", ()),
        ("django_db_use_migrations", ()),
    ],
)
def test_a_project_that_has_a_say(name: str, arguments: tuple[str, ...]) -> None:
    """Its fixture is named."""
    assert overridden({**{name: [OWN] for name in FIXTURES}, name: [OWN, ("conftest", arguments)]}) == name


def test_names_of_copies() -> None:
    """They are those that pytest-django gives; a name that it has not given is not guessed from."""
    assert copy_name("test_shop_zygote", "gw0") == "test_shop_gw0"
    assert copy_name("test.sqlite3_zygote", "gw12") == "test.sqlite3_gw12"
    with pytest.raises(ValueError, match="'mine' would be called"):
        copy_name("mine", "gw0")


def test_names_of_test_databases_and_folders_do_not_matter() -> None:
    """All else does. Objects that look alike are alike."""
    test: dict[str, object] = {"NAME": "test_a", "TEMPLATE": None}
    database: dict[str, object] = {"NAME": "a", "TEST": test}
    settings: dict[str, object] = {"APPS": ["shop"], "MEDIA_ROOT": "/a", "ROUTER": object(), "lower": 1}
    known = decisive(settings, database)
    assert decisive({**settings, "MEDIA_ROOT": "/b", "ROUTER": object(), "lower": 2}, database) == known
    assert decisive(settings, {**database, "TEST": {**test, "NAME": "test_b"}}) == known
    assert decisive(settings, {**database, "TEST": {**test, "TEMPLATE": "t"}}) != known
    assert decisive(settings, {**database, "NAME": "b"}) != known
    assert decisive({**settings, "APPS": []}, database) != known
