"""Has a run take part in shards, if its options ask for that.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os

import pytest

from pytest_zygote.core.protocol.errors import UsageError
from pytest_zygote.core.shards.position import position_of
from pytest_zygote.shards.result_folder import ResultFolder
from pytest_zygote.shards.selector import ALONE, ShardSelector

WAYS = ("auto", "test", "file")


def begin(config: pytest.Config) -> None:
    """Take part in a run.

    Raises:
        pytest.UsageError: the options are not understood.
    """
    options = config.known_args_namespace
    by = options.shard_by or WAYS[0]
    try:
        position = ALONE if options.shard is None else position_of(options.shard, os.environ)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    if by not in WAYS:
        message = f"--shard-by is {by!r}: use one of {', '.join(WAYS)}"
        raise pytest.UsageError(message)
    if position != ALONE and any(getattr(options, name, False) for name in ("lf", "stepwise")):
        message = "--shard with --lf or --sw: what ran last differs from machine to machine; see `pz rerun --failed`"
        raise pytest.UsageError(message)
    selector = ShardSelector(config, position, by)
    config.pluginmanager.register(selector, "zygote_shard")
    if options.shard_result:
        from pytest_zygote.shards.recorder import ResultRecorder

        folder = config.invocation_params.dir / options.shard_result
        if options.affected and not options.affected_export:
            folder.mkdir(parents=True, exist_ok=True)
            options.affected_export = str(ResultFolder(str(folder)).affected)
        config.pluginmanager.register(ResultRecorder(config, selector, options.shard_result), "zygote_shard_result")
