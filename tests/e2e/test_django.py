"""Django projects: apps are loaded in the project layer, and each run finds that it has loaded them itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.layers.module_graph import DJANGO
from tests.support.daemon import INI

if TYPE_CHECKING:
    from tests.support.daemon import Project

django = pytest.importorskip("django")

SETTINGS = """
    import os
    INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    COLOUR = os.environ.get("COLOUR", "none")
    SECRET_KEY = "x"
    USE_TZ = True
    DEBUG = True
    """

CONFTEST = """
    import os
    if "NO_COLOUR" in os.environ:
        os.environ["COLOUR"] = "no"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config")
    import django
    from django.apps import apps
    from django.conf import settings
    assert not apps.ready and not settings.configured
    django.setup()
    """

APP = """
    from django.apps import AppConfig
    from django.conf import settings
    ready = []

    class ShopConfig(AppConfig):
        name = "shop"

        def ready(self):
            ready.append(settings.COLOUR)
    """

MODELS = """
    from django.contrib.auth.models import User
    from django.db import models

    class Product(models.Model):
        owner = models.ForeignKey(User, on_delete=models.CASCADE)
        price = models.IntegerField()

        def gross(self):
            return self.price * 2
    """

TEST = """
    import logging
    import django.apps
    from django.conf import settings
    from shop import apps
    from shop.models import Product

    def test_shop():
        print("READY", apps.ready, settings.COLOUR, Product(price=3).gross(), settings.SETTINGS_MODULE)
        print("MODELS", [model.__name__ for model in django.apps.apps.get_models()])
        logging.getLogger("django").warning("the run's own stderr")

    def test_database():
        from django.core.management import call_command
        call_command("migrate", run_syncdb=True, verbosity=0)
        assert Product.objects.count() == 0
    """


@pytest.fixture
def shop(project: Project) -> Project:
    """Make a Django project."""
    project.write("pytest.ini", f"{INI}pythonpath = .\n")
    project.write("config.py", SETTINGS)
    project.write("conftest.py", CONFTEST)
    project.write("shop/__init__.py", "")
    project.write("shop/apps.py", APP)
    project.write("shop/models.py", MODELS)
    project.write("test_shop.py", TEST)
    return project


def has_apps(project: Project) -> bool:
    """Return whether the project layer holds Django's apps."""
    return f'"{DJANGO}"' in project.status().raw and DJANGO not in project.status().rejected


def check(project: Project, **environ: str) -> str:
    """Compare a warm run with a plain; return what was printed."""
    plain, warm = project.plain("-rA", **environ), project.pytest("-rA", **environ)
    assert warm.was_warm, warm.stderr
    said = warm.stderr.splitlines()
    assert [line for line in said if not line.startswith("zygote: ")] == plain.stderr.splitlines()
    assert _steady(warm.stdout) == _steady(plain.stdout)
    assert warm.returncode == plain.returncode
    return warm.stdout


def _steady(text: str) -> str:
    return re.sub(r"\d+\.\d+s", "…s", text)


@pytest.mark.measured
def test_apps_are_in_the_layer_and_each_run_loads_them_once(shop: Project) -> None:
    """The models of the project, and those of Django, are imported; logs go to the run's own streams."""
    shop.warm_up()
    assert has_apps(shop)
    output = check(shop)
    assert "READY ['none'] none 6 config" in output
    assert "the run's own stderr" in output


def test_an_edit_of_models_or_settings_is_seen(shop: Project) -> None:
    """They are modules of the project layer like any other."""
    shop.warm_up()
    shop.write(
        "shop/models.py",
        MODELS.replace("* 2", "* 3").replace(
            "Product(models", "Other(models.Model):\n        pass\n\n    class Product(models"
        ),
    )
    assert "none 9 config" in check(shop)
    shop.write("config.py", SETTINGS.replace('"none"', '"new"'))
    assert "READY ['new'] new 9 config" in check(shop)


def test_settings_that_read_the_environment(shop: Project) -> None:
    """Whether the shell sets a key, or a conftest file before the apps are loaded."""
    shop.warm_up()
    assert "READY ['red'] red" in check(shop, COLOUR="red")
    assert "READY ['no'] no" in check(shop, NO_COLOUR="1")
    assert "READY ['none'] none" in check(shop)


