"""Globs over paths."""

from __future__ import annotations

import pytest

from pytest_zygote.core.affected.globs import base_of, covers, escaped


@pytest.mark.parametrize(
    ("glob", "covered", "others"),
    [
        ("data/*.json", ["data/a.json", "data/a.json/below"], ["data/a.txt", "data/deep/a.json", "a.json"]),
        ("data/**/*.json", ["data/a.json", "data/b/c/a.json"], ["data/a.txt", "other/a.json"]),
        ("**/a", ["a", "b/a", "b/c/a/below"], ["ab", "b/ab"]),
        ("data", ["data/a", "data/b/.hidden"], ["data2/a", "other"]),
        ("data/**", ["data/a", "data/b/c"], ["other"]),
        ("/srv/*", ["/srv/a"], ["srv/a", "/etc/a"]),
        ("a[[]1]", ["a[1]/b"], ["a1/b"]),
    ],
)
def test_which_paths_a_glob_covers(glob: str, covered: list[str], others: list[str]) -> None:
    """Also those below a folder that it matches."""
    assert [path for path in (*covered, *others) if covers(glob, path)] == covered


@pytest.mark.parametrize(
    ("glob", "base"),
    [
        ("data/*.json", "data"),
        ("data/v?/a", "data"),
        ("*.json", ""),
        ("data/sub", "data/sub"),
        ("/*.json", "/"),
        (escaped("a[1]/b*"), "a[1]/b*"),
    ],
)
def test_the_folder_that_holds_all(glob: str, base: str) -> None:
    """It ends before the first wildcard."""
    assert base_of(glob) == base
