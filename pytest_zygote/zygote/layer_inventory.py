"""What a layer's report to the daemon says of the file system, beside what its imports have read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.private.bare_objects import package_folders
from pytest_zygote.adapters.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_zygote.core.protocol.layer_messages import Build

SLOWEST = 15
"""How many of the longest imports the status shows."""


def import_folders(path: tuple[str, ...], modules: Iterable[str]) -> dict[str, str]:
    """Return the folders of the project's own code where a new file may supply or hide a module."""
    folders = dict.fromkeys(code_origin.own_folders(path), "")
    for name in modules:
        for folder in package_folders(name):
            if not code_origin.is_third_party(f"{folder}/"):
                folders[folder] = f"{name}."
    return folders


def hiding_packages(modules: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the files that would make packages of folders beside modules of their names, which they would hide."""
    own = code_origin.own_modules(modules)
    folders = {code_origin.origin_of(sys.modules[name]).removesuffix(".py") for name in own}
    paths = (f"{folder}/__init__.py" for folder in folders if os.path.isdir(folder))
    return {path: files.presence(path) for path in paths}


_OF_METADATA = ("entry_points.txt", "METADATA", "PKG-INFO")


def installed_files(plan: Build) -> dict[str, tuple[int, ...]]:
    """Return what changes with the installed packages; of the project's folders only for a project layer.

    That is forked from a base layer.
    """
    if plan.kind == "base":
        paths = code_origin.fingerprint_paths(plan.path)
    else:
        paths = code_origin.entry_point_files(code_origin.own_folders(plan.path), _OF_METADATA)
    return {path: files.identity(path) for path in paths}


def slowest(duration_s: Mapping[str, float]) -> tuple[tuple[str, int], ...]:
    """Return the modules whose imports took longest, each with the milliseconds, the slowest first."""
    ranked = sorted(duration_s.items(), key=lambda entry: entry[1], reverse=True)
    return tuple((name, round(duration * 1000)) for name, duration in ranked[:SLOWEST])
