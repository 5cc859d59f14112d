"""Watches the import statement itself, where marking all modules would copy the pages of a layer below."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType


class ImportStatements:
    """Watches import statements, and imports by ``importlib.import_module``, of modules that are loaded."""

    def __init__(self, see: Callable[[str], None]) -> None:
        """Report nothing yet; `see` will be called with the name of each module that is imported.

        Of a module that is not there, it is called with the innermost package that is.
        """
        self._see = see
        self._plain = builtins.__import__
        self._find_and_load = importing.find_and_load.function
        self._is_watching = False

        def import_(
            name: str,
            globals: dict[str, object] | None = None,  # noqa: A002 - its name in the interpreter
            locals: dict[str, object] | None = None,  # noqa: A002 - the same
            fromlist: Sequence[str] = (),
            level: int = 0,
        ) -> ModuleType:
            self._note(name, globals, level)
            return self._plain(name, globals, locals, fromlist, level)

        def find_and_load(name: str, import_: object) -> ModuleType:
            self._note(name, None, 0)
            return self._find_and_load(name, import_)

        importing.disguise(import_, find_and_load)
        self._import = import_
        self._load = find_and_load

    def start(self) -> None:
        """Report each one from now on."""
        self._is_watching = True
        self._plain = builtins.__import__
        builtins.__import__ = self._import  # type: ignore[assignment]  # called in the same ways
        importing.find_and_load.function = self._load

    def stop(self) -> None:
        """Restore ``builtins.__import__`` and ``_find_and_load``.

        If a module has since replaced ``__import__``, its replacement stays, and goes on calling ours.
        """
        self._is_watching = False
        importing.find_and_load.function = self._find_and_load
        if builtins.__import__ is self._import:
            builtins.__import__ = self._plain

    def _note(self, name: str, importer: dict[str, object] | None, level: int) -> None:
        if level and importer is not None:
            package = importer.get("__package__") or str(importer.get("__name__", "")).rpartition(".")[0]
            name = ".".join([*str(package).split(".")[: 1 - level or None], *([name] if name else [])])
        while self._is_watching and name:
            if name in sys.modules:
                self._see(name)
                break
            name = name.rpartition(".")[0]
