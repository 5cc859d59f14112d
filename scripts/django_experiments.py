"""The experiment with Django: a project whose start-up is `django.setup()` rather than imports alone."""

from textwrap import dedent
from typing import TYPE_CHECKING

from scripts import example, procfs
from scripts.bench import Bench
from scripts.figures import Samples
from scripts.plugin_cases import DJANGO
from scripts.runners import Plain, Warm, private_place

if TYPE_CHECKING:
    from pathlib import Path


REQUIREMENTS = ("django", "djangorestframework", "pytest-django", "pytest>=9")
SETTINGS = "pythonpath = .\nDJANGO_SETTINGS_MODULE = config.settings\n"
FIRST = "test_shop.py::test_gross"
WITH_DATABASE = "test_shop.py::test_api"
LEARNING_RUNS = 3
"""pytest-django imports the applications on its own account: it takes a run more to know what belongs to whom."""


def django_test(bench: Bench) -> Samples:
    """One test of a project with Django and its REST framework, and one that makes a database."""
    with private_place() as place:
        environment = bench.cache.with_us("django", REQUIREMENTS)
        plain = Plain(place, environment, _write(place.scratch / "plain"))
        warm = Warm(place, environment, _write(place.scratch / "warm", "-p pytest_zygote"))
        with warm.started():
            for _ in range(LEARNING_RUNS):
                warm.pz(FIRST)
                warm.pz(WITH_DATABASE)
                procfs.wait_until_idle(place.scratch)
            return bench.interleaved(
                {
                    "cold": lambda: plain.pytest(FIRST).seconds,
                    "pz": lambda: warm.pz(FIRST).seconds,
                    "cold, database": lambda: plain.pytest(WITH_DATABASE).seconds,
                    "pz, database": lambda: warm.pz(WITH_DATABASE).seconds,
                }
            )


def _write(folder: "Path", addopts: str = "") -> "Path":
    ini = f"[pytest]\naddopts = {addopts}\n{SETTINGS}"
    example.write_files(folder, {path: dedent(text) for path, text in DJANGO.items()} | {"pytest.ini": ini})
    return folder
