"""Whether a copied test database equals the one that a worker would create, and what copies are called.

pytest-django creates the databases of a worker in the session fixture ``django_db_setup``. A copy is the same if no
fixture of the project changes it, and if the settings that decide its content are the same in both processes.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORIGINAL = "zygote"
"""Stands in the name of a database that is copied; copies have the worker's name there."""

SETUP = "django_db_setup"
FIXTURES = (
    SETUP,
    "django_db_blocker",
    "django_db_createdb",
    "django_db_keepdb",
    "django_db_modify_db_settings",
    "django_db_modify_db_settings_parallel_suffix",
    "django_db_modify_db_settings_tox_suffix",
    "django_db_modify_db_settings_xdist_suffix",
    "django_db_use_migrations",
    "django_test_environment",
)
"""Fixtures of pytest-django that decide what is created. A project may override any of them."""

PLUGIN = "pytest_django."

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""What `repr` shows of an object without a text of its own: another address in each process."""

PER_WORKER = ("CACHES", "DATABASES", "MEDIA_ROOT", "STATIC_ROOT")
"""Settings that say where a worker writes, and may differ. DATABASES is compared by itself, without the names."""


def overridden(definitions: Mapping[str, Iterable[tuple[str, tuple[str, ...]]]]) -> str:
    """Return a fixture by which a project changes what is created; '' if there is none.

    A ``django_db_setup`` that does something after pytest-django's own, and needs nothing else, does not
    matter: it is called in each worker, with the copy.

    Args:
        definitions: name of a fixture → module and arguments of each function behind it.
    """
    return next(
        (
            name
            for name, functions in definitions.items()
            for module, arguments in functions
            if not module.startswith(PLUGIN) and not (name == SETUP and _comes_after(arguments))
        ),
        "",
    )


def _comes_after(arguments: tuple[str, ...]) -> bool:
    return SETUP in arguments and set(arguments) <= {*FIXTURES, "request"}


def copy_name(original: str, worker: str) -> str:
    """Return the name that pytest-django would give the database of a worker.

    Raises:
        ValueError: the original has a name that pytest-django has not given.
    """
    if not original.endswith(f"_{ORIGINAL}"):
        raise ValueError(f"it is unknown what {original!r} would be called in a worker")
    return original.removesuffix(ORIGINAL) + worker


def decisive(settings: Mapping[str, object], database: Mapping[str, object]) -> dict[str, str]:
    """Return the settings that decide the content of a database, as texts that later changes do not reach.

    Args:
        settings: those of the project.
        database: those of this database.
    """
    test = database.get("TEST")
    named = {key: value for key, value in test.items() if key != "NAME"} if isinstance(test, dict) else test
    return {
        **{
            name: ADDRESS.sub("", repr(value))
            for name, value in settings.items()
            if name.isupper() and name not in PER_WORKER
        },
        "DATABASES": repr({**database, "TEST": named}),
    }
