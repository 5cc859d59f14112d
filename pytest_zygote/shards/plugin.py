"""Has a run take part in shards, if its options ask for that.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.cli.options import BY_FLAG
from pytest_zygote.core.protocol.errors import UsageError
from pytest_zygote.core.shards.position import position_of
from pytest_zygote.shards.result_folder import ResultFolder
from pytest_zygote.shards.selector import ALONE, ShardSelector

if TYPE_CHECKING:
    import argparse

    from pytest_zygote.core.shards.position import Position

WAYS = tuple(BY_FLAG["--shard-by"].value.split("|"))


def begin(config: pytest.Config, by: str) -> None:
    """Take part in a run.

    Args:
        config: of the run.
        by: what is not divided, from the command line or the ini-file.

    Raises:
        pytest.UsageError: the options are not understood.
    """
    options = config.known_args_namespace
    try:
        position = ALONE if options.shard is None else position_of(options.shard, os.environ)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    _check(options, position, by)
    selector = ShardSelector(config, position, by)
    config.pluginmanager.register(selector, "zygote_shard")
    if options.shard_result:
        _record(config, selector)


def _check(options: argparse.Namespace, position: Position, by: str) -> None:
    if by not in WAYS:
        message = f"--shard-by is {by!r}: use one of {', '.join(WAYS)}"
        raise pytest.UsageError(message)
    if position != ALONE and any(getattr(options, name, False) for name in ("lf", "stepwise")):
        message = "--shard with --lf or --sw: what ran last differs from machine to machine; see `pz rerun --failed`"
        raise pytest.UsageError(message)


def _record(config: pytest.Config, selector: ShardSelector) -> None:
    from pytest_zygote.shards.recorder import ResultRecorder

    options = config.known_args_namespace
    folder = ResultFolder(config.invocation_params.dir / options.shard_result)
    if options.affected and not options.affected_export:
        folder.path.mkdir(parents=True, exist_ok=True)
        options.affected_export = str(folder.affected)
    config.pluginmanager.register(ResultRecorder(config, selector, folder), "zygote_shard_result")
