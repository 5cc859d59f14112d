"""Whether nothing has changed at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.skip_collection import COMMAND_LINES, SkipCollection
from pytest_zygote.affected.store import Store, store_path
from pytest_zygote.core.affected.dependency import BODY, DATA, ENVIRON, Need
from tests.affected.fakes import config_of, tree_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(name="store")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(store_path(str(tmp_path_factory.mktemp("cache"))), pytest.fail)
    yield store
    store.close()


@pytest.fixture(name="later_ns")
def _later_ns(tmp_path: Path) -> int:
    """Write a project; return a time at which its files are old."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_a(): pass\n")
    return time.time_ns() + 10**9


def notes(store: Store, root: Path, environ: Mapping[str, str] | None = None, key: bytes = b"") -> SkipCollection:
    """Return what is noted for the command line ``pytest tests``."""
    return SkipCollection(config_of(root, "tests"), store, tree_at(root, environ), key)


def note(store: Store, root: Path, now_ns: int) -> None:
    """Note that none of three tests is affected."""
    tree = tree_at(root)
    needs = {need: tree.now(need) for need in (Need(BODY, "tests/test_a.py", "test_a"), Need(ENVIRON, "", "MODE"))}
    notes(store, root).note(3, needs, now_ns)


def test_nothing_is_known_of_a_new_command_line(store: Store, tmp_path: Path, later_ns: int) -> None:
    """Nor of one with other surroundings."""
    assert notes(store, tmp_path).total() == 0
    note(store, tmp_path, later_ns)

    assert notes(store, tmp_path).total() == 3
    assert notes(store, tmp_path, key=b"other").total() == 0


@pytest.mark.parametrize(
    ("path", "text"), [("tests/test_a.py", "# a comment\ndef test_a(): pass\n"), ("tests/test_new.py", "")]
)
def test_each_changed_text_and_each_new_file_leads_to_a_collection(
    store: Store, tmp_path: Path, later_ns: int, path: str, text: str
) -> None:
    """Also if it compiles to the same."""
    note(store, tmp_path, later_ns)
    (tmp_path / path).write_text(text)

    assert notes(store, tmp_path).total() == 0


def test_so_does_an_environment_key_that_was_read(store: Store, tmp_path: Path, later_ns: int) -> None:
    """But no other."""
    note(store, tmp_path, later_ns)

    assert notes(store, tmp_path, {"MODE": "x"}).total() == 0
    assert notes(store, tmp_path, {"OTHER": "x"}).total() == 3


def test_a_file_that_changed_meanwhile_is_not_noted(store: Store, tmp_path: Path, later_ns: int) -> None:
    """The run may have seen another text."""
    note(store, tmp_path, later_ns - 2 * 10**9)

    assert notes(store, tmp_path).total() == 0


def test_a_data_file_counts_by_its_bytes(store: Store, tmp_path: Path, later_ns: int) -> None:
    """As it was read."""
    (tmp_path / "data.txt").write_text("1")
    tree = tree_at(tmp_path)
    need = Need(DATA, "data.txt")
    notes(store, tmp_path).note(1, {need: tree.now(need)}, later_ns)
    (tmp_path / "data.txt").write_text("2")

    assert notes(store, tmp_path).total() == 0


def test_notes_of_the_last_command_lines_alone_stay(store: Store, tmp_path: Path, later_ns: int) -> None:
    """The oldest goes."""
    for number in range(COMMAND_LINES + 1):
        notes(store, tmp_path, key=b"%d" % number).note(1, {}, later_ns)

    assert notes(store, tmp_path, key=b"0").total() == 0
    assert notes(store, tmp_path, key=b"1").total() == 1


def test_a_failure_has_tests_collected_again(store: Store, tmp_path: Path, later_ns: int) -> None:
    """It must run once more, though nothing has changed since."""
    note(store, tmp_path, later_ns)
    store.add(1, "t::a", ("passed", True, 0.1), {}, {})
    assert notes(store, tmp_path).total() == 3
    store.add(1, "t::a", ("failed", True, 0.1), {}, {})

    assert notes(store, tmp_path).total() == 0
