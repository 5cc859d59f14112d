"""What a test says that it depends on: texts that name paths, globs, environment keys and packages.

Paths are absolute, or seen from the root folder, with ``/`` on every system. What a text names need not be there: that
it comes is a change.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pytest_zygote.core.affected.dependency import DATA, ENVIRON, FILES, PACKAGE, PROJECT, Need
from pytest_zygote.core.affected.globs import WILDCARD, base_of, escaped

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "depends_on"
"""Name of the mark."""

WANTED = "a path, a glob, '$KEY' or 'package:NAME'"

_PACKAGE = "package:"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_KEY = re.compile(r"\w+")
_PATH = re.compile(r"[^\0]*[^\0\s][^\0]*")


def need_of(
    text: object, relative: Callable[[str], str] = lambda path: path, kind_at: Callable[[str], str] = lambda _: ""
) -> Need:
    """Return what a text names.

    Args:
        text: as users write it.
        relative: returns an absolute path as needs have it.
        kind_at: returns 'file', 'folder' or '' for a path: a name with wildcards may be that of a file.

    Raises:
        TypeError: it is no text.
        ValueError: it names nothing.
    """
    if not isinstance(text, str):
        message = f"{MARK} takes texts, each {WANTED}, not {text!r}"
        raise TypeError(message)
    if text.startswith("$"):
        return Need(ENVIRON, "", _checked(_KEY, text[1:], text))
    if text.startswith(_PACKAGE):
        name = _checked(_NAME, text.removeprefix(_PACKAGE).strip(), text)
        return Need(PACKAGE, "", re.sub(r"[-_.]+", "-", name).lower())
    path = posixpath.normpath(_checked(_PATH, text, text))
    path = (relative(path) or ".") if path.startswith("/") else path
    found = Need(PROJECT) if path == "." else _need_of_path(path, kind_at(path), is_folder=text.endswith("/"))
    if found.kind == FILES and base_of(found.path) == "/":
        message = f"{MARK} cannot look through the whole system for {text!r}"
        raise ValueError(message)
    return found


def _checked(pattern: re.Pattern[str], name: str, text: str) -> str:
    if pattern.fullmatch(name) is None:
        message = f"{MARK} takes {WANTED}, and {text!r} is none of them"
        raise ValueError(message)
    return name


def _need_of_path(path: str, kind: str, *, is_folder: bool) -> Need:
    if kind == "folder" or (kind == "" and is_folder and not WILDCARD.search(path)):
        return Need(FILES, escaped(path))
    return Need(FILES if kind == "" and WILDCARD.search(path) else DATA, path)
