"""Settings and apps that a layer holds, and a run does not see."""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest

from pytest_zygote.core.layers.module_graph import DJANGO
from pytest_zygote.core.reasons import Reason
from pytest_zygote.django import settings


class Settings:
    """Settings that were read from a module."""

    def __init__(self, **values: object) -> None:
        """Hold these."""
        vars(self).update(values)


EMPTY = object()


class Django:
    """The parts of Django that are used, in the place of its modules."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
        """Have read these settings."""
        self.populated: list[object] = []
        self.is_closed = False
        self.lazy = SimpleNamespace(_wrapped=Settings(**values), **values)
        self.registry = SimpleNamespace(
            apps_ready=True, models_ready=True, ready=True, ready_event=threading.Event(), populate=self._populate
        )
        conf = SimpleNamespace(settings=self.lazy, Settings=Settings, empty=EMPTY)
        monkeypatch.setitem(sys.modules, "django.conf", conf)
        monkeypatch.setitem(sys.modules, "django.apps", SimpleNamespace(apps=self.registry))
        connections = SimpleNamespace(close_all=self._close)
        monkeypatch.setitem(sys.modules, "django.db", SimpleNamespace(connections=connections))

    def _populate(self, installed: object) -> None:
        self.populated.append(installed)

    def _close(self) -> None:
        self.is_closed = True

    @property
    def wrapped(self) -> object:
        """The settings behind Django's lazy object; EMPTY before they are read."""
        return self.lazy._wrapped  # noqa: SLF001 - Django's own name

    @wrapped.setter
    def wrapped(self, settings: object) -> None:
        self.lazy._wrapped = settings  # noqa: SLF001 - Django's own name

    @property
    def flags(self) -> set[bool]:
        """The states of the registry, which should all be one."""
        registry = self.registry
        return {registry.apps_ready, registry.models_ready, registry.ready, registry.ready_event.is_set()}


DEFAULTS = {"LOGGING": {}, "LOGGING_CONFIG": "logging.config.dictConfig", "INSTALLED_APPS": ("shop",), "DEBUG": False}


def test_a_layer_loads_the_installed_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    """And shares no connection with its runs."""
    django = Django(monkeypatch, **DEFAULTS)
    assert settings.load() == ["shop"]
    assert django.populated == [["shop"]]
    assert django.is_closed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"LOGGING": {"version": 1}}, "LOGGING would disable the loggers"),
        ({"LOGGING": {"disable_existing_loggers": True}}, "LOGGING would disable the loggers"),
        ({"LOGGING_CONFIG": "mine.configure"}, "it is unknown what LOGGING_CONFIG does"),
    ],
)
def test_apps_are_not_loaded_before_logging_that_reaches_their_loggers(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, object], message: str
) -> None:
    """Each run loads them then, after it has configured logging."""
    django = Django(monkeypatch, **{**DEFAULTS, **values})
    with pytest.raises(ImportError, match=message):
        settings.load()
    assert not django.populated


@pytest.mark.parametrize("logging", [{}, {"version": 1, "disable_existing_loggers": False}])
def test_apps_are_loaded_before_logging_that_does_not(
    monkeypatch: pytest.MonkeyPatch, logging: dict[str, object]
) -> None:
    """Loggers that exist stay as they are."""
    Django(monkeypatch, **{**DEFAULTS, "LOGGING": logging, "LOGGING_CONFIG": None})
    assert settings.load() == ["shop"]


def must_not_start_over(reason: Reason, modules: tuple[str, ...]) -> None:
    """Fail: the run must not start over."""
    raise AssertionError(reason, modules)


def test_without_django_there_is_nothing_to_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layer has not imported it."""
    monkeypatch.delitem(sys.modules, "django.conf", raising=False)
    settings.hide(must_not_start_over)


def test_settings_of_a_module_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has another environment, perhaps."""
    django = Django(monkeypatch, **DEFAULTS)
    monkeypatch.delitem(sys.modules, DJANGO, raising=False)
    settings.hide(must_not_start_over)
    assert django.wrapped is EMPTY
    assert django.flags == {True, False}, "the registry is as it was, if the layer has not loaded apps"


def test_settings_by_configure_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what executing some module did."""
    django = Django(monkeypatch, **DEFAULTS)
    configured = SimpleNamespace(DEBUG=True)
    django.wrapped = configured
    settings.hide(must_not_start_over)
    assert django.wrapped is configured


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Django:
    """Return what a run inherits from a layer that has loaded the apps."""
    django = Django(monkeypatch, **DEFAULTS)
    django.registry.ready_event.set()
    loaded = ModuleType(DJANGO)
    loaded.INSTALLED = ["shop"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, DJANGO, loaded)
    return django


def test_apps_seem_not_to_be_loaded_until_the_run_loads_them(layer: Django) -> None:
    """Then they are, without any of their modules being executed."""
    settings.hide(must_not_start_over)
    assert layer.flags == {False}
    layer.wrapped = Settings(**DEFAULTS)
    layer.registry.populate(("shop",))
    assert layer.flags == {True}
    assert not layer.populated


@pytest.mark.parametrize(
    ("changed", "installed", "reason"),
    [
        ({"DEBUG": True}, ("shop",), "the project layer was made for other Django settings (DEBUG)"),
        ({}, ("shop", "blog"), "the project layer holds other Django apps"),
    ],
)
def test_the_run_starts_over_if_the_layer_does_not_fit(
    layer: Django, changed: dict[str, object], installed: tuple[str, ...], reason: str
) -> None:
    """The reason names the setting."""
    reasons: list[Reason] = []
    settings.hide(lambda reason, _: reasons.append(reason))
    layer.wrapped = Settings(**{**DEFAULTS, **changed})
    layer.registry.populate(installed)
    assert reasons == [Reason("django-settings", reason)]


@pytest.mark.parametrize(
    ("known", "now", "name"),
    [
        ({"A": 1}, {"A": 1}, ""),
        ({"A": 1, "B": 1}, {"A": 2, "B": 2}, "A"),
        ({"A": 1}, {"A": 1, "B": 1}, "B"),
        ({"A": 1, "B": 1}, {"A": 1}, "B"),
        ({"A": 1, "_explicit": 1}, {"A": 1, "_explicit": 2}, ""),
    ],
)
def test_settings_are_compared_by_name(known: dict[str, object], now: dict[str, object], name: str) -> None:
    """The first that differs, or is missing on one side; Django's own attributes are no settings."""
    assert settings.different_setting(known, now) == name
