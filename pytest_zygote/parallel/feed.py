"""What gives a parallel run its tests while it is going on, where it runs a part of what was collected elsewhere.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_zygote.core.parallel.scheduler import Scheduler
    from pytest_zygote.core.parallel.work_units import Unit

NAME = "zygote_feed"
"""The plugin of a session that is one."""


class Feed(Protocol):
    """Where tests come from, as `ParallelPlan` and `Controller` see it."""

    def schedule(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> Scheduler:
        """Return the schedule that is fed."""

    def fileno(self) -> int:
        """Return what is readable when something has come."""

    def receive(self) -> None:
        """Put what has come into the schedule."""

    def report(self, open_tests: Collection[int]) -> None:
        """Let the other side know what was done since the last call; workers hold these tests open."""
