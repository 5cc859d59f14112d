"""Whether test databases that were made once are what each worker would have made, and what copies are called.

pytest-django makes the databases of a worker in the session fixture ``django_db_setup``. One that is copied is the same
if no fixture of the project changes it, and if what decides about its content is the same in both processes.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORIGINAL = "zygote"
"""Stands in the name of a database that is copied, where copies have the worker's name."""

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
"""Fixtures of pytest-django that decide what is made. A project may override any of them."""

PLUGIN = "pytest_django."

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object without a text of its own lies: two processes may each have one."""

PER_WORKER = ("CACHES", "DATABASES", "MEDIA_ROOT", "STATIC_ROOT")
"""Settings that may differ between workers: where they write. DATABASES is compared by itself, without the names."""


def overridden(definitions: Mapping[str, Iterable[tuple[str, tuple[str, ...]]]]) -> str:
    """Return a fixture by which a project changes what is made; '' if there is none.

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
    """Return what pytest-django would call the database of a worker.

    Raises:
        ValueError: it is not the name of an original.
    """
    if not original.endswith(f"_{ORIGINAL}"):
        raise ValueError(f"it is unknown what {original!r} would be called in a worker")
    return original.removesuffix(ORIGINAL) + worker


def decisive(settings: Mapping[str, object], database: Mapping[str, object]) -> dict[str, str]:
    """Return what decides about the content of a database, in a form that later changes do not reach.

    Args:
        settings: of the project.
        database: the settings of this one.
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
