"""Keeps what a shard reports in a folder, for `merge` and `rerun`.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.shards import artifacts
from pytest_zygote.shards.event_recorder import EventRecorder
from pytest_zygote.shards.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TextIO

    from pytest_zygote.core.shards.result import ShardResult
    from pytest_zygote.shards.recorded_events import Event
    from pytest_zygote.shards.result_folder import ResultFolder
    from pytest_zygote.shards.selector import ShardSelector


class ResultRecorder(EventRecorder):
    """Writes each report as it comes: what a shard has done is known even if it dies."""

    def __init__(self, config: pytest.Config, selector: ShardSelector, folder: ResultFolder) -> None:
        """Write nothing yet."""
        super().__init__(config)
        self._selector = selector
        self._folder = folder
        self._file: TextIO | None = None
        self._result: ShardResult | None = None
        self._wanted_coverage = 0.0
        self._early: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Have pytest-cov leave its judgement to the whole."""
        self._wanted_coverage = artifacts.defer_coverage_limit(config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make the folder, or clear it: not before, since the daemon configures sessions ahead that it gives up then.

        Raises:
            pytest.UsageError: something else is there.
        """
        if hasattr(session.config, "workerinput"):
            return  # the run process reports for its workers
        try:
            self._folder.clear()
            self._file = self._folder.events.open("w", encoding="utf-8", buffering=1)
        except (ShardError, OSError) as error:
            message = f"--shard-result: {error}"
            raise pytest.UsageError(message) from error
        self._file.writelines(self._early)

    def _write(self, event: Event) -> None:
        line = json.dumps(event, default=repr) + "\n"
        if self._file is not None:
            self._file.write(line)
        elif self._result is None:
            self._early.append(line)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write what this shard is to do."""
        if self._file is None:
            return
        scheduler = session.config.pluginmanager.get_plugin("dsession")
        if type(scheduler).__module__.startswith("xdist."):  # its workers collect in other processes
            message = "--shard-result needs the tests of this process: use -n without pytest-xdist's own workers"
            raise pytest.UsageError(message)
        if self._selector.share is not None:
            self._result = facts_of(session.config, self._selector.share, session.items, self._wanted_coverage)
            self._folder.write(self._result)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Close the result, when all other plugins have written theirs."""
        yield
        if self._file is None:
            return
        self._file.close()
        self._file = None
        junit = session.config.getoption("xmlpath", default=None)
        if junit and Path(junit).exists():
            shutil.copyfile(junit, self._folder.junit)
        artifacts.keep(session.config, self._folder)
        if self._result is not None:
            self._folder.write(self._result.ended(int(session.exitstatus)))
