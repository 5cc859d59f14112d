"""What stands for a run of pytest, its tests and the store's memory of files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from pytest_zygote.affected.current_tree import CurrentTree
from pytest_zygote.affected.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_zygote.affected.file_cache import FileCache, FileState

OPTIONS: dict[str, object] = {
    "affected": "1",
    "affected_since": None,
    "affected_frozen": None,
    "affected_baseline": None,
    "affected_export": None,
    "affected_import": None,
}


class FakeCache:
    """Remembers files in memory.

    Attributes:
        is_broken: whether each method fails, as with a store that cannot be used.
        states: path → state.
        sources: text → units.
        paths: of the files that tests imported.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.is_broken = False
        self.states: dict[str, FileState] = {}
        self.sources: dict[bytes, dict[str, bytes]] = {}
        self.paths: list[str] = []

    def _check(self) -> None:
        if self.is_broken:
            raise StoreError("store")

    def files(self) -> dict[str, FileState]:
        """Return the states."""
        self._check()
        return self.states

    def imported(self) -> list[str]:
        """Return the paths."""
        self._check()
        return self.paths

    def source(self, _python: str, digest: bytes) -> dict[str, bytes] | None:
        """Return the units of a text."""
        self._check()
        return self.sources.get(digest)

    def add(self, _python: str, files: dict[str, FileState], sources: dict[bytes, dict[str, bytes]]) -> None:
        """Remember both."""
        self._check()
        self.states.update(files)
        self.sources.update(sources)


def tree_at(root: Path, environ: Mapping[str, str] | None = None, cache: FakeCache | None = None) -> CurrentTree:
    """Return the present tree of a folder."""
    return CurrentTree(str(root), environ or {}, (str(root),), cast("FileCache", cache or FakeCache()))


class FakePlugins:
    """A plugin manager with these plugins."""

    def __init__(self, plugins: Mapping[str, object]) -> None:
        """Have them under their names."""
        self.plugins = dict(plugins)

    def get_plugin(self, name: str) -> object:
        """Return a plugin; None if there is none of this name."""
        return self.plugins.get(name)

    def has_plugin(self, name: str) -> bool:
        """Return whether there is one."""
        return name in self.plugins

    def get_plugins(self) -> set[object]:
        """Return all."""
        return {*self.plugins.values()}

    def list_name_plugin(self) -> list[tuple[str, object]]:
        """Return all, with their names."""
        return list(self.plugins.items())

    def get_hookcallers(self, plugin: object) -> list[object]:
        """Return the hooks that a plugin says it has."""
        return [SimpleNamespace(name=name) for name in getattr(plugin, "hooks", ())]


def config_of(
    folder: Path,
    *args: str,
    options: Mapping[str, object] | None = None,
    plugins: Mapping[str, object] | None = None,
    inipath: Path | None = None,
    ours: Mapping[str, object] | None = None,
) -> pytest.Config:
    """Return the configuration of a run in a folder.

    Args:
        folder: root and working folder.
        *args: of the command line.
        options: what `config.option` has.
        plugins: by name.
        inipath: the ini-file.
        ours: options of ``--affected``, in place of the usual ones.
    """
    found = SimpleNamespace(
        known_args_namespace=SimpleNamespace(**{**OPTIONS, **(ours or {})}),
        option=SimpleNamespace(**(options or {})),
        invocation_params=SimpleNamespace(dir=folder),
        pluginmanager=FakePlugins(plugins or {}),
        args=list(args),
        rootpath=folder,
        inipath=inipath,
    )
    return cast("pytest.Config", found)


def item_of(nodeid: str, path: str = "") -> pytest.Item:
    """Return a test."""
    return cast("pytest.Item", SimpleNamespace(nodeid=nodeid, path=Path(path or nodeid.partition("::")[0])))
