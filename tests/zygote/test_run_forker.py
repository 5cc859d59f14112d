"""What the forker of runs does for each action, on a process table of the test's own."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import processes
from pytest_zygote.core.protocol.layer_messages import Fork, Forked, RunExited
from pytest_zygote.core.zygote import run_table
from pytest_zygote.core.zygote.run_table import (
    ChildContinued,
    ChildEnded,
    ChildStopped,
    ForkRun,
    RunForked,
    RunNotForked,
)
from pytest_zygote.zygote.layer_process import child_events
from pytest_zygote.zygote.run_forker import RunForker

if TYPE_CHECKING:
    from collections.abc import Sequence

ORDER = Fork(7, b"request")


class FakeSystem:
    """A process table: forks give these numbers, or fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for the adapter."""
        self.pid: int | OSError = 300
        self.groups: list[tuple[int, int]] = []
        self.spare_group = 0
        self.signals: list[tuple[int, ...]] = []
        self.ended: list[tuple[int, int]] = []
        monkeypatch.setattr(processes, "fork_here", self.fork)
        monkeypatch.setattr(processes, "signal_run", lambda *sent: self.signals.append(sent))
        monkeypatch.setattr(processes, "signal_process", lambda *sent: self.signals.append(sent))
        monkeypatch.setattr(processes, "collect", lambda: iter(self.ended))
        monkeypatch.setattr(processes, "new_group", lambda: self.spare_group)
        monkeypatch.setattr(processes, "join_group", lambda *group: self.groups.append(group))
        monkeypatch.setattr(processes, "group_of", lambda pid: dict(self.groups)[pid] or pid)

    def fork(self) -> int:
        """Return the number of the child; 0 in it."""
        if isinstance(self.pid, OSError):
            raise self.pid
        return self.pid


class Forker:
    """A forker that notes what it calls."""

    def __init__(self) -> None:
        """Have called nothing."""
        self.calls: list[object] = []
        self.forker = RunForker(self.calls.append, lambda: self.calls.append("left"), self.become)

    def become(self, order: Fork, descriptors: Sequence[int]) -> None:
        """Note which run this process is."""
        self.calls.append((order, tuple(descriptors)))

    def perform(self, action: run_table.RunAction) -> run_table.RunEvent | None:
        """Perform an action."""
        return self.forker.perform(action)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    """Provide a process table."""
    return FakeSystem(monkeypatch)


def opened() -> tuple[int, int]:
    """Return two descriptors."""
    return os.pipe()


def is_open(descriptor: int) -> bool:
    """Return whether a descriptor is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_forked_run_has_a_group_and_its_descriptors_alone(system: FakeSystem) -> None:
    """The zygote closes its copies, else the client would not see the end of its output."""
    descriptors = opened()
    forker = Forker()

    assert forker.perform(ForkRun(ORDER, descriptors, is_first=True)) == RunForked(7, 300, 300)
    assert system.groups == [(300, 0)]
    assert list(map(is_open, descriptors)) == [True, False]  # the first is the link to the client
    assert forker.calls == []

    forker.perform(run_table.Report(RunExited(7, 0)))
    assert not is_open(descriptors[0])


def test_a_run_whose_client_leads_no_group_leads_none(system: FakeSystem) -> None:
    """It joins one that another process has made."""
    system.spare_group = 299
    descriptors = opened()
    forker = Forker()

    order = ORDER.replaced(leads_group=0)
    assert forker.perform(ForkRun(order, descriptors, is_first=True)) == RunForked(7, 300, 299)
    assert system.groups == [(300, 299)]
    os.close(descriptors[0])


def test_a_fork_leaves_its_parent_before_it_becomes_the_run(system: FakeSystem) -> None:
    """It keeps the descriptors, and reports nothing to its parent's loop."""
    system.pid = 0
    descriptors = opened()
    forker = Forker()

    assert forker.perform(ForkRun(ORDER, descriptors, is_first=True)) is None
    assert forker.calls == ["left", (ORDER, descriptors[1:])]
    assert system.groups == [(0, 0)]
    assert list(map(is_open, descriptors)) == [False, True]
    os.close(descriptors[1])


def test_a_fork_that_fails_gives_its_reason(system: FakeSystem) -> None:
    """The descriptors are closed: the client reads the end of its output, and runs cold."""
    system.pid = OSError(11, "Resource temporarily unavailable")
    descriptors = opened()

    event = Forker().perform(ForkRun(ORDER, descriptors, is_first=True))

    assert isinstance(event, RunNotForked)
    assert event.reason.code == "fork-failed"
    assert "Resource temporarily unavailable" in event.reason.text
    assert not any(map(is_open, descriptors))


@pytest.mark.usefixtures("system")
def test_an_order_for_a_standby_run_that_is_gone_comes_back() -> None:
    """With its descriptors, which are still open."""
    descriptors = opened()

    event = Forker().perform(run_table.ActivateStandby(ORDER, descriptors, 50))

    assert event == run_table.StandbyLost(ORDER, descriptors, 50)
    assert all(map(is_open, descriptors))
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_standby_run_that_does_not_read_is_killed(system: FakeSystem) -> None:
    """A stopped one would stay for ever."""
    assert Forker().perform(run_table.KillStandby(50)) is None
    assert system.signals == [(50, signal.SIGKILL)]


def test_a_standby_run_is_tried_and_activated(system: FakeSystem) -> None:
    """Its order goes over its own connection."""
    forker = Forker()
    system.pid = 50
    assert forker.perform(run_table.ForkStandby()) == run_table.StandbyTried(50)
    # The test holds no copy of the other end, as no child was forked: nobody reads the order.
    assert isinstance(forker.perform(run_table.ActivateStandby(ORDER, (), 50)), run_table.StandbyLost)


def test_no_standby_run_where_there_can_be_no_process(system: FakeSystem) -> None:
    """That is no fault: the next run is forked when it is asked for."""
    system.pid = OSError(11, "Resource temporarily unavailable")

    assert Forker().perform(run_table.ForkStandby()) == run_table.StandbyTried(0)


def test_signals_and_reports_are_sent(system: FakeSystem) -> None:
    """To the process group, and to the daemon."""
    forker = Forker()

    assert forker.perform(run_table.SignalRun(300, 299, signal.SIGINT)) is None
    assert forker.perform(run_table.PressRun(300, 299, "SIGHUP")) is None
    assert forker.perform(run_table.Report(Forked(7, 300))) is None
    assert forker.perform(run_table.EndLastRun(7)) is None
    assert system.signals == [(300, 299, signal.SIGINT), (300, 299, signal.SIGHUP)]
    assert forker.calls == [Forked(7, 300)]


def test_wait_statuses_are_events(system: FakeSystem) -> None:
    """Stopped, ended by a signal, ended with an exit code."""
    system.ended = [(1, 0x137F), (2, 9), (3, 0x500), (4, 0xFFFF)]

    assert list(child_events()) == [ChildStopped(1, 0x13), ChildEnded(2, -9), ChildEnded(3, 5), ChildContinued(4)]
