"""Rows on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.store import ROWS_PER_TEST, Store, read_setting, reads_path, store_path
from pytest_zygote.core.affected.dependency import BODY, DATA, ENVIRON, FILE, FILES, SKELETON, Need
from pytest_zygote.core.affected.number_sets import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.affected.store import Needs

ADD, SUB = Need(BODY, "calc.py", "add"), Need(BODY, "calc.py", "sub")
SHARED: Needs = {Need(SKELETON, "calc.py"): b"s"}


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    store = Store(store_path(str(tmp_path)), pytest.fail)
    yield store
    store.close()


def needs_of(store: Store, number: int) -> Needs:
    """Return a set of needs."""
    versions = store.versions()
    return dict(versions[version] for version in unpack(store.sets()[number]))


def test_a_row_comes_back_with_its_needs(store: Store) -> None:
    """Those of the test itself, and those that it shares."""
    surroundings = store.surroundings(b"digest", {})
    store.add(surroundings, "t::a", ("passed", True, 0.5), {ADD: b"1", SUB: b"2"}, SHARED)

    (row,) = store.rows(surroundings)["t::a"]

    assert (row.outcome, row.is_exact, row.duration_s) == ("passed", True, 0.5)
    assert [needs_of(store, number) for number in row.sets] == [SHARED, {ADD: b"1", SUB: b"2"}]


def test_the_newest_row_comes_first(store: Store) -> None:
    """Of other surroundings none."""
    one, other = store.surroundings(b"one", {}), store.surroundings(b"other", {})
    for outcome in ("failed", "passed"):
        store.add(one, "t::a", (outcome, False, 0.0), {ADD: b"1"}, SHARED)

    assert [row.outcome for row in store.rows(one)["t::a"]] == ["passed", "failed"]
    assert store.rows(other) == {}


def test_equal_sets_have_one_number(store: Store) -> None:
    """In whatever order their needs come, and after the store was opened anew."""
    first = store.number_of({ADD: b"1", SUB: b"2"})
    again = Store(store.path, pytest.fail)

    assert store.number_of({SUB: b"2", ADD: b"1"}) == first
    assert again.number_of({ADD: b"1", SUB: b"2"}) == first
    assert store.number_of({ADD: b"1", SUB: b"3"}) != first
    again.close()


def test_rows_of_long_past_states_are_trimmed(store: Store) -> None:
    """The newest stay."""
    surroundings = store.surroundings(b"digest", {})
    for number in range(ROWS_PER_TEST + 3):
        store.add(surroundings, "t::a", ("passed", True, float(number)), {ADD: b"%d" % number}, SHARED)
    store.rows(surroundings)
    store.trim()

    rows = store.rows(surroundings)["t::a"]

    assert [row.duration_s for row in rows] == [float(number) for number in range(ROWS_PER_TEST + 2, 2, -1)]


def test_sets_of_rows_that_are_trimmed_go_with_them(store: Store) -> None:
    """Those that another row or a baseline speaks of stay, as does the newest: its number must not come again."""
    surroundings = store.surroundings(b"digest", {})
    for number in range(ROWS_PER_TEST + 3):
        store.add(surroundings, "t::a", ("passed", True, float(number)), {ADD: b"%d" % number}, SHARED)
    store.add(surroundings, "t::b", ("passed", True, 0.0), {ADD: b"0"}, SHARED)
    with store.using() as connection:
        saved = (surroundings, store.number_of({ADD: b"1"}), store.number_of(SHARED))
        connection.execute("INSERT INTO baseline VALUES ('main', ?, 1, 'passed', 1, ?, ?, 0)", saved)
    past = store.number_of({ADD: b"2"})
    before = store.sets().keys()
    store.rows(surroundings)
    store.trim()

    assert before - store.sets().keys() == {past}
    used = {number for rows in store.rows(surroundings).values() for row in rows for number in row.sets}
    assert used <= store.sets().keys()


def test_surroundings_are_known_by_their_digest(store: Store) -> None:
    """0 stands for those that are not."""
    number = store.surroundings(b"digest", {"options": "a"})

    assert store.surroundings(b"digest", {}) == store.find_surroundings(b"digest") == number
    assert store.find_surroundings(b"other") == 0


def test_the_last_other_surroundings_are_those_of_the_newest_row(store: Store) -> None:
    """They show which part of this run's is new."""
    old, now = store.surroundings(b"old", {"options": "a"}), store.surroundings(b"now", {"options": "b"})
    assert store.last_surroundings(now) == {}
    store.add(old, "t::a", ("passed", True, 0.0), {ADD: b"1"}, SHARED)

    assert store.last_surroundings(now) == {"options": "a"}


def test_tests_are_numbered_before_they_run(store: Store) -> None:
    """Once each."""
    store.expect(["t::a", "t::b"])
    before = dict(store.tests)
    store.expect(["t::b", "t::c"])

    assert {**store.tests, **before} == store.tests
    assert store.tests.keys() == {"t::a", "t::b", "t::c"}


def test_what_was_read_is_known_by_its_path(store: Store) -> None:
    """Watch mode asks whether a file that changed matters; code and environment keys are no such paths."""
    store.number_of({Need(DATA, "a.txt"): b"1", Need(FILE, "b.py"): b"1", Need(ENVIRON, "", "c"): b"1"})

    assert reads_path(store.path, ["x.txt", "a.txt"])
    assert not reads_path(store.path, ["b.py", "c"])
    assert not reads_path(store.path, ["output", ""])  # a file in the root folder, which nobody has listed


def test_a_path_that_a_declared_glob_covers_counts(store: Store) -> None:
    """In a folder, at any depth."""
    assert not reads_path(store.path, ["data/deep/a.json"])
    store.number_of({Need(FILES, "none"): b"1", Need(FILES, "data"): b"1"})

    assert reads_path(store.path, ["data/deep/a.json"])
    assert not reads_path(store.path, ["other/a.json"])


def test_without_a_store_nothing_was_read(tmp_path: Path) -> None:
    """And none is made."""
    assert not reads_path(str(tmp_path / "none.db"), ["a.txt"])
    assert read_setting(str(tmp_path / "none.db"), "counts") == ""
    assert not (tmp_path / "none.db").exists()


def test_a_setting_is_that_of_the_last_run(store: Store) -> None:
    """'' if there is none."""
    assert read_setting(store.path, "counts") == ""
    store.set("counts", "1 of 3")
    store.set("counts", "2 of 3")

    assert read_setting(store.path, "counts") == "2 of 3"


def test_what_is_remembered_of_files_comes_back(store: Store) -> None:
    """States by path, units by text and interpreter; the list of imports among them."""
    units = {"": b"m" * 12, "A.f": b"f" * 12, "\0imports": b"json os"}
    store.cache.add("py", {"a.py": ((1, 2, 3, 4), 5, b"text")}, {b"text": units})

    assert store.cache.files() == {"a.py": ((1, 2, 3, 4), 5, b"text")}
    assert store.cache.source("py", b"text") == units
    assert store.cache.source("other", b"text") is None


def test_the_files_that_tests_imported_are_those_of_their_needs(store: Store) -> None:
    """Not those that they read."""
    store.number_of({Need(SKELETON, "a.py"): b"1", Need(FILE, "b.py"): b"1", Need(DATA, "c.py"): b"1"})

    assert sorted(store.cache.imported()) == ["a.py", "b.py"]
