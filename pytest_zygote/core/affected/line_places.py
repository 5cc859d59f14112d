"""Lines of a file as places in its units, by which they are found again when they have moved.

Fingerprints know nothing of lines: a comment above a function selects no test, and moves all lines that were covered.
So a line is the n-th of those that the code of a unit has. Where the number of these lines is another one (a statement
was formatted anew), nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.affected.fingerprints import owners

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import CodeType

Units: TypeAlias = "dict[str, tuple[int, ...]]"
"""Name of a unit → the lines that its code has, in order."""

Places: TypeAlias = "dict[str, list[int]]"
"""Name of a unit → how many lines it has, and after that the places of some of them."""


def units_of(code: CodeType) -> Units:
    """Return the lines of all units of a module. Some belong to two, such as that of a ``def``."""
    found: dict[str, set[int]] = {}
    for inner, unit in owners(code):
        found.setdefault(unit, set()).update(line for _, _, line in inner.co_lines() if line)
    return {unit: tuple(sorted(lines)) for unit, lines in found.items()}


def places_of(units: Units, lines: Collection[int]) -> Places:
    """Return the places of these lines; those that belong to no code are left out: no report counts them."""
    places = {unit: [at for at, line in enumerate(known) if line in lines] for unit, known in units.items()}
    return {unit: [len(units[unit]), *found] for unit, found in places.items() if found}


def lines_at(units: Units, places: Mapping[str, list[int]]) -> set[int] | None:
    """Return the lines at these places; None if a unit is not there, or has another number of lines."""
    found: set[int] = set()
    for unit, (count, *known) in places.items():
        lines = units.get(unit, ())
        if len(lines) != count:
            return None
        found.update(lines[at] for at in known)
    return found
