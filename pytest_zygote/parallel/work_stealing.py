"""What workers get that have nothing left: a share of what others have ahead.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.parallel.work_queue import END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_zygote.core.parallel.scheduler import Schedule
    from pytest_zygote.parallel.worker_handle import WorkerHandle


class WorkStealing:
    """Between the workers of a run."""

    def __init__(self, schedule: Schedule, members: Mapping[int, WorkerHandle]) -> None:
        """Share out among these."""
        self._schedule = schedule
        self._members = members

    def feed(self, *, is_stopping: bool) -> None:
        """Give to each worker that waits a share of what another one has ahead, or let it go.

        Who has been given something still counts as waiting until it has finished the test after which
        it waited: it may be asleep yet, and must not be robbed of what it was given. Nor must a new fork.
        """
        waiting = [member for member in self._members.values() if member.waits_after is not None]
        waking = [member for member in waiting if self._has_more(member)]
        waking += [member for member in self._members.values() if not member.has_begun and member not in waiting]
        for member in waiting:
            if member in waking:
                continue
            items = [] if is_stopping else self._schedule.refill(member.number) or self._steal(member, waking)
            if items:
                member.lease.give(items)
                waking.append(member)
            elif not any(self._schedule.holds(other.number)[1:] for other in waking):
                member.lease.give([END])
                member.waits_after = None

    def _has_more(self, member: WorkerHandle) -> bool:
        """Tell whether a worker that waits has been given more than the test after which it waits."""
        return self._schedule.holds(member.number) not in {(), (member.waits_after,)}

    def _steal(self, thief: WorkerHandle, waking: list[WorkerHandle]) -> list[int]:
        number = self._schedule.victim(thief.number, {member.number for member in waking})
        if number is None:
            return []
        victim = self._members[number]
        kept, stolen = self._schedule.split(number, thief.number, victim.lease.recall())
        victim.lease.give(kept)
        return stolen
