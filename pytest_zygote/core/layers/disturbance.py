"""Which modules of a layer a run would make others, since it had changed what they read before it imported them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.reachable import reachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet


class Disturbance:
    """The disturbed modules of one run."""

    def __init__(self, importers: Mapping[str, AbstractSet[str]], own: AbstractSet[str]) -> None:
        """Start with none.

        Args:
            importers: name → the modules that import it.
            own: the modules of the project; others count for nothing.
        """
        self._importers = importers
        self._own = own
        self._changed: set[str] = set()
        self._what: dict[str, str] = {}
        self._direct: set[str] = set()

    def affected(self, names: Iterable[str]) -> set[str]:
        """Return modules with all of the project's that import them, directly or not."""
        return set(reachable(names, lambda name: self._own & self._importers.get(name, frozenset())))

    def change(self, changed: Mapping[str, str], executed: AbstractSet[str]) -> None:
        """Note what the run has changed: who imports it, and has not been executed, would have read something else.

        Args:
            changed: modules, each with what of them is another.
            executed: what a fresh interpreter would have executed by now.
        """
        for name in changed.keys() - self._changed:
            self.read(changed[name], self._importers.get(name, ()), executed | changed.keys())
        self._changed.update(changed)

    def read(self, what: str, readers: Iterable[str], executed: AbstractSet[str]) -> None:
        """Note that something is another than these modules have read, unless they are executed already."""
        self._direct.update(readers)
        for name in self.affected(self._own & {*readers}) - executed:
            self._what.setdefault(name, what)

    def of(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        """Return what disturbs a module, and the modules to leave out so that nothing does; None if nothing does."""
        if name not in self._what:
            return None
        # If all that import it directly have been executed already, the one that has not is left.
        return self._what[name], tuple(sorted(self._direct & self._what.keys())) or (name,)
