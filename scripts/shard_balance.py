"""How well `--shard` divides suites: the longest shard against what no plan can be below.

    python -m scripts.shard_balance FILE…

Each file is one of durations, as `--shard-durations` reads it: many projects commit pytest-split's ``.test_durations``.
The lower bound is the mean of all shards, or the longest test. Beside ours stands the same for pytest-split's
`least_duration`, as its documentation describes it: each test, longest first, to the group that has least to do.
"""

from __future__ import annotations

import heapq
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.core.parallel.work_units import Unit
from pytest_zygote.core.shards.durations import read_durations
from pytest_zygote.core.shards.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOTALS = (2, 4, 8, 16, 32, 64)


def longest_first(seconds: Iterable[float], total: int) -> float:
    """Return the time of the longest group."""
    loads = [0.0] * total
    for own in sorted(seconds, reverse=True):
        heapq.heapreplace(loads, loads[0] + own)
    return max(loads)


def ratios(seconds: Mapping[str, float], total: int) -> tuple[float, float]:
    """Return the longest shard, ours and pytest-split's, against the lower bound; a file is a unit that may be cut."""
    ids = sorted(seconds)
    files: dict[str, list[int]] = {}
    for at, nodeid in enumerate(ids):
        files.setdefault(nodeid.partition("::")[0], []).append(at)
    plan = make_plan(ids, [Unit(tuple(tests)) for tests in files.values()], seconds, total)
    bound = max(sum(seconds.values()) / total, *seconds.values())
    return max(plan.seconds) / bound, longest_first(seconds.values(), total) / bound


def main(names: list[str]) -> None:
    """Print a table: a line for each file, a column for each number of shards."""
    print(f"{'longest / bound':24}", *(f"{f'N={total}':>13}" for total in TOTALS))
    ours: list[float] = []
    for name in names:
        seconds = read_durations(Path(name).read_text(encoding="utf-8"), ()).tests
        found = [ratios(seconds, total) for total in TOTALS]
        ours += [own for own, _ in found]
        print(f"{Path(name).stem[:16]:16} {len(seconds):7}", *(f"{own:6.3f} {other:6.3f}" for own, other in found))
    print(f"ours: median {statistics.median(ours):.3f}, worst {max(ours):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
