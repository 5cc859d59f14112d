"""Whether a run takes part in shards."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_zygote.shards import plugin as shards
from tests.parallel.fakes import make_config

USUAL = dict.fromkeys(("shard", "shard_by", "shard_result", "lf", "stepwise", "affected", "affected_export"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"shard": "3/2"}, "--shard is '3/2': the shards are 1 to 2"),
        ({"shard": ""}, "--shard is '': use K/N, as in 1/4, or auto"),
        (
            {"shard": "1/2", "lf": "1"},
            "--shard with --lf or --sw: what ran last differs from machine to machine; see `pz rerun --failed`",
        ),
        ({"shard": "1/2", "shard_by": "size"}, "--shard-by is 'size': use one of auto, test, file"),
    ],
)
def test_what_is_not_understood(options: dict[str, str], expected: str) -> None:
    """It is a usage error that says what to do."""
    config = make_config()
    known = SimpleNamespace(**{**USUAL, **options})
    vars(config)["known_args_namespace"] = known
    with pytest.raises(pytest.UsageError) as raised:
        shards.begin(config, options.get("shard_by", "auto"))
    assert str(raised.value) == expected


def test_it_takes_part_and_keeps_results_if_that_is_wanted() -> None:
    """By two plugins, of which tests may leave out one."""
    config = make_config()
    vars(config)["known_args_namespace"] = SimpleNamespace(**{**USUAL, "shard": "1/2", "shard_result": "results"})
    vars(config)["invocation_params"] = SimpleNamespace(dir=Path())
    shards.begin(config, "auto")
    assert config.pluginmanager.has_plugin("zygote_shard")
    assert config.pluginmanager.has_plugin("zygote_shard_result")
