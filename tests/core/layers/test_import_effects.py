"""How a module has changed `sys.path`."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.import_effects import END, PathGrew, PathShrank, added_around, path_changes


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        ("ab", []),
        ("xab", [PathGrew(0, "x")]),
        ("abxy", [PathGrew(END, "x"), PathGrew(END, "y")]),
        ("axb", [PathGrew(1, "x")]),
        ("bab", [PathGrew(0, "b", is_again=True)]),
        ("b", [PathShrank("a")]),
        ("ba", [PathShrank("a"), PathShrank("b"), PathGrew(0, "b"), PathGrew(1, "a")]),
    ],
)
def test_changes_make_the_new_path_of_the_old(now: str, changes: list[PathGrew | PathShrank]) -> None:
    """What is appended goes to the end of longer paths, too; what was there is added in spite of that."""
    assert list(path_changes(["a", "b"], list(now))) == changes


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("abc", "dabc", ("d", "")),
        ("abc", "cab", ("c", "")),  # moved
        ("abc", "dabce", ("d", "e")),
        ("abc", "abcd", ("", "d")),
        ("abc", "d", ("d", "")),  # all others removed
    ],
)
def test_which_entries_were_added_around_others(before: str, now: str, new: tuple[str, str]) -> None:
    """What stands before and behind those that were there; all, if those were removed."""
    assert added_around(tuple(before), tuple(now)) == (tuple(new[0]), tuple(new[1]))
