"""The folder of a shard's result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.result import ShardResult
from pytest_zygote.shards.result_folder import ResultFolder

if TYPE_CHECKING:
    from pathlib import Path

RESULT = ShardResult(1, 2, "plan", "", ("a",), ("a",), ("a",))


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> ResultFolder:
    return ResultFolder(str(tmp_path / "deep" / "results"))


def test_an_old_result_is_replaced(folder: ResultFolder) -> None:
    """With all of its files."""
    folder.clear()
    folder.write(RESULT)
    folder.events.write_text("{}\n")
    folder.junit.write_text("<a/>")
    assert folder.read() == RESULT

    folder.clear()
    assert list(folder.path.iterdir()) == []


def test_a_result_that_was_only_begun_is_replaced(folder: ResultFolder) -> None:
    """Its shard died before it had collected."""
    folder.path.mkdir(parents=True)
    folder.events.write_text("")
    (folder.path / "shard.123").write_text("")
    folder.clear()
    assert not folder.events.exists()


def test_nothing_else_is_removed(folder: ResultFolder) -> None:
    """A folder of something else is left alone."""
    folder.path.mkdir(parents=True)
    (folder.path / "thesis.tex").write_text("x")
    with pytest.raises(ShardError, match="is not empty, and holds no result of a shard: name another folder"):
        folder.clear()
    assert (folder.path / "thesis.tex").exists()


def test_what_is_no_result(folder: ResultFolder) -> None:
    """The file is named."""
    with pytest.raises(ShardError, match="results holds no result of a shard"):
        folder.read()
    folder.clear()
    (folder.path / "shard.json").write_text("x")
    with pytest.raises(ShardError, match=r"shard\.json: it is no JSON"):
        folder.read()


def test_a_line_that_was_not_written_to_its_end_is_left_out(folder: ResultFolder) -> None:
    """The process may have died then."""
    folder.clear()
    folder.events.write_text('{"nodeid": "a"}\n{"node')
    assert list(folder.reported()) == [{"nodeid": "a"}]


def test_a_damaged_line_is_an_error(folder: ResultFolder) -> None:
    """It is not taken for nothing."""
    folder.clear()
    folder.events.write_text("[1]\n")
    with pytest.raises(ShardError, match=r"reports\.jsonl: "):
        list(folder.reported())
