"""Logs of a layer, reduced to what another process must repeat.

A log (`core.layers.import_effects`) lists all effects of executing a module. Most of them are imports of other
modules that had no effect themselves. Each run that replays the module would follow thousands of such entries, and
copy the pages they are on, to find a dozen that matter. A *digest* of a log has

* the module's own events, where they were;
* for what it imported, references to the modules below that have events of their own, and only
  to those which no earlier reference of the same log leads to.

`ImportDigests.reach` says which modules with events a module leads to, as bits: a run that has gone
through all of them already needs to look at nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.layers.import_effects import Imported
from pytest_zygote.core.reachable import reachable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_zygote.core.layers.import_effects import Event


class ImportDigests:
    """The digests of all modules that have events, or lead to some.

    Attributes:
        entries: name → digest of its log.
        bits: name → the bit that stands for it, of each module that has events of its own.
        reach: name → bits of all modules with events that executing it goes through.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.entries: dict[str, tuple[Event, ...]] = {}
        self.bits: dict[str, int] = {}
        self.reach: dict[str, int] = {}
        self._open: set[str] = set()

    def add(self, names: Sequence[str], log: Mapping[str, Sequence[Event]]) -> None:
        """Add modules that were executed.

        Args:
            names: in the order in which their execution ended.
            log: of these; logs of modules that were added before must not have changed.
        """
        targets = {name: tuple(_targets(name, log.get(name, ()))) for name in names}
        for name in names:
            self.reach.pop(name, None)
            self.entries.pop(name, None)
            self._open.discard(name)
            if any(type(event) is not Imported for event in log.get(name, ())):
                self.bits.setdefault(name, 1 << len(self.bits))
        while self._spread(targets):
            pass
        for name in names:
            if name in self.reach:
                self.entries[name] = tuple(self._shorten(name, log.get(name, ())))

    def _spread(self, targets: Mapping[str, Sequence[str]]) -> bool:
        """Carry what modules lead to one step further; return whether anything changed.

        Once is enough for modules that were executed after all they import. Those that import each
        other take a second or third time.
        """
        has_changed = False
        reach = self.reach
        for name, imported in targets.items():
            bits = self.bits.get(name, 0)
            for target in imported:
                bits |= reach.get(target, 0)
            if bits and reach.get(name) != bits:
                reach[name] = bits
                has_changed = True
        return has_changed

    def _shorten(self, name: str, log: Iterable[Event]) -> Iterator[Event]:
        seen = 0
        given: set[str] = set()
        for event in log:
            if type(event) is not Imported:
                yield event
                continue
            for reference in (found for target in _lineage_in(name, event.name) for found in self._references(target)):
                if reference in given:
                    continue
                given.add(reference)
                if reference not in self.entries or reference in self._open:
                    # It may lead back to this module, and to the rest only through it.
                    self._open.add(name)
                    yield Imported(reference)
                elif self.reach[reference] & ~seen:
                    seen |= self.reach[reference]
                    yield Imported(reference)

    def _references(self, name: str) -> Iterator[str]:
        """Give what stands for an imported module: itself, or if it has no events those that it leads to."""
        if name in self.bits or (name in self.reach and name not in self.entries):
            yield name  # the latter: they import each other
        else:
            yield from imported_by(name, self.entries)


class DigestWalk:
    """Goes through the digests of modules as a fresh interpreter would execute them: each once.

    Attributes:
        digests: of all modules that have been executed in a layer.
    """

    def __init__(self, digests: ImportDigests) -> None:
        """Start with none."""
        self.digests = digests
        self._begun: set[str] = set()
        self._done = 0

    def events(self, name: str) -> Iterator[tuple[list[str], Event]]:
        """Give the events of a module, and those of what it imports where it imports it.

        Each comes with '' for the caller, the module that it imports, what that leads to, and so on to the module whose
        event it is: in one list, which changes with the next event.
        """
        digests = self.digests
        events: Iterator[Event] = iter((Imported(name),))
        stack = [events]
        names = [""]
        while stack:
            event = next(stack[-1], None)
            if event is None:
                stack.pop()
                names.pop()
            elif not isinstance(event, Imported):
                yield names, event
            elif digests.reach.get(event.name, 0) & ~self._done and event.name not in self._begun:
                self._begun.add(event.name)
                self._done |= digests.bits.get(event.name, 0)
                stack.append(iter(digests.entries[event.name]))
                names.append(event.name)


def lineage(name: str) -> Iterator[str]:
    """Give a module's packages, outermost first, and the module: the order in which they are executed."""
    end = name.find(".")
    while end > 0:
        yield name[:end]
        end = name.find(".", end + 1)
    yield name


def _lineage_in(name: str, target: str) -> Iterator[str]:
    """Give what importing a target executes, without the packages of the importing module: those came first."""
    return (part for part in lineage(target) if part != name and not name.startswith(f"{part}."))


def _targets(name: str, log: Iterable[Event]) -> Iterator[str]:
    found: dict[str, None] = {}
    for event in log:
        if type(event) is Imported:
            found.update(dict.fromkeys(_lineage_in(name, event.name)))
    return iter(found)


def executed_by(names: Iterable[str], log: Mapping[str, Sequence[Event]]) -> set[str]:
    """Return modules with all that executing them executes: what they import, and the packages that they are in."""

    def following(name: str) -> list[str]:
        package = name.rpartition(".")[0]
        return [*imported_by(name, log), *([package] if package else [])]

    return set(reachable(names, following))


def imported_by(name: str, log: Mapping[str, Sequence[Event]]) -> list[str]:
    """Return the modules that executing a module imports, in order."""
    return [event.name for event in log.get(name, ()) if isinstance(event, Imported)]


def changed_too_early(touched: Mapping[str, Iterable[str]], executed: Collection[str]) -> dict[str, str]:
    """Return modules that were not executed, each with one that was, and which it has changed.

    Args:
        touched: module → those that change what it holds when they are executed.
        executed: modules that a fresh interpreter would have executed.
    """
    return {
        module: name
        for name, modules in touched.items()
        if name in executed
        for module in modules
        if module not in executed
    }
