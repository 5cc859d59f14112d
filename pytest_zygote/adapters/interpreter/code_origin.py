"""Whose code a file is: the project's own, or of the interpreter and its packages."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import sysconfig
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

import pytest_zygote
from pytest_zygote.adapters.interpreter.private.bare_objects import spec_of
from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STANDARD = tuple(os.path.join(os.path.realpath(sysconfig.get_path(name)), "") for name in ("stdlib", "platstdlib"))


def is_installed(path: str) -> bool:
    """Return whether a file belongs to an installed package."""
    return "/site-packages/" in path or "/dist-packages/" in path


_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(pytest_zygote.__file__)), "")

_NOT_OWN = RUNNER | {"__main__"}
"""Top-level names that are never the project's, wherever they are installed."""


def is_third_party(path: str) -> bool:
    """Return whether a file belongs to the standard library or an installed package."""
    return is_installed(path) or _is_standard(path)


@functools.lru_cache(10_000)
def _is_standard(path: str) -> bool:
    """Return whether a file belongs to the standard library; asked eight times for each module that is imported."""
    return path.startswith(_STANDARD) or os.path.realpath(path).startswith(_STANDARD)


def is_own(path: str) -> bool:
    """Return whether a file belongs to the project; this package does not, wherever it is installed."""
    return not path.startswith(_PACKAGE) and not is_third_party(path)


def own_folders(path: Iterable[str]) -> list[str]:
    """Return the entries of a search path that are folders of the project's own code."""
    return [entry for entry in path if os.path.isdir(entry) and not is_third_party(f"{entry}/")]


def origin_of(module: object) -> str:
    """Return the file that a module was loaded from; '' for built-in, frozen and namespace modules."""
    spec = spec_of(module)
    if spec is None or not spec.has_location:
        return ""
    return spec.origin if type(spec.origin) is str else ""


def is_own_module(name: str) -> bool:
    """Return whether a module is loaded, from a file of the project."""
    origin = origin_of(sys.modules.get(name))
    return bool(origin) and is_own(origin)


def own_modules(names: Iterable[str]) -> frozenset[str]:
    """Return those of the loaded modules that belong to the project."""
    own = set()
    for name in names:
        origin = origin_of(sys.modules[name])
        if origin and name.partition(".")[0] not in _NOT_OWN and not is_third_party(origin):
            own.add(name)
    return frozenset(own)


def gather_names(modules: Iterable[str]) -> None:
    """Have the names of these loaded modules, the last that were loaded, lie side by side.

    pytest meets the modules of a plugin with all of them in each run (``mark_rewrite``), and whoever
    looks at an object in a forked process copies its page: 2,500 names that were made during as
    many imports lie on 760 pages, their copies on 50.
    """
    for name in modules:
        module = sys.modules.pop(name)
        sys.modules[f"{name[:1]}{name[1:]}"] = module


def fingerprint_paths(path: Iterable[str]) -> list[str]:
    """Return the files and folders that change when a package is installed, updated or removed.

    A folder's list of names tells versions (``x-1.0.dist-info``); ``.pth`` files tell what is
    installed in place, ``pyvenv.cfg`` which interpreter all of it belongs to.
    """
    found = [os.path.join(sys.prefix, "pyvenv.cfg")]
    for folder in path:
        if folder.endswith(("site-packages", "dist-packages")):
            found.append(folder)
            with contextlib.suppress(OSError):
                found += [entry.path for entry in os.scandir(folder) if entry.name.endswith((".pth", ".egg-link"))]
    return [*found, *entry_point_files(path)]


def entry_point_files(path: Iterable[str], names: tuple[str, ...] = ("entry_points.txt",)) -> list[str]:
    """Return the files, there or not, that change when a package is installed again in the same version.

    Args:
        path: folders.
        names: of the files; those with a package's version change only where it is built in the project's own folder.
    """
    found: list[str] = []
    for folder in path:
        with contextlib.suppress(OSError):
            packages = [name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info"))]
            found += [os.path.join(folder, package, name) for package in packages for name in names]
    return found


def entry_points(group: str) -> tuple[str, ...]:
    """Return the modules that installed packages name in a group of entry points."""
    from importlib import metadata

    return tuple(dict.fromkeys(entry.module for entry in metadata.entry_points(group=group)))


class Homes:
    """Where a layer found its top-level modules, to tell whether a run would find them there too."""

    def __init__(self, list_names: Callable[[str], frozenset[str]]) -> None:
        """Start with none; `list_names` gives the importable names in a folder."""
        self._list_names = list_names
        self._origins: dict[str, str] = {}
        self._homes: dict[str, str] = {}
        self._path: tuple[str, ...] = ()
        self._moved: dict[str, str] = {}

    def remember(self, names: Iterable[str]) -> None:
        """Take where these modules come from as right."""
        for name in names:
            origin = origin_of(sys.modules[name])
            if origin and "." not in name:
                self._origins[name] = origin
                folder, file = os.path.split(origin)
                self._homes[name] = os.path.dirname(folder) if file.startswith("__init__.") else folder

    def hidden(self, folders: Iterable[str], names: frozenset[str]) -> tuple[str, str] | None:
        """Return an installed package, among these loaded modules, that a folder hides, and the file that it has."""
        for folder in folders:
            for name in sorted(self._list_names(folder) & names & sys.modules.keys()):
                origin, spec = origin_of(sys.modules[name]), PathFinder.find_spec(name, [folder])
                if is_installed(origin) and spec is not None and spec.origin not in (None, origin):
                    return name, str(spec.origin)
        return None

    def home_of(self, name: str) -> str:
        """Return the folder in which a top-level module was found."""
        return self._homes[name]

    def moved(self) -> dict[str, str]:
        """Return the modules that `sys.path` does not lead to now, with the file where it leads ('' for none)."""
        path = tuple(sys.path)
        if path != self._path:
            self._path = path
            found = ((name, _find(name)) for name in self._candidates(path))
            self._moved = {name: origin for name, origin in found if origin != self._origins[name]}
        return self._moved

    def _candidates(self, path: tuple[str, ...]) -> set[str]:
        unseen = set(self._homes)
        found: set[str] = set()
        for entry in path:
            folder = entry or os.getcwd()
            if is_third_party(f"{folder}/"):
                claimed = {name for name in unseen if self._homes[name] == folder}
            else:
                claimed = unseen & self._list_names(folder)
            found.update(name for name in claimed if self._homes[name] != folder)
            unseen -= {name for name in claimed if self._homes[name] == folder}
        return found | unseen


def _find(name: str) -> str:
    for finder in sys.meta_path:
        # pytest's own finder finds what the others do, and remembers that it was asked.
        if not type(finder).__module__.startswith("_pytest"):
            with contextlib.suppress(Exception):
                spec = finder.find_spec(name, None)
                if spec is not None:
                    return spec.origin or ""
    return ""
