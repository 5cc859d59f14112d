"""A standby run: a fork that waits to become the next run, so that no run has to wait for a fork.

It has what a fork of this moment would have: it is forked when its zygote has come to rest, and a zygote that changes
is another layer, with a standby run of its own. Before it waits it copies the pages of memory that an earlier run
wrote to.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import select
import struct
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import dirty_pages, processes, procfs, signals, sockets
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.protocol import layer_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel

    StandbyChannel: TypeAlias = Channel[layer_messages.FromStandby, layer_messages.ToStandby]
    StandbyEnd: TypeAlias = Channel[layer_messages.ToStandby, layer_messages.FromStandby]
    Activation: TypeAlias = tuple[layer_messages.Fork, list[int]]

MAX_PAGES = 6_000
"""A run that has written to more was no short one, and shows little of the next: 23 MiB, where a page has 4 KiB."""

SEND_TIMEOUT_S = 5.0
"""A standby run does nothing but read; one that does not for this long is broken."""

ALIVE_MS = 1_000
"""How long a standby run may take to show that it is alive before a run is forked in its place."""

_RANGE = struct.Struct("QQ")


class StandbyRun:
    """The one fork that a process has in reserve, if it has one.

    Attributes:
        pid: its process; 0 if there is none.
    """

    def __init__(self) -> None:
        """Start without one, and without knowing what runs write to."""
        self.pid = 0
        self._group = 0
        self._channel: StandbyChannel | None = None
        self._written = mmap.mmap(-1, _RANGE.size * (MAX_PAGES + 1))  # shared with all forks

    def learn(self) -> None:
        """Remember, at the end of the first short run and in its process, what that has written to."""
        if any(self._written[: _RANGE.size]):
            return
        with contextlib.suppress(Exception):  # tests may have left anything in the place of what is called here
            found = list(itertools.islice(procfs.own_pages(), MAX_PAGES))
            if sum(length for _, length in found) <= MAX_PAGES * dirty_pages.PAGE:
                packed = b"".join(_RANGE.pack(*span) for span in found)
                self._written[: len(packed)] = packed

    def fork(self, leave_parent: Callable[[], None]) -> Activation | None:
        """Fork a standby run.

        Returns twice: None in the parent at once; in the standby run, when it is activated, the order to fork and its
        descriptors. Where there can be no process, `pid` is 0 afterwards.

        Args:
            leave_parent: closes what the fork must not hold open: the daemon takes that for a sign of life.
        """
        self.drop()
        ours: StandbyChannel
        ours, theirs = sockets.pair(layer_messages.FROM_STANDBY, send_timeout_s=SEND_TIMEOUT_S)
        try:
            pid = processes.fork_here()
        except (OSError, RuntimeError):
            ours.close()
            os.close(theirs)
            return None
        if not pid:
            ours.close()
            return self._wait(sockets.adopt(theirs, layer_messages.TO_STANDBY), leave_parent)
        os.close(theirs)
        self._group = processes.new_group()
        processes.join_group(pid, self._group)
        self.pid, self._channel = pid, ours
        return None

    def _wait(self, channel: StandbyEnd, leave_parent: Callable[[], None]) -> Activation:
        try:
            leave_parent()
            with contextlib.suppress(OSError):  # the folder may have been removed, and made anew under its name
                set_title(f"pytest_zygote standby run: {os.getcwd()}")
            dirty_pages.populate(itertools.takewhile(any, _RANGE.iter_unpack(self._written[:])))
            order = _receive_order(channel)
        except BaseException:  # noqa: BLE001 - nothing may go on as the process that was forked
            order = None
        if order is None:
            os._exit(signals.EX_SOFTWARE)  # noqa: TID251 - a copy that never ran anything, so never a success
        descriptors = channel.adopt_descriptors()
        channel.close()
        return order, descriptors

    def activate(self, order: layer_messages.Fork, descriptors: Sequence[int]) -> bool:
        """Have it become a run; return whether it has: one that does not show that it is alive gets no order."""
        channel, pid = self._channel, self.pid
        self._channel, self.pid = None, 0
        if channel is None:
            return False
        try:
            if not _is_alive(channel):
                return False
            if order.leads_group or not self._group:  # before it gets its order, so that a signal finds the group
                processes.join_group(pid, 0)
            channel.send(order, descriptors)
        except OSError:
            return False
        finally:
            channel.close()
        return True

    def drop(self) -> None:
        """Have it end; in a fork of its parent, forget it."""
        self.pid = 0
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _receive_order(channel: StandbyEnd) -> layer_messages.Fork | None:
    """Show that this process is alive whenever that is asked; return its order, None if there will be none."""
    while (received := channel.receive()) is not None:
        for message in received:
            if isinstance(message, layer_messages.Fork):
                return message
            channel.send(layer_messages.Alive())
    return None


def _is_alive(channel: StandbyChannel) -> bool:
    channel.send(layer_messages.Probe())
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    return bool(poll.poll(ALIVE_MS)) and channel.receive() == [layer_messages.Alive()]
