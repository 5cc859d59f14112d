"""The checksums that all needs have now."""

from __future__ import annotations

import os
import time
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.affected.dependency import (
    BODY,
    DATA,
    ENVIRON,
    FILE,
    FILES,
    LISTING,
    NAMES,
    PACKAGE,
    PRESENCE,
    PROJECT,
    Need,
)
from pytest_zygote.core.affected.fingerprints import MODULE
from tests.affected.fakes import FakeCache, tree_at

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "import json\n\ndef f():\n    return 1\n"


@pytest.mark.parametrize(
    "need",
    [
        Need(BODY, "a.py", "f"),
        Need(FILE, "a.py"),
        Need(NAMES, "a.py"),
        Need(DATA, "data.txt"),
        Need(PRESENCE, "flag"),
        Need(LISTING, ""),
        Need(PROJECT),
        Need(FILES, "*.txt"),
        Need(FILES, "data"),
    ],
)
def test_a_checksum_is_the_same_until_something_changes(tmp_path: Path, need: Need) -> None:
    """And another one afterwards, in the tree of the next run."""
    (tmp_path / "a.py").write_text(TEXT)
    (tmp_path / "data.txt").write_text("1")
    before = tree_at(tmp_path).now(need)
    assert tree_at(tmp_path).now(need) == before
    (tmp_path / "a.py").write_text(TEXT.replace("1", "2"))
    (tmp_path / "data.txt").write_text("2")
    (tmp_path / "flag").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "json.py").write_text("")

    assert tree_at(tmp_path).now(need) != before


def test_a_file_is_read_again_only_if_it_may_have_changed(tmp_path: Path) -> None:
    """Its stamp decides, but within a tick of the clock after the last change."""
    (tmp_path / "data.txt").write_text("1")
    cache = FakeCache()
    first = tree_at(tmp_path, cache=cache)
    digest = first.digest("data.txt")
    first.save()
    identity, looked_ns, _ = cache.states["data.txt"]

    cache.states["data.txt"] = (identity, identity[1] + 10**9, b"remembered")
    assert tree_at(tmp_path, cache=cache).digest("data.txt") == b"remembered"
    cache.states["data.txt"] = (identity, identity[1] + 1, b"remembered")
    assert tree_at(tmp_path, cache=cache).digest("data.txt") == digest
    assert looked_ns <= time.time_ns()


def test_a_text_that_is_known_is_not_compiled(tmp_path: Path) -> None:
    """Whatever the file's name and time."""
    (tmp_path / "a.py").write_text(TEXT)
    cache = FakeCache()
    first = tree_at(tmp_path, cache=cache)
    assert not first.is_known("a.py")
    cache.sources[first.digest("a.py")] = {MODULE: b"remembered"}

    assert first.is_known("a.py")
    assert tree_at(tmp_path, cache=cache).units("a.py") == {MODULE: b"remembered"}


def test_units_that_were_learnt_are_saved(tmp_path: Path) -> None:
    """By the checksum of the text."""
    (tmp_path / "a.py").write_text(TEXT)
    cache = FakeCache()
    tree = tree_at(tmp_path, cache=cache)
    tree.learn("a.py", {MODULE: b"ran"})
    tree.save()

    assert tree.units("a.py") == {MODULE: b"ran"}
    assert cache.sources == {tree.digest("a.py"): {MODULE: b"ran"}}


def test_a_broken_store_costs_time_alone(tmp_path: Path) -> None:
    """All is read and compiled."""
    (tmp_path / "a.py").write_text(TEXT)
    cache = FakeCache()
    cache.is_broken = True
    tree = tree_at(tmp_path, cache=cache)

    assert tree.units("a.py").keys() >= {MODULE, "f"}
    assert tree.imports("a.py") == ("json",)
    assert tree.doubtful() == []


def test_the_environment_is_that_at_the_start(tmp_path: Path) -> None:
    """A key that is missing is not one that is empty; the whole is all keys but volatile ones."""
    tree = tree_at(tmp_path, {"A": "1", "EMPTY": ""})

    assert tree.environ("A") != tree.environ("EMPTY") != tree.environ("NONE")
    assert tree.value("A") == "1"
    assert tree.now(Need(ENVIRON, "", "*")) != tree_at(tmp_path, {"A": "2", "EMPTY": ""}).environ("*")
    assert tree.environ("*") == tree_at(tmp_path, {"A": "1", "EMPTY": "", "PYTEST_CURRENT_TEST": "x"}).environ("*")


def test_paths_are_those_of_the_root(tmp_path: Path) -> None:
    """What is elsewhere has the whole path."""
    tree = tree_at(tmp_path)

    assert tree.relative(str(tmp_path / "a" / "b.py")) == "a/b.py"
    assert tree.relative(str(tmp_path)) == ""
    assert tree.relative("/elsewhere/b.py") == "/elsewhere/b.py"
    assert tree.absolute("a/b.py") == str(tmp_path / "a" / "b.py")
    assert tree.absolute("/elsewhere/b.py") == "/elsewhere/b.py"


def test_a_compiled_file_of_an_older_text_is_doubtful(tmp_path: Path) -> None:
    """If both are of one second; a missing one is not."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(TEXT)
    compiled = tmp_path / cache_from_source("a.py")
    compiled.parent.mkdir()
    compiled.write_bytes(b"")
    os.utime(compiled, (1, 1))
    cache = FakeCache()
    cache.paths = ["a.py", "b.py", "data.txt"]

    assert tree_at(tmp_path, cache=cache).doubtful() == [str(tmp_path / "a.py")]


def test_what_was_seen_can_be_forgotten(tmp_path: Path) -> None:
    """Then it is looked at anew."""
    tree = tree_at(tmp_path)
    need = Need(PRESENCE, "flag")
    assert tree.now(need) == b""
    (tmp_path / "flag").write_text("")
    assert tree.now(need) == b""
    tree.forget()

    assert tree.now(need) != b""


def test_files_that_match_a_glob_come_and_go(tmp_path: Path) -> None:
    """Others beside them do not count, nor does an empty folder that could hold some."""
    need = Need(FILES, "data/*.json")
    assert tree_at(tmp_path).now(need) == b""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("1")
    assert tree_at(tmp_path).now(need) == b""
    (tmp_path / "data/a.json").write_text("1")
    assert (found := tree_at(tmp_path).now(need))
    (tmp_path / "data/b.json").write_text("1")
    assert tree_at(tmp_path).now(need) not in {b"", found}


def test_a_checksum_of_this_moment(tmp_path: Path) -> None:
    """Others are those of the first look in a run."""
    (tmp_path / "data.txt").write_text("1")
    tree = tree_at(tmp_path)
    first = tree.now(Need(DATA, "data.txt"))
    (tmp_path / "data.txt").write_text("22")

    assert tree.anew(Need(DATA, "data.txt")) != first
    assert tree.now(Need(DATA, "data.txt")) == first


def test_an_installed_package(tmp_path: Path) -> None:
    """By its record; one that is missing has none."""
    tree = tree_at(tmp_path)

    assert tree.now(Need(PACKAGE, "", "pluggy"))
    assert tree.now(Need(PACKAGE, "", "no-such-package")) == b""
