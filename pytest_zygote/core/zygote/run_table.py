"""The runs that a process has forked, and the one that stands by: `step(table, event) -> (table, actions)`.

A zygote and a collected session have the same: each order to fork is carried out by the standby run if there is one,
else by a fork; and a standby run is forked when no run is active, once after each run. A standby run that dies is
not replaced before the next run: whatever ended it would end the next one too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol.layer_messages import (
    Deliver,
    Fork,
    Forked,
    ForkFailed,
    RunContinued,
    RunExited,
    RunStopped,
)
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from pytest_zygote.core.protocol.layer_messages import RunReport
    from pytest_zygote.core.reasons import Reason


class RunTable(Record):
    """What one process has forked.

    Attributes:
        runs: process → number of the run, of all whose end was not seen.
        groups: process → process group that it began in.
        standby: the process of the standby run; 0 if there is none.
        wants_standby: whether one is to be forked when nothing else is to do.
        abandoned: run → when its client was lost, where there is no daemon any more that would end it.
    """

    runs: Mapping[int, int]
    groups: Mapping[int, int] = {}
    standby: int = 0
    wants_standby: bool = False
    abandoned: Mapping[int, float] = {}

    @property
    def needs_standby(self) -> bool:
        """Whether a run should be forked ahead now."""
        return self.wants_standby and not self.runs


EMPTY = RunTable({})

# Events


class ForkOrdered(Record):
    """The daemon wants a run, whose descriptors these are."""

    order: Fork
    descriptors: tuple[int, ...]


class RunForked(Record):
    """The process of a run exists, in this process group."""

    run: int
    pid: int
    group: int


class RunNotForked(Record):
    """There can be no process for a run."""

    run: int
    reason: Reason


class StandbyLost(Record):
    """The standby run, this process, did not get its order: it is gone, stopped, or hangs."""

    order: Fork
    descriptors: tuple[int, ...]
    pid: int


class StandbyTried(Record):
    """A run was forked ahead, with this process; 0 if there can be none."""

    pid: int


class ChildStopped(Record):
    """A child was stopped by this signal."""

    pid: int
    signal: int


class ChildContinued(Record):
    """A child that was stopped goes on."""

    pid: int


class ChildEnded(Record):
    """A child has ended: exit code, or the negative number of the signal."""

    pid: int
    status: int


class ClientLost(Record):
    """The client of a run is gone, and the daemon too; `now` by any clock that never goes back."""

    run: int
    now: float


class TimePassed(Record):
    """Some time has passed since a client was lost."""

    now: float


ChildEvent: TypeAlias = ChildStopped | ChildContinued | ChildEnded
RunEvent: TypeAlias = (
    ForkOrdered | RunForked | RunNotForked | StandbyLost | StandbyTried | ChildEvent | ClientLost | TimePassed
)

# Actions


class ForkRun(Record):
    """Fork a run; `is_first` if no other is active."""

    order: Fork
    descriptors: tuple[int, ...]
    is_first: bool


class ActivateStandby(Record):
    """Have the standby run become the run."""

    order: Fork
    descriptors: tuple[int, ...]
    pid: int


class ForkStandby(Record):
    """Fork a run ahead."""


class DropStandby(Record):
    """Have the standby run end."""


class KillStandby(Record):
    """End a standby run that does not read: it would wait for ever, and hold what its zygote had open."""

    pid: int


class SignalRun(Record):
    """Send a signal to a run and the process group that it began in."""

    pid: int
    group: int
    signal: int


class PressRun(Record):
    """Send a run and its group a signal of this name, so that they end: nobody waits for them."""

    pid: int
    group: int
    name: str


class EndLastRun(Record):
    """The last active run has ended: do what was postponed until then."""

    run: int


class Report(Record):
    """Send this to the daemon."""

    message: RunReport


RunAction: TypeAlias = (
    ForkRun | ActivateStandby | ForkStandby | DropStandby | KillStandby | SignalRun | PressRun | EndLastRun | Report
)

if TYPE_CHECKING:
    Step: TypeAlias = tuple[RunTable, tuple[RunAction, ...]]


def step(table: RunTable, event: RunEvent) -> Step:
    """Return the table after an event, and what is to be done."""
    match event:
        case ForkOrdered(order, descriptors):
            return _order(table, order, descriptors)
        case StandbyLost(order, descriptors, pid):
            return table, (KillStandby(pid), ForkRun(order, descriptors, not table.runs))
        case StandbyTried(pid):
            return table.replaced(standby=pid, wants_standby=False), ()
        case RunForked(run, pid, group):
            runs, groups = {**table.runs, pid: run}, {**table.groups, pid: group}
            after = table.replaced(runs=runs, groups=groups, wants_standby=True)
            return after, (Report(Forked(run, pid)),)
        case RunNotForked(run, reason):
            return table, (Report(ForkFailed(run, reason)),)
        case ChildStopped() | ChildContinued() | ChildEnded() | ClientLost() | TimePassed():
            return _press(table, event) if isinstance(event, ClientLost | TimePassed) else _on_child(table, event)
        case _:
            assert_never(event)


def _order(table: RunTable, order: Fork, descriptors: tuple[int, ...]) -> Step:
    if table.standby:
        return table.replaced(standby=0), (ActivateStandby(order, descriptors, table.standby),)
    return table, (ForkRun(order, descriptors, not table.runs),)


def _on_child(table: RunTable, event: ChildEvent) -> Step:
    if event.pid == table.standby:
        return (table.replaced(standby=0), (DropStandby(),)) if isinstance(event, ChildEnded) else (table, ())
    if event.pid not in table.runs:  # a canary, a deeper layer, or a child of a module that was imported
        return table, ()
    run = table.runs[event.pid]
    if isinstance(event, ChildStopped):
        return table, (Report(RunStopped(run, event.signal)),)
    if isinstance(event, ChildContinued):
        return table, (Report(RunContinued(run)),)
    group = table.groups[event.pid]
    after = table.replaced(runs=_without(table.runs, event.pid), groups=_without(table.groups, event.pid))
    exited = Report(RunExited(run, event.status))
    rest = (PressRun(event.pid, group, "SIGKILL"),) if run in table.abandoned else ()  # what its tests have started
    return after, (*rest, exited) if after.runs else (*rest, EndLastRun(run), exited)


def _without(table: Mapping[int, int], pid: int) -> dict[int, int]:
    return {key: value for key, value in table.items() if key != pid}


def _press(table: RunTable, event: ClientLost | TimePassed) -> Step:
    """End runs that nobody waits for: as a closed terminal would, then harder, as the daemon does."""
    if isinstance(event, ClientLost):
        after = table.replaced(abandoned={**table.abandoned, event.run: event.now})
        return after, tuple(_signals(table, event.run, at_least_s=0, at_most_s=0))
    found = (
        action
        for run, since in table.abandoned.items()
        for action in tuple(_signals(table, run, at_least_s=0.1, at_most_s=event.now - since))[-1:]
    )
    return table, tuple(found)


def _signals(table: RunTable, run: int, *, at_least_s: float, at_most_s: float) -> Iterator[PressRun]:
    for pid, number in table.runs.items():
        if number == run:
            for after_s, name in lifecycle.PRESSURE:
                if at_least_s <= after_s <= at_most_s:
                    yield PressRun(pid, table.groups[pid], name)


def deliver(table: RunTable, order: Deliver) -> tuple[SignalRun, ...]:
    """Return how a signal gets to a run; nothing is to be done if that has ended meanwhile."""
    pids = (pid for pid, number in table.runs.items() if number == order.run)
    return tuple(SignalRun(pid, table.groups[pid], order.signal) for pid in pids)


def drop_standby(table: RunTable) -> Step:
    """Want no standby run any more."""
    return table.replaced(standby=0, wants_standby=False), (DropStandby(),) if table.standby else ()
