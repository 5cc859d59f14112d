"""Stored rows against the present tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.selection import Selection
from pytest_zygote.affected.store import Store, store_path
from pytest_zygote.core.affected.dependency import AFTER, DATA, Need
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A, B = Need(DATA, "a.txt"), Need(DATA, "b.txt")


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    """Give a store in which one test needs a.txt, one needs both files, and one has failed."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    store = Store(store_path(str(tmp_path)), pytest.fail)
    tree = tree_at(tmp_path)
    number = store.surroundings(b"", {})
    a, b = {A: tree.now(A)}, {B: tree.now(B)}
    store.add(number, "a", ("passed", True, 0.1), a, {})
    store.add(number, "ab", ("passed", True, 0.1), b, a)
    store.add(number, "failed", ("failed", True, 0.1), b, {})
    yield store
    store.close()


def selection(store: Store, root: Path) -> Selection:
    """Return what is known, against the tree as it is now."""
    return Selection(store, tree_at(root), store.rows(1))


def test_only_new_and_failed_tests_run_if_nothing_changed(store: Store, tmp_path: Path) -> None:
    """Each with its kind."""
    found = selection(store, tmp_path).select(["a", "ab", "failed", "new"])

    assert {nodeid: entry.kind for nodeid, entry in found.items()} == {"failed": "failed", "new": "new"}


def test_a_change_reaches_the_tests_that_need_it(store: Store, tmp_path: Path) -> None:
    """With what has changed."""
    (tmp_path / "b.txt").write_text("other")

    found = selection(store, tmp_path).select(["a", "ab"])

    assert [(entry.nodeid, entry.reason) for entry in found.values()] == [("ab", "b.txt changed")]


def test_an_older_row_holds_again_when_its_state_is_back(store: Store, tmp_path: Path) -> None:
    """Nothing is marked as changed."""
    (tmp_path / "a.txt").write_text("other")
    tree = tree_at(tmp_path)
    store.add(1, "a", ("failed", True, 0.1), {A: tree.now(A)}, {})
    assert selection(store, tmp_path).select(["a"])["a"].kind == "failed"
    (tmp_path / "a.txt").write_text("a.txt")

    found = selection(store, tmp_path)

    assert found.select(["a"]) == {}
    row = found.holding("a")
    assert row is not None
    assert row.outcome == "passed"


def test_since_a_commit_the_changes_are_gits(store: Store, tmp_path: Path) -> None:
    """Of tests whose rows hold; the others run anyway."""
    found = selection(store, tmp_path).reached(["a", "ab", "new"], lambda need: need == B, "c0ffee")

    assert {nodeid: entry.reason for nodeid, entry in found.items()} == {
        "ab": "b.txt changed since c0ffee",
        "new": "new",
    }


def test_the_answer_rests_on_the_rows_that_hold(store: Store, tmp_path: Path) -> None:
    """Of the tests that are left out."""
    tree = tree_at(tmp_path)

    assert selection(store, tmp_path).rests_on(["ab", "new"]) == {A: tree.now(A), B: tree.now(B)}


def test_whom_a_test_comes_after_is_known_from_all_its_rows(store: Store, tmp_path: Path) -> None:
    """It may have run without the other the last time."""
    assert selection(store, tmp_path).makers() == {}
    store.add(1, "a", ("passed", True, 0.1), {Need(AFTER, "", "ab"): b""}, {})
    store.add(1, "a", ("passed", True, 0.1), {}, {})
    assert selection(store, tmp_path).makers() == {"a": {"ab"}}
