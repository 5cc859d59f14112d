"""How a module has changed `sys.path`."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.import_effects import END, PathGrew, PathShrank, path_changes


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
