"""Whose code a file is: the project's own, or of the interpreter and its packages."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_STANDARD = tuple(os.path.join(os.path.realpath(sysconfig.get_path(name)), "") for name in ("stdlib", "platstdlib"))


def is_installed(path: str) -> bool:
    """Tell whether a file belongs to an installed package."""
    return "/site-packages/" in path or "/dist-packages/" in path


def is_third_party(path: str) -> bool:
    """Tell whether a file belongs to the standard library or an installed package."""
    if is_installed(path):
        return True
    return path.startswith(_STANDARD) or os.path.realpath(path).startswith(_STANDARD)


def origin_of(module: ModuleType) -> str:
    """Return the file that a module was loaded from; '' for built-in, frozen and namespace modules."""
    spec = getattr(module, "__spec__", None)
    if spec is None or not spec.has_location:
        return ""
    return spec.origin or ""


def package_folders() -> list[str]:
    """Return the folders with installed packages that are on `sys.path`."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
