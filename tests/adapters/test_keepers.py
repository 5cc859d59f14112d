"""Processes that keep fixtures, as others find them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pytest_zygote.adapters import keepers

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_left_of_one_that_died_is_removed(tmp_path: Path) -> None:
    """Its socket refuses, and then neither the socket nor the description is there."""
    daemon = str(tmp_path / "d.sock")
    path = keepers.path_for(daemon, "fixture")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    keepers.describe(path, {"name": "fixture", "pid": 1, "since": 1.0, "uses": 0})
    assert [facts["name"] for facts in keepers.listed(daemon)] == ["fixture"]
    assert keepers.connect(path) is None
    assert keepers.listed(daemon) == []
    assert list(tmp_path.iterdir()) == []
    assert keepers.end_all(daemon) == 0


def test_daemons_do_not_see_those_of_others(tmp_path: Path) -> None:
    """Names are those of the daemon's socket, and more; a half-written description counts as none."""
    ours, theirs = str(tmp_path / "a.sock"), str(tmp_path / "b.sock")
    assert keepers.path_for(ours, "x") != keepers.path_for(theirs, "x") != keepers.path_for(theirs, "y")
    path = keepers.path_for(ours, "x")
    (tmp_path / path).touch()
    (tmp_path / path).with_suffix(".json").write_text("{")
    assert keepers.listed(ours) == keepers.listed(theirs) == []
