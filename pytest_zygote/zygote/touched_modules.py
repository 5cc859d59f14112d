"""Notes which modules of the project change, when they are imported, what others of it hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.module_contents import ModuleContents
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

    def on_loaded(self, name: str) -> None:
        """Look at what a module imports, which has just been executed."""
        if not self._is_own(name):
            return
        log = self._ledger.log.get(name, ())
        for other in {one for one in imported_by(name, self._ledger.log) if one in self._contents}:
            if self._contents.has_changed(other, _undone(log, other)):
                self._ledger.touched.setdefault(other, set()).add(name)
        self._contents.has_changed(name)


def _undone(log: Iterable[Event], module: str) -> set[str]:
    """Return the names in a module that this log of another says to be changed: such a change is undone and redone."""
    begin = f"{ATTRIBUTE}{module}."
    changes = (event.what for event in log if type(event) is Became)
    return {what.removeprefix(begin) for what in changes if what.startswith(begin)}