WARNING_APP = """
    import warnings
    from django.apps import AppConfig
    from django.conf import settings
    settings.SECRET_KEY

    class ShopConfig(AppConfig):
        name = "shop"

        def ready(self):
            for level in range(1, 5):
                warnings.warn(f"ready, {level} above", stacklevel=level)
    """


@pytest.mark.parametrize("is_set_up", [True, False], ids=["by setup", "by a module"])
def test_what_django_warns_of_is_shown_once_and_where_it_would_be(shop: Project, *, is_set_up: bool) -> None:
    """Settings are read by each run, whoever read them first in the layer; ``ready`` may name who calls ``setup``."""
    if not is_set_up:
        shop.write("conftest.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config')\n")
    shop.write("config.py", SETTINGS + 'EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"\n')
    shop.write("shop/apps.py", WARNING_APP)
    shop.write("test_shop.py", "import shop.apps\n\ndef test_shop():\n    pass\n")
    shop.warm_up()
    output = check(shop)
    assert has_apps(shop)
    assert "1 passed" in output
    assert output.count("EMAIL_BACKEND setting is deprecated") == (django.VERSION >= (6, 1))
    assert ("conftest.py:10: UserWarning: ready, 4 above" in output) is is_set_up


def test_another_settings_module(shop: Project) -> None:
    """The layer was made for one; a run with another does not get its apps."""
    shop.write(
        "other.py",
        SETTINGS.replace('"django.contrib.auth", ', '"django.contrib.auth", "django.contrib.sites", ').replace(
            '"none"', '"other"'
        ),
    )
    shop.warm_up()
    assert "READY ['other'] other 6 other" in check(shop, DJANGO_SETTINGS_MODULE="other")
    assert "READY ['none'] none 6 config" in check(shop)


def test_apps_that_a_conftest_file_adds(shop: Project) -> None:
    """It may change the settings before it calls ``django.setup()``."""
    shop.warm_up()
    added = 'settings.INSTALLED_APPS.append("django.contrib.sites")\n    settings.SITE_ID = 1\n    django.setup()'
    shop.write("conftest.py", CONFTEST.replace("django.setup()", added))
    assert "'Site'" in check(shop)


def test_settings_that_a_conftest_file_configures(shop: Project) -> None:
    """Without a settings module no layer can load apps; all is as plain, only slower."""
    configure = (
        "settings.configure(INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'shop'], COLOUR='c')"
    )
    text = CONFTEST.replace('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config")', "")
    shop.write("conftest.py", text.replace("django.setup()", f"{configure}\n    django.setup()"))
    shop.write("test_shop.py", TEST.replace(", settings.SETTINGS_MODULE", "").partition("    def test_database")[0])
    shop.warm_up()
    assert not has_apps(shop)
    assert "READY ['c'] c 6" in check(shop)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('LOGGING = {"version": 1}', "would disable the loggers"),
        ("import logging.config\nLOGGING_CONFIG = 'config.configure'\ndef configure(given): pass", "LOGGING_CONFIG"),
    ],
)
def test_loggers_that_would_be_disabled(shop: Project, text: str, reason: str) -> None:
    """Logging is configured before apps are loaded, and by default that disables the loggers that exist."""
    shop.write("config.py", SETTINGS)
    with (shop.root / "config.py").open("a") as file:
        file.write(f"{text}\n")
    shop.write("shop/models.py", f"{MODELS}\n    import logging\n    logging.getLogger(__name__)\n")
    shop.write(
        "test_shop.py", f"{TEST}\n    def test_log():\n        print(logging.getLogger('shop.models').disabled)\n"
    )
    shop.warm_up()
    assert reason in shop.status().rejected[DJANGO]
    check(shop)


def test_an_app_that_starts_a_thread(shop: Project) -> None:
    """Such apps are loaded by each run."""
    shop.write(
        "shop/apps.py",
        f"{APP}            import threading\n            threading.Thread(target=print, args=['thread']).start()\n",
    )
    shop.warm_up()
    check(shop)
