"""pytest's assertion rewriting, for modules that a layer imports before pytest does.

Plugins and registered helpers have their asserts rewritten when pytest imports them. Imported
any other way they would lose that, and pytest would warn that it comes too late. So a layer
imports them through the very hook that pytest uses.
"""

from __future__ import annotations

import contextlib
import csv  # noqa: F401 - `PluginMarks.learn` has it imported from 3.13 on: layers would differ by it
import os
import sys
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of, is_a
from pytest_zygote.adapters.pytest.private import assertion
from pytest_zygote.adapters.pytest.private.assertion import AssertionRewritingHook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import ModuleType

    import pytest

_Folders: TypeAlias = tuple[tuple[str, int], ...]


@contextlib.contextmanager
def rewriting(names: Sequence[str]) -> Iterator[None]:
    """Rewrite the assertions of these modules while they are imported in this context."""
    hook = assertion.install_importhook(assertion.new_config())
    try:
        if names:
            hook.mark_rewrite(*names)
        yield
    finally:
        sys.meta_path.remove(hook)


class PluginMarks:
    """What pytest marks for rewriting when a session begins: all modules of distributions that bring a plugin.

    It reads their lists of files for that, and looks for every file: 6 ms where three small ones are installed. A
    layer asks once; a session takes the answer as long as nothing was installed since.
    """

    def __init__(self) -> None:
        """Start without an answer."""
        self._folders: _Folders | None = None
        self._names: tuple[str, ...] = ()

    def learn(self, path: Sequence[str]) -> None:
        """Ask pytest, with this `sys.path`."""
        before = list(sys.path)
        self._folders = None
        sys.path[:] = path
        try:
            folders = _metadata_folders(path)
            found = assertion.marked_plugins()
        except Exception:  # noqa: BLE001 - another pytest asks otherwise; then each run does
            return
        finally:
            sys.path[:] = before
        self._folders, self._names = folders, tuple(dict.fromkeys(found))

    def lend(self) -> None:
        """Have the next session of this process take the answer from here."""
        if self._folders is None:
            return
        ask = assertion.plugin_marking()

        def mark(config: pytest.Config, hook: AssertionRewritingHook, disable_autoload: bool) -> None:  # noqa: FBT001 - pytest's signature
            assertion.replace_plugin_marking(ask)
            if disable_autoload or _metadata_folders(sys.path) != self._folders:
                ask(config, hook, disable_autoload)
                return
            config.pluginmanager.rewrite_hook = hook
            hook.mark_rewrite(*self._names)

        assertion.replace_plugin_marking(mark)


def _metadata_folders(path: Iterable[str]) -> _Folders | None:
    """Return the folders that may tell of installed packages, each with what changes when one is installed, in ns.

    None if there is another place that does: a project's own `.egg-info` changes in place.
    """
    found = []
    for folder in path:
        try:
            if os.path.basename(folder) in ("site-packages", "dist-packages"):
                found.append((folder, os.stat(folder).st_mtime_ns))
            elif any(name.endswith(("-info", ".egg")) for name in os.listdir(folder or ".")):
                return None
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return tuple(found)


def is_rewritten(module: ModuleType) -> bool:
    """Return whether a module was loaded with rewritten assertions."""
    return is_a((dict_of(module) or {}).get("__loader__"), AssertionRewritingHook)
