"""What shards leave besides reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import coverage
import pytest

from pytest_zygote.core.affected.baseline import Baseline, decode, encode
from pytest_zygote.core.affected.impact import Row
from pytest_zygote.core.shards.errors import NoSourcesError, ShardError
from pytest_zygote.shards import artifacts
from pytest_zygote.shards.result_folder import ResultFolder
from tests.parallel.fakes import make_config

if TYPE_CHECKING:
    from pathlib import Path

PASSED = Row("passed", is_exact=True, sets=(0, 0), duration_s=1.0)


@pytest.fixture(autouse=True)
def _data_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What measures these tests saves its data: any `coverage.Coverage` that is made would tell it not to."""
    monkeypatch.delattr(coverage.process_startup, "coverage", raising=False)


def write_map(path: Path, digest: bytes, *tests: str) -> None:
    """Write a map of these tests."""
    baseline = Baseline("", digest, {"options": digest.hex()}, (), ((),), dict.fromkeys(tests, PASSED))
    path.write_text(encode(baseline), encoding="utf-8")


def test_maps_of_affected_tests_are_put_together(tmp_path: Path) -> None:
    """Each with the tests that the shard has run; a shard without one is passed over."""
    one, two, into = tmp_path / "one", tmp_path / "two", tmp_path / "whole"
    write_map(one, b"1", "a", "b")
    write_map(two, b"1", "b", "c")
    assert artifacts.merge_maps([(one, {"a"}), (two, {"b", "c"}), (tmp_path / "none", {"d"})], into) == 3
    assert sorted(decode(into.read_text(encoding="utf-8")).tests) == ["a", "b", "c"]


def test_no_map_is_written_where_there_is_none(tmp_path: Path) -> None:
    """The runs were without --affected."""
    assert artifacts.merge_maps([(tmp_path / "none", set())], tmp_path / "whole") == 0
    assert not (tmp_path / "whole").exists()


def test_maps_that_do_not_fit(tmp_path: Path) -> None:
    """It is said which, and why."""
    one, two = tmp_path / "one", tmp_path / "two"
    write_map(one, b"1", "a")
    write_map(two, b"2", "b")
    with pytest.raises(ShardError, match="the maps of affected tests: they differ in options"):
        artifacts.merge_maps([(one, {"a"}), (two, {"b"})], tmp_path / "whole")
    two.write_text("x")
    with pytest.raises(ShardError, match="two: it is no JSON"):
        artifacts.merge_maps([(one, {"a"}), (two, {"b"})], tmp_path / "whole")


def test_a_part_does_not_judge_coverage() -> None:
    """The limit is the whole's."""
    options = SimpleNamespace(cov_fail_under=90)
    config = make_config()
    config.pluginmanager.register(SimpleNamespace(options=options), "_cov")
    assert artifacts.defer_coverage_limit(config) == 90.0
    assert options.cov_fail_under is None
    assert artifacts.defer_coverage_limit(make_config()) == 0.0


def test_a_map_that_was_to_be_elsewhere_is_copied(tmp_path: Path) -> None:
    """It belongs to the result, too."""
    (tmp_path / "own.json").write_text("{}")
    folder = ResultFolder(str(tmp_path / "results"))
    folder.clear()
    config = make_config()
    vars(config).update(
        known_args_namespace=SimpleNamespace(affected_export="own.json"),
        invocation_params=SimpleNamespace(dir=tmp_path),
    )
    artifacts.keep(config, folder)
    assert folder.affected.read_text() == "{}"


def measure(root: Path, lines: list[int]) -> Path:
    """Write data of a measurement of a file in this tree."""
    source = root / "calc.py"
    source.parent.mkdir()
    source.write_text("a = 1\nb = 2\n")
    data = coverage.CoverageData(basename=str(root / "data"))
    data.add_lines({str(source): lines})
    data.write()
    return root / "data"


def test_coverage_of_other_trees_is_that_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is the same on all machines, wherever they have it."""
    one, two = tmp_path / "one", tmp_path / "two"
    data = [measure(one, [1]), measure(two, [2])]
    monkeypatch.chdir(one)
    assert artifacts.merge_coverage(data, [str(one), str(two)], one / "whole") == 100.0


def test_coverage_without_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data is put together all the same."""
    data = measure(tmp_path / "one", [1])
    (tmp_path / "one" / "calc.py").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoSourcesError, match="a report needs the sources"):
        artifacts.merge_coverage([data], [str(tmp_path)], tmp_path / "whole")
    assert (tmp_path / "whole").exists()


def test_nothing_was_measured(tmp_path: Path) -> None:
    """Then nothing is to be judged."""
    assert artifacts.merge_coverage([], [str(tmp_path)], tmp_path / "whole") is None


def test_damaged_coverage_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no whole."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_text("x")
    with pytest.raises(ShardError, match="coverage: "):
        artifacts.merge_coverage([tmp_path / "data"], [str(tmp_path)], tmp_path / "whole")
