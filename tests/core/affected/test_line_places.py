"""Lines that are found again when they have moved."""

from __future__ import annotations

from pytest_zygote.core.affected.line_places import arcs_at, lines_at, places_of, places_of_arcs, units_of

TEXT = """\
LIMIT = 1

def f(x):
    if x:
        return 1
    return 2

class A:
    def g(self):
        return 3
"""


def test_lines_are_found_where_they_have_moved_to() -> None:
    """Comments and blank lines between and in functions move them."""
    units = units_of(compile(TEXT, "", "exec", dont_inherit=True))
    moved = units_of(compile(TEXT.replace("    return 2", "\n    # why\n    return 2"), "", "exec", dont_inherit=True))

    places = places_of(units, {4, 6, 10})

    assert lines_at(units, places) == {4, 6, 10}
    assert lines_at(moved, places) == {4, 8, 12}


def test_only_units_with_covered_lines_are_named() -> None:
    """A ``def`` is a line of two; what is no line of code is no place."""
    units = units_of(compile(TEXT, "", "exec", dont_inherit=True))

    assert places_of(units, {5, 7}) == {"f": [4, 2]}
    assert places_of(units, {3}).keys() == {"", "f"}


def test_nothing_is_known_of_a_unit_that_is_formatted_anew() -> None:
    """Nor of one that is gone."""
    units = units_of(compile(TEXT, "", "exec", dont_inherit=True))
    other = units_of(compile(TEXT.replace("if x:\n        return", "if x: return"), "", "exec", dont_inherit=True))

    assert lines_at(other, places_of(units, {5})) is None
    assert lines_at({}, places_of(units, {5})) is None
    assert lines_at(other, places_of(units, {10})) == {9}


def test_arcs_are_found_where_they_have_moved_to() -> None:
    """Those that enter and leave a function, too."""
    units = units_of(compile(TEXT, "", "exec", dont_inherit=True))
    moved = units_of(compile(f"# moved\n{TEXT}", "", "exec", dont_inherit=True))
    arcs = {(-3, 4), (4, 6), (6, -3), (-9, 10)}

    places = places_of_arcs(units, arcs)

    assert places is not None
    assert arcs_at(units, places) == arcs
    assert arcs_at(moved, places) == {(-4, 5), (5, 7), (7, -4), (-10, 11)}
    assert arcs_at({}, places) is None


def test_an_arc_between_units_is_none() -> None:
    """Nor is one to a line without code."""
    units = units_of(compile(TEXT, "", "exec", dont_inherit=True))

    assert places_of_arcs(units, {(4, 10)}) is None
    assert places_of_arcs(units, {(4, 7)}) is None
