"""The rewriting of assertions: the import hook, what it is to rewrite, and the rewriter itself.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from _pytest.assertion import install_importhook
from _pytest.assertion.rewrite import AssertionRewritingHook, rewrite_asserts
from _pytest.config import Config, get_config

from pytest_zygote.core.internals import Feature, Internal, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Mark = Callable[[Config, AssertionRewritingHook, bool], None]

__all__ = ["AssertionRewritingHook", "install_importhook", "rewrite_asserts"]


def new_config() -> Config:
    """Return a configuration as a session has it before it has parsed a command line."""
    config = get_config()
    vars(config).setdefault("inicfg", {})  # pytest 8 has it only when it has parsed a command line
    return config


def plugin_marking() -> Mark:
    """Return the function by which a session marks the modules of distributions that bring a plugin."""
    return Config._mark_plugins_for_rewrite


def replace_plugin_marking(mark: Mark) -> None:
    """Have the next session mark them by this function."""
    Config._mark_plugins_for_rewrite = mark  # type: ignore[assignment,method-assign]


def marked_plugins() -> list[str]:
    """Return the modules that a session would mark now.

    Raises:
        Exception: this pytest finds them in another way.
    """
    found: list[str] = []
    hook = SimpleNamespace(mark_rewrite=lambda *names: found.extend(names))
    # All that the method uses of a configuration.
    stand_in = SimpleNamespace(pluginmanager=SimpleNamespace())
    Config._mark_plugins_for_rewrite(stand_in, hook, False)  # type: ignore[arg-type]  # noqa: FBT003 - pytest's signature
    return found


INTERNALS = (
    Internal(
        "_pytest.assertion.install_importhook, _pytest.config.get_config",
        ("install_importhook", "new_config", "AssertionRewritingHook"),
        Feature.LAYERS,
        "plugins and helpers that a layer imports have their assertions rewritten",
        lambda: parameters_of(install_importhook) == ("config",) and callable(AssertionRewritingHook.mark_rewrite),
    ),
    Internal(
        "_pytest.assertion.rewrite.rewrite_asserts",
        ("rewrite_asserts",),
        Feature.PATCHES,
        "the new text of a rewritten module is compiled as its import would compile it",
        lambda: parameters_of(rewrite_asserts) == ("mod", "source", "module_path", "config"),
    ),
    Internal(
        "pytest.Config._mark_plugins_for_rewrite",
        ("plugin_marking", "replace_plugin_marking", "marked_plugins"),
        Feature.NOTHING,
        "a layer asks once for the modules of all plugins; without it, each session asks (6 ms)",
        lambda: parameters_of(plugin_marking()) == ("self", "hook", "disable_autoload"),
    ),
)
