"""Lets each run read Django's settings and load Django's apps as if no layer had done so.

Models can only be imported while or after ``django.setup()`` loads the installed apps. A layer that did not do this
could hold neither the project's models nor anything that imports them, which is most of a Django project. So the
project layer imports `pytest_zygote.django.apps`, which does it.

In a run, the registry looks empty, and the settings are not read yet. When the run reads the settings, it executes the
settings module or replays its import. When it calls ``django.setup()``, logging is configured then, and instead of
loading the apps, `pytest_zygote.django.apps` is imported, which replays all its imports. If any setting differs by
then, the run starts over from the base layer.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.module_graph import DJANGO
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    StartOver = Callable[[Reason, tuple[str, ...]], None]

FLAGS = ("apps_ready", "models_ready", "ready")


def load() -> list[str]:
    """Load the installed apps in a layer; return their names.

    Raises:
        ImportError: they must not be loaded before logging is configured.
    """
    conf = importlib.import_module("django.conf")
    settings = conf.settings
    if settings.LOGGING and settings.LOGGING.get("disable_existing_loggers", True):
        message = "LOGGING would disable the loggers of apps that are loaded before it is applied"
        raise ImportError(message)
    if settings.LOGGING_CONFIG not in (None, "logging.config.dictConfig"):
        message = "it is unknown what LOGGING_CONFIG does to loggers of apps that are loaded before it is applied"
        raise ImportError(message)
    installed = list(settings.INSTALLED_APPS)
    settings._wrapped = conf.empty  # noqa: SLF001 - as above; the apps are to read them, and to lead to what Django warns of
    importlib.import_module("django.apps").apps.populate(installed)
    # A connection of a zygote would be shared by all runs.
    importlib.import_module("django.db").connections.close_all()
    return installed


def hide(start_over: StartOver) -> None:
    """Let this run, which was forked from a layer, begin without settings and apps.

    Args:
        start_over: ends this process, so that the run starts from the base layer; called with the reason.
    """
    conf = sys.modules.get("django.conf")
    if conf is None:
        return
    # Settings that a module gave by ``settings.configure()`` are what executing that module did: they stay.
    known = conf.settings._wrapped  # noqa: SLF001 - as `django.test` does it
    if isinstance(known, conf.Settings):
        conf.settings._wrapped = conf.empty  # noqa: SLF001 - as above
    if DJANGO in sys.modules:
        _hide_apps(conf, known, start_over)


def _hide_apps(conf: ModuleType, known: ModuleType, start_over: StartOver) -> None:
    registry = sys.modules["django.apps"].apps
    installed = sys.modules[DJANGO].INSTALLED
    _set_flags(registry, on=False)

    def populate(installed_apps: list[str] | None = None) -> None:
        del registry.populate
        name = different_setting(vars(known), getattr(conf.settings._wrapped, "__dict__", {}))  # noqa: SLF001 - as above
        if name:
            text = f"the project layer was made for other Django settings ({name})"
            start_over(Reason("django-settings", text), ())
        if list(installed_apps or ()) != installed:
            start_over(Reason("django-settings", "the project layer holds other Django apps"), ())
        __import__(DJANGO)  # as a statement does: a frame of importlib would count for warnings that name their caller
        _set_flags(registry, on=True)

    registry.populate = populate


def different_setting(known: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Return the first setting that is not what it was when the apps were loaded; '' if all are."""
    names = (name for name in sorted({*known, *now}) if name.isupper())
    return next((name for name in names if name not in now or name not in known or now[name] != known[name]), "")


def _set_flags(registry: ModuleType, *, on: bool) -> None:
    for flag in FLAGS:
        setattr(registry, flag, on)
    event = registry.ready_event
    event.set() if on else event.clear()
