"""Which shard runs which test: the same on every machine that knows the same tests and durations.

Units are begun with the longest, each in the shard that has least to do (longest processing time first: Graham, *Bounds
on Multiprocessing Timing Anomalies*, 1969). A unit whose fixtures are costly is cut into few pieces, any other into
tests; both ways are tried, and the one whose longest shard is shorter is taken.
"""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.affected.fingerprints import text_checksum
from pytest_zygote.core.parallel.work_units import Estimates, Piece, Unit, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALIKE_S = 1.0
"""The time of each test if none has been measured: any number does, only relations count."""


class ShardPlan(NamedTuple):
    """Which shard runs which test.

    Attributes:
        shards: test → number of its shard, from 1.
        seconds: that each shard is expected to take, fixtures included.
        known: tests whose duration is known.
        digest: of all of it; machines with the same digest follow the same plan.
    """

    shards: dict[str, int]
    seconds: tuple[float, ...]
    known: int
    digest: str


def make_plan(ids: Sequence[str], units: Sequence[Unit], seconds: Mapping[str, float], total: int) -> ShardPlan:
    """Return the plan for some tests.

    Args:
        ids: of the tests, each once, sorted.
        units: of tests, which are places in `ids`; every test is in one of them.
        seconds: id → duration in earlier runs, as far as it is known.
        total: of shards.
    """
    known = {at: seconds[nodeid] for at, nodeid in enumerate(ids) if nodeid in seconds}
    unknown_s = statistics.median(known.values()) if known else ALIKE_S
    estimates = Estimates(units, {at: known.get(at, unknown_s) for at in range(len(ids))})
    pieces = [split(units, estimates, 0.0)]
    if any(unit.cost_s for unit in units):
        pieces.append(split([unit.replaced(cost_s=0.0) for unit in units], estimates, 0.0))
    assigned = min((_assign(cut, units, total) for cut in pieces), key=lambda found: max(found[1]))
    shards = {ids[item]: shard + 1 for item, shard in sorted(assigned[0].items())}
    text = json.dumps([total, sorted(shards.items())])
    return ShardPlan(shards, assigned[1], len(known), text_checksum(text).hex())


def _assign(pieces: Sequence[Piece], units: Sequence[Unit], total: int) -> tuple[dict[int, int], tuple[float, ...]]:
    """Return test → shard from 0, and the seconds of each shard."""
    loads = [0.0] * total
    set_up: list[set[int]] = [set() for _ in range(total)]
    shards: dict[int, int] = {}
    for piece in sorted(pieces, key=lambda piece: (-piece.seconds, piece.items[0])):
        cost_s = units[piece.unit].cost_s
        extra = [0.0 if piece.unit in there else cost_s for there in set_up] if cost_s else [0.0] * total
        shard = min(range(total), key=[load + more for load, more in zip(loads, extra, strict=True)].__getitem__)
        loads[shard] += piece.seconds + extra[shard]
        set_up[shard].add(piece.unit)
        shards.update(dict.fromkeys(piece.items, shard))
    return shards, tuple(loads)
