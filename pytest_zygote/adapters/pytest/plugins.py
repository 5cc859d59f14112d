"""The registered plugins of a session: where each is defined, and which hooks it implements."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Plugin(NamedTuple):
    """A conftest file, a module, or an object.

    Attributes:
        module: name of the module in which it is defined.
        home: this module; None if it is not loaded.
        hooks: names of the hooks that it implements.
    """

    module: str
    home: ModuleType | None
    hooks: tuple[str, ...]


def registered(manager: pytest.PytestPluginManager) -> Iterator[Plugin]:
    """Give all plugins, but those that are blocked."""
    for _, plugin in manager.list_name_plugin():
        if plugin is None:
            continue
        kind = plugin if isinstance(plugin, type) else type(plugin)
        module = plugin.__name__ if isinstance(plugin, ModuleType) else kind.__module__
        home = plugin if isinstance(plugin, ModuleType) else sys.modules.get(module)
        hooks = tuple(caller.name for caller in manager.get_hookcallers(plugin) or ())
        yield Plugin(module, home, hooks)
