"""Leaves out the tests of other shards.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_zygote.core.affected.fingerprints import text_checksum
from pytest_zygote.core.shards.durations import Durations, read_durations
from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.plan import ShardPlan, make_plan
from pytest_zygote.core.shards.position import Position
from pytest_zygote.parallel.work_units import Units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.core.parallel.work_units import Unit

DEFAULT_DURATIONS = ".test_durations"
"""Where pytest-split keeps durations, relative to rootdir: read if it is there."""
ALONE = Position(1, 1)


class Share(NamedTuple):
    """What this shard is to do.

    Attributes:
        position: which shard it is.
        plan: of all shards.
        collected: ids of all tests, in the order of collection.
        left_out: tests that other options have left out before.
        durations: digest of the durations that the plan rests on; '' for none.
    """

    position: Position
    plan: ShardPlan
    collected: tuple[str, ...]
    left_out: int
    durations: str


class ShardSelector:
    """Selects the tests of one shard.

    Attributes:
        share: what is to be done; None before collection.
    """

    def __init__(self, config: pytest.Config, position: Position, by: str) -> None:
        """Select nothing yet."""
        self._config = config
        self._position = position
        self._by = by
        self._left_out = 0
        self.share: Share | None = None

    @pytest.hookimpl
    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count what other options leave out: it is no part of the plan."""
        self._left_out += len(items) if self.share is None else 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the tests of other shards.

        Options like ``--lf`` and ``--affected`` come later and choose from what is left: what they rest on differs from
        machine to machine, and the plan must not.
        """
        by_id = {item.nodeid: item for item in items}
        ids = sorted(by_id)
        durations, digest = self._durations(ids)
        units = self._units([by_id[nodeid] for nodeid in ids], durations)
        plan = make_plan(ids, units, durations.tests, self._position.total)
        self.share = Share(self._position, plan, tuple(item.nodeid for item in items), self._left_out, digest)
        others = [item for item in items if plan.shards[item.nodeid] != self._position.number]
        if others:
            self._config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if plan.shards[item.nodeid] == self._position.number]

    def _units(self, items: Sequence[pytest.Item], durations: Durations) -> Sequence[Unit]:
        """Return which tests belong together: groups, files if that is wanted, and those that share costly fixtures."""
        dist = "loadfile" if self._by == "file" else getattr(self._config.option, "dist", "load")
        return Units(items, str(dist)).priced({} if self._by == "test" else durations.fixtures)

    def _durations(self, ids: Sequence[str]) -> tuple[Durations, str]:
        """Return what is known from earlier runs, and a digest of where it comes from."""
        named = self._config.option.shard_durations
        path = self._config.invocation_params.dir / named if named else self._config.rootpath / DEFAULT_DURATIONS
        if not named and not path.exists():  # what pytest's cache knows differs from machine to machine
            return Durations({}, {}), ""
        try:
            text = path.read_text(encoding="utf-8-sig")
            return read_durations(text, ids), text_checksum(text).hex()
        except (OSError, UnicodeDecodeError, ShardError) as error:
            message = f"--shard-durations: {path}: {error}"
            raise pytest.UsageError(message) from error

    def pytest_report_collectionfinish(self) -> str | None:
        """Say which part of the whole this is."""
        share = self.share
        if share is None or share.position == ALONE:
            return None
        own = sum(number == share.position.number for number in share.plan.shards.values())
        line = f"zygote: shard {share.position} has {own} of {len(share.plan.shards)} tests"
        if not share.plan.known:
            return f"{line}; no durations are known, so all tests count alike"
        seconds = share.plan.seconds
        return f"{line}, about {seconds[share.position.number - 1]:.1f} of {sum(seconds):.1f} s"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Succeed where there are fewer units than shards: a job with nothing to do has not failed."""
        shards = {} if self.share is None or self._position == ALONE else self.share.plan.shards
        has_none = bool(shards) and self._position.number not in shards.values()
        if has_none and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
