"""What a hook that configures a plugin has registered, when it is called once more, in a worker."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_zygote.parallel import configured_twice, worker_hooks
from pytest_zygote.parallel.configured_twice import NAME, Registrations
from tests.parallel.fakes import make_config


class Hooks:
    """A hook of a plugin."""

    @pytest.hookspec
    def pytest_of_a_plugin(self) -> None:
        """Be declared."""


class Configured:
    """A plugin that registers another one, and declares a hook, when it is configured."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Ask for workers, as plugins do that know pytest-xdist."""
        config.pluginmanager.register(SimpleNamespace(is_worker=hasattr(config, "workerinput")), "recorder")
        config.pluginmanager.add_hookspecs(Hooks)


def test_what_a_hook_has_registered_it_registers_anew_in_a_worker() -> None:
    """And the hooks that it declares are declared once."""
    config = make_config(Configured())
    config.pluginmanager.register(Registrations(), NAME)
    worker_hooks.call_worker_aware(config, "pytest_configure", config=config)
    assert not config.pluginmanager.getplugin("recorder").is_worker
    config.workerinput = {}  # type: ignore[attr-defined]
    with configured_twice.registered_anew(config):
        worker_hooks.call_worker_aware(config, "pytest_configure", config=config)
    assert config.pluginmanager.getplugin("recorder").is_worker


def test_what_others_have_registered_stays() -> None:
    """Only the hook that is called once more registers its plugins once more."""
    config = make_config()
    registrations = Registrations()
    config.pluginmanager.register(registrations, NAME)
    other = SimpleNamespace()
    config.pluginmanager.register(other, "other")
    configured_twice.unregister_plugins_of(config, Configured.pytest_configure.__code__)
    assert config.pluginmanager.is_registered(other)


def test_hooks_are_declared_twice_only_in_between() -> None:
    """Elsewhere it is a mistake that pluggy finds."""
    manager = make_config().pluginmanager
    manager.add_hookspecs(Hooks)
    with pytest.raises(ValueError, match="already registered"):
        manager.add_hookspecs(Hooks)
