"""Runs of one process: forked, activated, stopped, ended, and the one that stands by."""

from __future__ import annotations

import pytest

from pytest_zygote.core.protocol.layer_messages import (
    Deliver,
    Fork,
    Forked,
    ForkFailed,
    RunContinued,
    RunExited,
    RunStopped,
)
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.zygote import run_table
from pytest_zygote.core.zygote.run_table import (
    EMPTY,
    ActivateStandby,
    ChildContinued,
    ChildEnded,
    ChildStopped,
    ClientLost,
    DropStandby,
    EndLastRun,
    ForkOrdered,
    ForkRun,
    KillStandby,
    PressRun,
    Report,
    RunForked,
    RunNotForked,
    RunTable,
    SignalRun,
    StandbyLost,
    StandbyTried,
    TimePassed,
    step,
)

ORDER = Fork(7, b"request")
DESCRIPTORS = (3, 4, 5, 6)
GOING_ON = RunTable({100: 1, 200: 2}, {100: 100, 200: 199}, wants_standby=True)


def test_an_order_forks_a_run_where_none_stands_by() -> None:
    """The fork is the first if no run is going on."""
    assert step(EMPTY, ForkOrdered(ORDER, DESCRIPTORS)) == (EMPTY, (ForkRun(ORDER, DESCRIPTORS, is_first=True),))
    assert step(GOING_ON, ForkOrdered(ORDER, DESCRIPTORS))[1] == (ForkRun(ORDER, DESCRIPTORS, is_first=False),)


def test_an_order_activates_the_standby_run() -> None:
    """It serves one order only."""
    table, actions = step(RunTable({}, standby=50), ForkOrdered(ORDER, DESCRIPTORS))

    assert actions == (ActivateStandby(ORDER, DESCRIPTORS, 50),)
    assert table.standby == 0


def test_a_standby_run_that_is_gone_is_replaced_by_a_fork() -> None:
    """Its order goes to a new process, with the same descriptors."""
    assert step(EMPTY, StandbyLost(ORDER, DESCRIPTORS, 50)) == (
        EMPTY,
        (KillStandby(50), ForkRun(ORDER, DESCRIPTORS, is_first=True)),
    )


def test_a_run_that_was_forked_is_reported_and_another_is_to_stand_by() -> None:
    """The next standby run is forked when this one has ended."""
    table, actions = step(EMPTY, RunForked(7, 300, 299))

    assert actions == (Report(Forked(7, 300)),)
    assert table == RunTable({300: 7}, {300: 299}, wants_standby=True)
    assert not table.needs_standby
    assert step(table, ChildEnded(300, 0))[0].needs_standby


def test_a_run_that_cannot_be_forked_is_reported() -> None:
    """With its reason; nothing else changes."""
    reason = Reason("fork-failed", "no memory")

    assert step(GOING_ON, RunNotForked(7, reason)) == (GOING_ON, (Report(ForkFailed(7, reason)),))


@pytest.mark.parametrize("pid", [50, 0])
def test_one_standby_run_is_tried_after_each_run(pid: int) -> None:
    """Where there can be no process, there is none until the next run has ended."""
    table, actions = step(RunTable({}, wants_standby=True), StandbyTried(pid))

    assert (table, actions) == (RunTable({}, standby=pid), ())
    assert not table.needs_standby


def test_a_standby_run_that_dies_is_dropped_and_not_replaced() -> None:
    """What has ended it would end the next one."""
    assert step(RunTable({}, standby=50), ChildEnded(50, -9)) == (EMPTY, (DropStandby(),))


def test_a_standby_run_may_be_stopped() -> None:
    """Nothing follows: it is continued, or activated and then reported as stopped."""
    table = RunTable({}, standby=50)

    assert step(table, ChildStopped(50, 19)) == (table, ())


def test_a_run_that_stops_is_reported() -> None:
    """It is still going on."""
    assert step(GOING_ON, ChildStopped(200, 20)) == (GOING_ON, (Report(RunStopped(2, 20)),))
    assert step(GOING_ON, ChildContinued(200)) == (GOING_ON, (Report(RunContinued(2)),))


def test_a_run_that_ends_is_reported() -> None:
    """While another is going on, nothing more is to be done."""
    table, actions = step(GOING_ON, ChildEnded(100, -15))

    assert actions == (Report(RunExited(1, -15)),)
    assert (table.runs, table.groups) == ({200: 2}, {200: 199})


def test_what_was_put_off_is_done_before_the_last_run_is_reported() -> None:
    """The client must not be gone before warnings about it are sent."""
    _, actions = step(RunTable({100: 1}, {100: 100}), ChildEnded(100, 0))

    assert actions == (EndLastRun(1), Report(RunExited(1, 0)))


@pytest.mark.parametrize("event", [ChildEnded(999, 0), ChildStopped(999, 19)])
def test_other_children_are_no_runs(event: run_table.ChildEvent) -> None:
    """Deeper layers and what modules have started are children as well."""
    assert step(GOING_ON, event) == (GOING_ON, ())


def test_a_signal_goes_to_the_run_of_that_number() -> None:
    """None is sent if the run has ended meanwhile: its process may be somebody else's by now."""
    assert run_table.deliver(GOING_ON, Deliver(2, 15)) == (SignalRun(200, 199, 15),)
    assert run_table.deliver(GOING_ON, Deliver(3, 15)) == ()


def test_nothing_stands_by_once_it_is_dropped() -> None:
    """Neither now nor after the next run."""
    assert run_table.drop_standby(RunTable({}, standby=50, wants_standby=True)) == (EMPTY, (DropStandby(),))
    assert run_table.drop_standby(EMPTY) == (EMPTY, ())


def test_runs_that_nobody_waits_for_are_ended() -> None:
    """As by a closed terminal, then harder; runs of other clients go on."""
    table = RunTable({100: 1, 200: 2}, {100: 99, 200: 200})
    table, actions = step(table, ClientLost(1, 50.0))
    assert actions == (PressRun(100, 99, "SIGHUP"), PressRun(100, 99, "SIGCONT"))
    assert step(table, TimePassed(50.5)) == (table, ())
    assert step(table, TimePassed(51.5)) == (table, (PressRun(100, 99, "SIGTERM"),))
    assert step(table, TimePassed(53.5)) == (table, (PressRun(100, 99, "SIGKILL"),))
    assert step(table, ChildEnded(100, -1))[1] == (PressRun(100, 99, "SIGKILL"), Report(RunExited(1, -1)))
