"""Knows what the other modules of the project may have asked for while they were imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.patching import introspection
from pytest_zygote.core.patching.introspection import DOCS, line_words, may_ask
from pytest_zygote.core.patching.verdict import executed_or_ran

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType

    from pytest_zygote.adapters.patching.sources import Sources
    from pytest_zygote.core.patching.introspection import AskedFor

MANY = 60
"""So many modules are compiled to find out what they asked for: 3 ms each, and then it is known."""


class AskedNames:
    """All modules of the project but the one in question."""

    def __init__(
        self,
        memory: Mapping[str, Sources],
        ran: Callable[[str, CodeType], frozenset[tuple[str, int]]],
        seen: Callable[[str], frozenset[str] | None],
    ) -> None:
        """Look at these modules.

        Args:
            memory: of all modules.
            ran: gives what of a file was executed besides its scopes.
            seen: gives the files at whose lines or docstrings somebody may have looked, if that is known.
        """
        self._memory = memory
        self._ran = ran
        self._seen = seen

    def ask_for(self, path: str, owner: str, name: str) -> bool:
        """Return whether a module other than this one may have asked an owner for a name that it did not have."""
        return any(found is None or found.asks(owner, name) for found in self._that(path, owner, name))

    def _that(self, path: str, owner: str, name: str) -> Iterator[AskedFor | None]:
        """Give what those asked for whose text says that they may have; None if they are too many to look."""
        budget = MANY
        for other, memory in self._memory.items():
            if other != path and may_ask(memory.source, owner, name):
                budget -= memory.words is None
                yield self._words(other) if budget >= 0 else None

    def read_docs(self, path: str, names: frozenset[str]) -> bool:
        """Return whether other code may have read the docstring of something with one of these names."""
        if self._is_involved(path, self._seen("docs") or frozenset()):
            return True
        wanted = DOCS | names
        return any(found is None or found.read & wanted for found in self._mentioning(path, names))

    def _mentioning(self, path: str, names: frozenset[str]) -> Iterator[AskedFor | None]:
        """Give what those asked for who read docstrings or mention a name; None if they are too many to look."""
        marks = {name.encode() for name in names}
        budget = MANY
        for other, memory in self._memory.items():
            if other != path and ("docs" in memory.examines or any(mark in memory.source for mark in marks)):
                budget -= memory.words is None
                yield self._words(other) if budget >= 0 else None

    def lines_examined(self, path: str) -> str:
        """Return who may have looked at lines or bytecode of a module; '' if nobody has."""
        seen = self._seen("lines")
        if seen is None:
            other = self._looking_at_lines(path)
            return f"{other} looks at lines or bytecode while the project is imported" if other else ""
        is_involved = self._is_involved(path, seen)
        return "somebody looked at its lines or bytecode while it was imported" if is_involved else ""

    def _is_involved(self, path: str, seen: frozenset[str]) -> bool:
        """Return whether a file is one of these, or is mentioned in one of the project's that are."""
        mark = self._memory[path].name.rpartition(".")[2].encode()
        return path in seen or any(mark in self._memory[one].source for one in seen if one in self._memory)

    def _looking_at_lines(self, path: str) -> str:
        for other, memory in self._memory.items():
            if other != path and "lines" in memory.examines and self._words(other).named & line_words(memory.source):
                return memory.name
        return ""

    def _words(self, path: str) -> AskedFor:
        memory = self._memory[path]
        if memory.words is None:
            whole = compile(memory.source, path, "exec", dont_inherit=True)
            memory.words = introspection.words(executed_or_ran(whole, memory.ran | self._ran(path, whole)))
        return memory.words
