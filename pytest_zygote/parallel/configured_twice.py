"""What a hook that configures a plugin has registered, when it is called once more, in a worker.

With pytest-xdist such a hook is called once in each process. Here a worker is a fork of a process in which it has been
called already, so what it registered then is unregistered before it is called for the worker.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.private.light import frame_above

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType, ModuleType

NAME = "zygote_registrations"
HOOK = "pytest_configure"


class Registrations:
    """Knows which plugins were registered by which implementation of ``pytest_configure``."""

    def __init__(self) -> None:
        """Know of none."""
        self._plugins: dict[CodeType, list[object]] = {}

    @pytest.hookimpl
    def pytest_plugin_registered(self, plugin: object) -> None:
        """Note who registers a plugin, if a hook that configures does."""
        code = _configuring_code()
        if code is not None:
            self._plugins.setdefault(code, []).append(plugin)

    def pop(self, code: CodeType) -> list[object]:
        """Return what an implementation has registered; forget it, since it registers all anew."""
        return self._plugins.pop(code, [])


def _configuring_code() -> CodeType | None:
    frame: FrameType | None = frame_above()
    while frame is not None:
        if frame.f_code.co_name == HOOK and not frame.f_globals.get("__name__", "").startswith("_pytest."):
            return frame.f_code
        frame = frame.f_back
    return None


def unregister_plugins_of(config: pytest.Config, code: CodeType | None) -> None:
    """Unregister what an implementation of ``pytest_configure`` has registered."""
    registrations = config.pluginmanager.getplugin(NAME)
    if registrations is None or code is None:
        return
    for plugin in registrations.pop(code):
        if config.pluginmanager.is_registered(plugin):
            config.pluginmanager.unregister(plugin)


@contextlib.contextmanager
def registered_anew(config: pytest.Config) -> Iterator[None]:
    """Let hooks be declared that are declared already, as they are when a plugin is configured once more."""
    manager = config.pluginmanager
    add_hookspecs = manager.add_hookspecs

    def add_new_hookspecs(module_or_class: ModuleType | type) -> None:
        with contextlib.suppress(ValueError):  # "Hook … is already registered"
            add_hookspecs(module_or_class)

    vars(manager)["add_hookspecs"] = add_new_hookspecs
    try:
        yield
    finally:
        del vars(manager)["add_hookspecs"]
