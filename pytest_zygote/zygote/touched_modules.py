"""Notes which modules of the project change, when they are imported, what others of it hold.

A class that is made is known to its bases, which nearly nobody asks for it. So this counts only in a project with code
that does: ``Plugin.__subclasses__()`` finds what other modules have defined.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.module_contents import ModuleContents, bases_in
from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers.import_effects import ATTRIBUTE, Became
from pytest_zygote.core.layers.import_log import imported_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger
    from pytest_zygote.core.layers.import_effects import Event


class TouchedModules:
    """Compares what modules held before and after another that imports them was executed."""

    def __init__(self, ledger: Ledger, is_own: Callable[[str], bool]) -> None:
        """Know no modules; `is_own` returns whether a module is the project's."""
        self._ledger = ledger
        self._is_own = is_own
        self._contents = ModuleContents(is_own)
        self._asks_for_subclasses = False
        self._extended: list[tuple[str, str]] = []

    def on_loaded(self, name: str) -> None:
        """Look at what a module imports, which has just been executed."""
        if not self._is_own(name):
            return
        log = self._ledger.log.get(name, ())
        for other in {one for one in imported_by(name, self._ledger.log) if one in self._contents}:
            if self._contents.has_changed(other, _undone(log, other)):
                self._ledger.touched.setdefault(other, set()).add(name)
        self._contents.has_changed(name)
        self._note_bases(name)

    def _note_bases(self, name: str) -> None:
        self._extended += [(base, name) for base in bases_in(name) if self._is_own(base)]
        if not self._asks_for_subclasses:
            read = files.read_unchanged(code_origin.origin_of(sys.modules.get(name)))
            self._asks_for_subclasses = read is not None and _SUBCLASSES in read[0]
        while self._asks_for_subclasses and self._extended:
            base, module = self._extended.pop()
            self._ledger.touched.setdefault(base, set()).add(module)


_SUBCLASSES = b"__subclasses__"


def _undone(log: Iterable[Event], module: str) -> set[str]:
    """Return the names in a module that this log of another says to be changed: such a change is undone and redone."""
    begin = f"{ATTRIBUTE}{module}."
    changes = (event.what for event in log if type(event) is Became)
    return {what.removeprefix(begin) for what in changes if what.startswith(begin)}
