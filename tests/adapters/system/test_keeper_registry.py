"""Processes that keep fixtures, as others find them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import keeper_registry

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_left_of_one_that_died_is_removed(tmp_path: Path) -> None:
    """Its socket refuses, and then neither the socket nor the description is there."""
    daemon = str(tmp_path / "d.sock")
    path = keeper_registry.path_for(daemon, "fixture")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    keeper_registry.describe(path, {"name": "fixture", "pid": 1, "since": 1.0, "uses": 0})
    assert [facts["name"] for facts in keeper_registry.listed(daemon)] == ["fixture"]
    assert keeper_registry.connect(path) is None
    assert keeper_registry.listed(daemon) == []
    assert list(tmp_path.iterdir()) == []
    assert keeper_registry.end_all(daemon) == 0


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
