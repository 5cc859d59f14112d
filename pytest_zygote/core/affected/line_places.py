"""Lines of a file as places in its units, by which they are found again when they have moved.

Fingerprints know nothing of lines: a comment above a function selects no test, and moves all lines that were covered.
So a line is the n-th of those that the code of a unit has. Where the number of these lines is another one (a statement
was formatted anew), nothing is known.

Where branches are measured, coverage knows pairs of lines, the *arcs*; a code is entered from, and left to, the line
that it begins with, with a minus.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.affected.fingerprints import owners

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from types import CodeType
    from typing import TypeVar

    T = TypeVar("T")

Units: TypeAlias = "dict[str, tuple[int, ...]]"
"""Name of a unit → the lines that its code has, in order."""

Places: TypeAlias = "dict[str, list[int]]"
"""Name of a unit → how many lines it has, and after that the places of some of them; of arcs the places of both ends,
counted from 1, with the signs that they have."""

Arc: TypeAlias = tuple[int, int]


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
    return _found_at(units, places, lambda lines, known: [lines[at] for at in known])


def places_of_arcs(units: Units, arcs: Collection[Arc]) -> Places | None:
    """Return the places of these arcs; None if one does not belong to a single unit."""
    found: Places = {}
    for begin, end in arcs:
        unit = next((unit for unit, lines in units.items() if _has(lines, begin) and _has(lines, end)), None)
        if unit is None:
            return None
        places = found.setdefault(unit, [len(units[unit])])
        places += (_place(units[unit], line) for line in (begin, end))
    return found


def _has(lines: tuple[int, ...], line: int) -> bool:
    at = bisect_left(lines, abs(line))
    return at < len(lines) and lines[at] == abs(line)


def _place(lines: tuple[int, ...], line: int) -> int:
    at = bisect_left(lines, abs(line)) + 1
    return at if line > 0 else -at


def arcs_at(units: Units, places: Mapping[str, list[int]]) -> set[Arc] | None:
    """Return the arcs at these places; None if a unit is not there, or has another number of lines."""
    return _found_at(units, places, _arcs)


def _arcs(lines: tuple[int, ...], known: list[int]) -> Iterable[Arc]:
    ends = [lines[at - 1] if at > 0 else -lines[-at - 1] for at in known]
    return zip(ends[::2], ends[1::2], strict=True)


def _found_at(
    units: Units, places: Mapping[str, list[int]], read: Callable[[tuple[int, ...], list[int]], Iterable[T]]
) -> set[T] | None:
    found: set[T] = set()
    for unit, (count, *known) in places.items():
        lines = units.get(unit, ())
        if len(lines) != count:
            return None
        found.update(read(lines, known))
    return found
