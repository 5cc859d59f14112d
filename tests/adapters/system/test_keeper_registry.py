"""The files of keepers, as the daemon and other keepers find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import keeper_registry

if TYPE_CHECKING:
    from pathlib import Path


def test_daemons_do_not_see_those_of_others(tmp_path: Path) -> None:
    """Names are those of the daemon's socket, and more; a half-written description counts as none."""
    ours, theirs = str(tmp_path / "a.sock"), str(tmp_path / "b.sock")
    assert (
        keeper_registry.path_for(ours, "x")
        != keeper_registry.path_for(theirs, "x")
        != keeper_registry.path_for(theirs, "y")
    )
    path = keeper_registry.path_for(ours, "x")
    (tmp_path / path).touch()
    (tmp_path / path).with_suffix(".json").write_text("{")
    assert keeper_registry.listed(ours) == keeper_registry.listed(theirs) == []


def test_keepers_are_ordered_by_their_age(tmp_path: Path) -> None:
    """The status lists the oldest first; what is torn down first is the newest."""
    daemon = str(tmp_path / "d.sock")
    paths = [keeper_registry.path_for(daemon, name) for name in ("first", "second", "third")]
    for since, path in enumerate(paths):
        (tmp_path / path).touch()
        keeper_registry.describe(path, {"name": path, "pid": 1, "since": 100.0 + since, "uses": 0})
    assert [facts["name"] for facts in keeper_registry.listed(daemon)] == paths
    assert keeper_registry.newest_first(daemon) == paths[::-1]
    assert keeper_registry.newer_than(paths[0]) == [paths[2], paths[1]]
    assert keeper_registry.newer_than(paths[2]) == []


def test_each_keeper_has_a_lock_of_its_own(tmp_path: Path) -> None:
    """Two runs may set up two fixtures at the same time."""
    daemon = str(tmp_path / "d.sock")
    locks = {keeper_registry.lock_of(keeper_registry.path_for(daemon, name)) for name in ("x", "y")}
    assert len(locks) == 2
    assert daemon.replace(".sock", ".lock") not in locks
