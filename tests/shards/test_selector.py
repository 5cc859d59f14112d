"""What a shard leaves out, and what it says of that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.shards.position import Position
from pytest_zygote.shards.selector import ShardSelector
from tests.parallel.fakes import make_config, make_items

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IDS = ("b.py::x", "a.py::x", "a.py::y", "c.py::z")


class Deselections:
    """Counts the tests that are left out."""

    def __init__(self) -> None:
        """Start with none."""
        self.ids: list[str] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note them."""
        self.ids += [item.nodeid for item in items]


def config_in(folder: Path, *plugins: object, durations: str | None = None) -> pytest.Config:
    """Make a config of a project in this folder."""
    config = make_config(*plugins, shard_durations=durations)
    vars(config).update(rootpath=folder, invocation_params=SimpleNamespace(dir=folder))
    return config


def select(config: pytest.Config, position: Position, by: str = "auto") -> tuple[ShardSelector, list[str]]:
    """Return a plugin that has selected, and what it has left."""
    plugin = ShardSelector(config, position, by)
    items = make_items(config, *IDS)
    plugin.pytest_collection_modifyitems(items)
    return plugin, [item.nodeid for item in items]


def test_shards_share_the_tests(tmp_path: Path) -> None:
    """In pytest's order, and nobody's else."""
    noted = Deselections()
    config = config_in(tmp_path, noted)
    chosen = [select(config, Position(number, 2))[1] for number in (1, 2)]
    assert sorted(chosen[0] + chosen[1]) == sorted(IDS)
    assert all(sorted(ids, key=IDS.index) == ids for ids in chosen)
    assert sorted(noted.ids) == sorted(IDS)  # what one leaves out is what the other has


def test_files_are_not_divided_if_that_is_wanted(tmp_path: Path) -> None:
    """Three files make three shards at most."""
    config = config_in(tmp_path)
    chosen = [select(config, Position(number, 4), "file")[1] for number in (1, 2, 3, 4)]
    assert sorted(map(len, chosen)) == [0, 1, 1, 2]
    assert ["a.py::x", "a.py::y"] in chosen


def test_durations_that_lie_there_are_used(tmp_path: Path) -> None:
    """pytest-split's file, where pytest-split would look for it; or the file that is named."""
    for name, durations in ((".test_durations", None), ("times.json", "times.json")):
        (tmp_path / name).write_text('{"a.py::y": 60, "a.py::x": 1, "b.py::x": 1, "c.py::z": 1}')
        plugin, left = select(config_in(tmp_path, durations=durations), Position(1, 2))
        assert left == ["a.py::y"]
        assert plugin.pytest_report_collectionfinish() == "zygote: shard 1/2 has 1 of 4 tests, about 60.0 of 63.0 s"
        (tmp_path / name).unlink()


@pytest.mark.parametrize("text", [None, "no"])
def test_a_file_of_durations_that_is_none(tmp_path: Path, text: str | None) -> None:
    """It is named."""
    if text is not None:
        (tmp_path / "times.json").write_text(text)
    with pytest.raises(pytest.UsageError, match=r"--shard-durations: .*times\.json"):
        select(config_in(tmp_path, durations="times.json"), Position(1, 2))


def test_what_other_options_leave_out_is_counted(tmp_path: Path) -> None:
    """Before the plan is made: it is no part of the whole."""
    config = config_in(tmp_path)
    plugin = ShardSelector(config, Position(1, 2), "auto")
    plugin.pytest_deselected(make_items(config, "d.py::x", "d.py::y"))
    plugin.pytest_collection_modifyitems(make_items(config, *IDS))
    plugin.pytest_deselected(make_items(config, *IDS))
    assert plugin.share is not None
    assert plugin.share.left_out == 2


@pytest.mark.parametrize(("number", "expected"), [(1, pytest.ExitCode.NO_TESTS_COLLECTED), (2, pytest.ExitCode.OK)])
def test_a_shard_with_nothing_to_do_has_not_failed(tmp_path: Path, number: int, expected: pytest.ExitCode) -> None:
    """One that lost its tests to another option has."""
    config = config_in(tmp_path)
    plugin = ShardSelector(config, Position(number, 2), "auto")
    plugin.pytest_collection_modifyitems(make_items(config, "a.py::x"))
    none = pytest.ExitCode.NO_TESTS_COLLECTED
    session = cast("pytest.Session", SimpleNamespace(exitstatus=none))
    plugin.pytest_sessionfinish(session, none)
    assert session.exitstatus == expected


def test_alone_it_says_nothing(tmp_path: Path) -> None:
    """A result may be kept without any shards."""
    assert select(config_in(tmp_path), Position(1, 1))[0].pytest_report_collectionfinish() is None
    assert ShardSelector(config_in(tmp_path), Position(1, 2), "auto").pytest_report_collectionfinish() is None
