"""Rows that are saved under a name, exported and imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.baselines import Baselines, names, rows_of
from pytest_zygote.affected.store import Store, store_path
from pytest_zygote.core.affected.dependency import DATA, Need
from pytest_zygote.core.affected.number_sets import unpack
from tests.affected.fakes import config_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A, B = Need(DATA, "a.txt"), Need(DATA, "b.txt")
DIGEST, PARTS = b"digest", {"options": "1"}


@pytest.fixture(name="stores")
def _stores(tmp_path: Path) -> Iterator[list[Store]]:
    """Give the stores of two checkouts, of which the first knows two tests."""
    found = [Store(store_path(str(tmp_path / name)), pytest.fail) for name in ("one", "other")]
    number = found[0].surroundings(DIGEST, PARTS)
    found[0].add(number, "t::a", ("passed", True, 0.5), {A: b"1"}, {})
    found[0].add(number, "t::b", ("failed", False, 0.25), {A: b"1"}, {B: b"2"})
    yield found
    for store in found:
        store.close()


def save(store: Store, tmp_path: Path, **options: object) -> list[str]:
    """Save what is known of both tests, and nothing of a third."""
    rows = {nodeid: found[0] for nodeid, found in store.rows(1).items()}
    return Baselines(store, config_of(tmp_path, ours=options)).save(1, DIGEST, PARTS, {**rows, "t::c": None})


def test_rows_are_saved_under_a_name(stores: list[Store], tmp_path: Path) -> None:
    """Of tests that nothing is known of, none."""
    assert save(stores[0], tmp_path, affected_baseline="ci") == ["affected: baseline ci has 2 of 3 tests"]

    assert names(stores[0]) == ["ci"]
    assert rows_of(stores[0], "ci", 1) == {nodeid: found[:1] for nodeid, found in stores[0].rows(1).items()}


def test_a_test_that_is_no_longer_known_leaves_the_baseline(stores: list[Store], tmp_path: Path) -> None:
    """Those that were not collected stay."""
    save(stores[0], tmp_path, affected_baseline="ci")
    Baselines(stores[0], config_of(tmp_path, ours={"affected_baseline": "ci"})).save(1, DIGEST, PARTS, {"t::a": None})

    assert rows_of(stores[0], "ci", 1).keys() == {"t::b"}


def test_an_export_is_known_where_it_is_imported(stores: list[Store], tmp_path: Path) -> None:
    """Rows, needs, surroundings and the name."""
    one, other = stores
    saved = save(one, tmp_path, affected_baseline="ci", affected_export="base.json")
    assert saved[1] == "affected: base.json has 2 of 3 tests"

    found = Baselines(other, config_of(tmp_path, ours={"affected_import": "base.json"}))

    assert (found.is_import, found.imported_name) == (True, "ci")
    assert found.store_import() == ["affected: 2 tests are known from base.json (baseline ci)"]
    number = other.find_surroundings(DIGEST)
    (row,) = other.rows(number)["t::b"]
    versions, sets = other.versions(), other.sets()
    needs = [{versions[version] for version in unpack(sets[member])} for member in row.sets]
    assert (row.outcome, row.is_exact, row.duration_s, needs) == ("failed", False, 0.25, [{(B, b"2")}, {(A, b"1")}])
    assert rows_of(other, "ci", number).keys() == {"t::a", "t::b"}


def test_imported_rows_are_older_than_those_that_are_there(stores: list[Store], tmp_path: Path) -> None:
    """What was seen here counts first; a row that is there already is not doubled."""
    one, other = stores
    save(one, tmp_path, affected_export="base.json")
    number = other.surroundings(DIGEST, PARTS)
    other.add(number, "t::a", ("failed", True, 0.5), {A: b"1"}, {})
    for _ in range(2):
        Baselines(other, config_of(tmp_path, ours={"affected_import": "base.json"})).store_import()

    assert [row.outcome for row in other.rows(number)["t::a"]] == ["failed", "passed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"affected_frozen": "1", "affected_baseline": "ci"}, "writes nothing"),
        ({"affected_frozen": "1", "affected_export": "base.json"}, "writes nothing"),
        ({"affected_export": "nowhere/base.json"}, "cannot be written"),
        ({"affected_import": "none.json"}, "cannot be used"),
    ],
)
def test_options_that_cannot_be_followed_are_errors(
    stores: list[Store], tmp_path: Path, options: dict[str, object], message: str
) -> None:
    """Before any test runs."""
    with pytest.raises(pytest.UsageError, match=message):
        Baselines(stores[0], config_of(tmp_path, ours=options))


def test_without_options_nothing_is_saved(stores: list[Store], tmp_path: Path) -> None:
    """Nor imported."""
    found = Baselines(stores[0], config_of(tmp_path))

    assert (found.is_asked, found.is_import, found.store_import()) == (False, False, [])
