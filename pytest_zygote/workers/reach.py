"""Which files decide what a fixture does: its own, and those of the project with what it uses.

Names are followed from the fixture's function through functions, classes and modules of the
project, as they are bound now. What a function imports only when it runs is followed if it has
been imported by then; other inputs are named by the user.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters import site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Reach:
    """Collects files.

    Attributes:
        files: of the project, that have been reached.
    """

    def __init__(self) -> None:
        """Start with nothing reached."""
        self.files: set[str] = set()
        self._seen: set[int] = set()
        self._kept: list[object] = []

    def follow(self, thing: object) -> None:
        """Reach what a function, class, module or object needs."""
        waiting = [thing]
        while waiting:
            current = waiting.pop()
            if id(current) not in self._seen:
                self._seen.add(id(current))
                self._kept.append(current)  # so that its id belongs to nobody else meanwhile
                waiting += self._needs(current)

    def _needs(self, thing: object) -> list[object]:
        thing = getattr(thing, "__func__", thing)
        code = getattr(thing, "__code__", None)
        if isinstance(code, CodeType):
            return self._needs_of_function(thing, code) if self._add(code.co_filename) else []
        if isinstance(thing, ModuleType):
            self._add(site.origin_of(thing))
            return []
        if not isinstance(thing, type):
            return [type(thing)]
        module = sys.modules.get(thing.__module__)
        if module is None or not self._add(site.origin_of(module)):
            return []
        return [*thing.__bases__, *(part for part in vars(thing).values() if callable(part))]

    def _add(self, file: str) -> bool:
        is_own = bool(file) and os.path.isfile(file) and site.is_own(file)
        if is_own:
            self.files.add(file)
        return is_own

    def _needs_of_function(self, function: object, code: CodeType) -> list[object]:
        space = getattr(function, "__globals__", {})
        names = set(_names(code))
        found = [space[name] for name in names if name in space]
        package = str(space.get("__package__") or "")
        found += [sys.modules[name] for name in names if name in sys.modules]
        found += [sys.modules[full] for name in names if (full := f"{package}.{name}") in sys.modules]
        found += [vars(one)[name] for one in found if isinstance(one, ModuleType) for name in names & vars(one).keys()]
        found += [cell.cell_contents for cell in getattr(function, "__closure__", None) or () if _is_filled(cell)]
        wrapped = getattr(function, "__wrapped__", None)
        return found if wrapped is None else [*found, wrapped]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_filled(cell: object) -> bool:
    try:
        cell.cell_contents  # type: ignore[attr-defined]  # noqa: B018 - it raises where it is empty
    except ValueError:
        return False
    return True


def contents(paths: Iterable[str]) -> Iterator[bytes]:
    """Give names and contents of files, and of all files below folders, in an order that is always the same."""
    for path in sorted(paths):
        files = [path]
        for folder, folders, names in os.walk(path):
            folders.sort()
            files += [os.path.join(folder, name) for name in sorted(names)]
        for file in files:
            yield os.fsencode(file)
            try:
                with open(file, "rb") as stream:
                    yield stream.read()
            except OSError as error:
                yield type(error).__name__.encode()
