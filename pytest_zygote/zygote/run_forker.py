"""Performs what `core.zygote.run_table` decides about the runs of a zygote or a collected session."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system import processes, signals
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.zygote import run_table
from pytest_zygote.zygote.client_links import ClientLinks
from pytest_zygote.zygote.standby_run import StandbyRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_zygote.core.protocol.layer_messages import Fork, RunReport

LINK = -2
"""The client's link stands before the run's report, which is the last."""


class RunForker:
    """Forks the runs of this process."""

    def __init__(
        self,
        report: Callable[[RunReport], None],
        leave_parent: Callable[[], None],
        become_run: Callable[[Fork, Sequence[int]], None],
    ) -> None:
        """Have forked none.

        Args:
            report: sends a message to the daemon.
            leave_parent: in a fork: closes what belongs to the process that it was forked from.
            become_run: in a fork: makes it the run of this order, on these descriptors.
        """
        self._report = report
        self._leave_parent = leave_parent
        self._become_run = become_run
        self._standby = StandbyRun()
        self.links = ClientLinks()

    def perform(self, action: run_table.RunAction) -> run_table.RunEvent | None:
        """Do what was decided; return the event that follows from it at once, if one does.

        In a fork, return None when `become_run` returns.
        """
        match action:
            case run_table.ForkRun(order, descriptors):
                return self._fork(order, descriptors)
            case run_table.ActivateStandby(order, descriptors, pid):
                return self._activate(order, descriptors, pid)
            case run_table.ForkStandby():
                return self._fork_standby()
            case run_table.DropStandby():
                self._standby.drop()
            case run_table.SignalRun() | run_table.PressRun() | run_table.KillStandby():
                _signal(action)
            case run_table.Report(message):
                self._report(message)
                self.links.note(message)
            case run_table.EndLastRun():
                pass  # only a zygote has put off anything
            case _:
                assert_never(action)
        return None

    def _fork(self, order: Fork, descriptors: Sequence[int]) -> run_table.RunEvent | None:
        group = 0 if order.leads_group else processes.new_group()
        try:
            pid = processes.fork_here()
        except (OSError, RuntimeError) as error:
            _close(descriptors)
            if group:
                processes.wait(group)
            reason = Reason("fork-failed", f"no process could be made for the run: {error}")
            return run_table.RunNotForked(order.run, reason)
        if pid:
            processes.join_group(pid, group)
            return self._forked(order, pid, descriptors)
        processes.join_group(0, group)  # both do it: whichever is first, a signal finds the group
        self._leave_parent()
        os.close(descriptors[LINK])
        self._become_run(order, _without_link(descriptors))
        return None

    def _activate(self, order: Fork, descriptors: Sequence[int], pid: int) -> run_table.RunEvent:
        if self._standby.activate(order, _without_link(descriptors)):
            return self._forked(order, pid, descriptors)
        return run_table.StandbyLost(order, tuple(descriptors), pid)

    def _fork_standby(self) -> run_table.RunEvent | None:
        """Fork a run ahead. Returns twice: in the zygote at once; in the standby run, when it is activated."""
        activated = self._standby.fork(self._leave_parent)
        if activated is None:
            return run_table.StandbyTried(self._standby.pid)
        self._become_run(*activated)
        return None

    def _forked(self, order: Fork, pid: int, descriptors: Sequence[int]) -> run_table.RunForked:
        _close(_without_link(descriptors))
        self.links.add(order.run, pid, descriptors[LINK])
        return run_table.RunForked(order.run, pid, processes.group_of(pid))

    def lost_clients(self, descriptor: int) -> Iterator[run_table.ClientLost]:
        """Give the run whose client has closed this link, unless the run has ended and the link with it."""
        run = self.links.run_of(descriptor)
        if run is not None:
            yield run_table.ClientLost(run, time.monotonic())

    def leave(self) -> None:
        """Forget the runs, in a fork of the process that has forked them."""
        self._standby.drop()
        self.links.close()

    def learn(self) -> None:
        """Remember, at the end of a run and in its process, which memory the next ones will write to."""
        self._standby.learn()


def _signal(action: run_table.SignalRun | run_table.PressRun | run_table.KillStandby) -> None:
    if isinstance(action, run_table.SignalRun):
        processes.signal_run(action.pid, action.group, action.signal)
    elif isinstance(action, run_table.PressRun):
        processes.signal_run(action.pid, action.group, getattr(signal, action.name))
    else:
        processes.signal_process(action.pid, signals.SIGKILL)


def _without_link(descriptors: Sequence[int]) -> tuple[int, ...]:
    return (*descriptors[:LINK], *descriptors[LINK:][1:])


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
