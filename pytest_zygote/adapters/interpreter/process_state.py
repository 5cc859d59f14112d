"""What of the whole process a module may change when it is imported: its folder, handlers, seeds, patched libraries.

A layer must not keep such changes, since a run that never imports the module has not made them;
a run that does import it makes them again (`core.layers.import_effects.Became`). What cannot be made again in a
process with other arguments, limits or timers makes the module ineligible for a layer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pytest_zygote.adapters.interpreter import attribute_writes, process_kinds
from pytest_zygote.adapters.interpreter.generator_states import GENERATORS, has_drawn, vector_of
from pytest_zygote.adapters.interpreter.process_kinds import UNKNOWN, is_same, without
from pytest_zygote.core.layers.import_effects import ATTRIBUTE, Became, added_around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    _Entries: TypeAlias = tuple[object, ...]

DRAWS = "draws random numbers"
"""The change of a generator whose seed nobody knows; a module whose numbers matter cannot be in a layer."""

PRIVATE = frozenset({DRAWS, process_kinds.FINALIZERS})
"""Changes that count only of modules of the project: of a library, what its first import made serves all runs."""

_VITAL = frozenset(
    {"os", "posix", "_thread", "threading", "select", "selectors", "signal", "_signal", "socket", "_socket"}
)
"""Modules that a process needs to be forked and served: nobody may be in their place."""

_VITAL_OF_SYS = frozenset(
    {"argv", "stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__", "meta_path", "path_hooks"}
)


class ProcessState:
    """Tells what has changed since it was last asked."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        """Take what holds now as unchanged; `is_own` returns whether a module is the project's."""
        self._attributes = attribute_writes.AttributeWrites(is_own)
        self._finders = list(sys.meta_path)
        self._first = process_kinds.read()
        self._last = dict(self._first)
        self._seeded: set[str] = set()

    def loaded(self, name: str) -> None:
        """Look at a module that has been loaded, too."""
        self._attributes.add(name)

    def may_change(self, name: str) -> None:
        """Look at classes and dictionaries in a module, too: the project's, or one that code of it has imported."""
        self._attributes.add_parts(name)

    def changes(self, name: str) -> Iterator[Became]:
        """Give what has changed since the last call.

        Args:
            name: the module that has been executed since: the standard library may write into itself.
        """
        yield from self.patches(name)
        yield from self._changed_kinds()

    def accept(self) -> None:
        """Hold no module responsible for what has changed since the last call of `changes`; it is put back anyhow."""
        for _ in self.changes(""):
            pass

    def patches(self, name: str) -> Iterator[Became]:
        """Give what has been written into modules; nearly for nothing, where `changes` costs 0.2 ms."""
        if attribute_writes.is_standard(name):
            self._attributes.accept()
        for owner, key, value in self._attributes.changes():
            yield Became(f"{ATTRIBUTE}{attribute_writes.describe(owner, key)}", (owner, key, value))

    def _changed_kinds(self) -> Iterator[Became]:
        before, self._last = self._last, process_kinds.read()
        for what in {**before, **self._last}:
            if what in before and before[what] is self._last.get(what, UNKNOWN):
                continue  # nearly all, for each module
            value = self._last.get(what, without(what))
            former = before.get(what, without(what))
            first = self._first.setdefault(what, former if former is not UNKNOWN else value)
            if former is UNKNOWN:
                former = first
            # Generators hold numbers only, but so many that they are compared at once.
            is_equal = former == value if what in GENERATORS else is_same(former, value)
            if not is_equal and self._is_known(what, former, value):
                # A run has filters of its own, and a layer that is built one that shows all.
                is_added = what == process_kinds.FILTERS
                yield Became(
                    what, added_around(cast("_Entries", former), cast("_Entries", value)) if is_added else value
                )
            elif not is_equal:
                yield Became(DRAWS, None)

    def _is_known(self, what: str, before: object, now: object) -> bool:
        """Return whether the next run would have this too: numbers that are drawn without a seed are others each time.

        Drawing moves the position in the generator's vector, or makes the next one of it; only seeding makes another.
        """
        if what in GENERATORS and vector_of(before) != vector_of(now) and not has_drawn(what, before, now):
            self._seeded.add(what)
        return what not in GENERATORS or what in self._seeded

    def restore(self) -> None:
        """Put everything back, and look no more; ``warnings.catch_warnings`` puts back the filters of warnings."""
        self._attributes.restore()
        now = process_kinds.read()
        for what in {**self._first, **now}:
            first = self._first.get(what, without(what))
            if first is not UNKNOWN and not is_same(now.get(what, without(what)), first):
                process_kinds.put_exactly(what, first)
        sys.meta_path[:] = self._finders


def ineligible(change: Became) -> str:
    """Return what a module does that makes such a change, if no other process can do it again; '' if one can."""
    if change.what == DRAWS:
        return DRAWS
    if change.what == process_kinds.ZONE and not process_kinds.is_zone_of_environment():
        return "changes the time zone and not TZ"
    if change.what.startswith(ATTRIBUTE):
        if cast("tuple[object, ...]", change.value)[1] is attribute_writes.REPLACED:
            return f"changes {change.what.removeprefix(ATTRIBUTE).removesuffix('.[…]')}"
        module, _, key = change.what.removeprefix(ATTRIBUTE).partition(".")
        is_vital = key != "excepthook" if module in _VITAL else module == "sys" and key in _VITAL_OF_SYS
        return f"changes {module}.{key}" if is_vital else ""
    return "" if process_kinds.setter(change.what) is not None else f"changes {change.what}"


def become(what: str, value: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - each setter has a type of its own
    """Make something of the process have a value that it had in a layer."""
    if what.startswith(ATTRIBUTE):
        attribute_writes.put(*value)
        return
    put = process_kinds.setter(what)
    assert put is not None, what  # noqa: S101 - else the module is in no layer
    put(value)
