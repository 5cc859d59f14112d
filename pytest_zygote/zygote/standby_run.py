"""A spare: a fork that waits to become the next run, so that no run has to wait for a fork.

It has what a fork of this moment would have: it is made when its zygote has come to rest, and a zygote that changes
is another layer, with a spare of its own. Before it waits it copies the pages of memory that an earlier run wrote to.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import struct
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import dirty_pages, processes, sockets
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.protocol import messages
from pytest_zygote.core.protocol.framing import SILENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Never, TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel

    StandbyChannel: TypeAlias = Channel[Never, messages.ToStandby]

MAX_PAGES = 6_000
"""A run that has written to more was no short one, and tells little of the next: 23 MiB, where a page has 4 KiB."""

SEND_TIMEOUT_S = 5.0
"""A spare does nothing but read; one that does not for this long is broken."""

_RANGE = struct.Struct("QQ")


class StandbyRun:
    """The one fork that a zygote has in reserve, if it has one."""

    def __init__(self) -> None:
        """Start without one, and without knowing what runs write to."""
        self._pid = 0
        self._channel: StandbyChannel | None = None
        self._written = mmap.mmap(-1, _RANGE.size * (MAX_PAGES + 1))  # shared with all forks

    def learn(self) -> None:
        """Remember, at the end of the first short run and in its process, what that has written to."""
        if any(self._written[: _RANGE.size]):
            return
        with contextlib.suppress(Exception):  # tests may have left anything in the place of what is called here
            found = list(itertools.islice(dirty_pages.written(), MAX_PAGES))
            if sum(length for _, length in found) <= MAX_PAGES * dirty_pages.PAGE:
                packed = b"".join(_RANGE.pack(*span) for span in found)
                self._written[: len(packed)] = packed

    def make(self, leave_zygote: Callable[[], None]) -> tuple[messages.Fork, list[int]] | None:
        """Fork one; return None, and in the fork, once it is to become a run, the order and its descriptors.

        Where there can be no fork there is no spare.

        Args:
            leave_zygote: closes what the fork must not hold open: the daemon takes that for a sign of life.
        """
        self.drop()
        ours: StandbyChannel
        ours, theirs = sockets.pair(SILENT, send_timeout_s=SEND_TIMEOUT_S)
        try:
            self._pid = processes.fork_here()
        except (OSError, RuntimeError):
            ours.close()
            os.close(theirs)
            return None
        if not self._pid:
            ours.close()
            return self._wait(sockets.adopt(theirs, messages.TO_STANDBY), leave_zygote)
        os.close(theirs)
        self._channel = ours
        return None

    def _wait(
        self, channel: Channel[messages.ToStandby, Never], leave_zygote: Callable[[], None]
    ) -> tuple[messages.Fork, list[int]]:
        try:
            leave_zygote()
            set_title(f"pytest_zygote spare run: {os.getcwd()}")
            dirty_pages.populate(itertools.takewhile(any, _RANGE.iter_unpack(self._written[:])))
            received: list[messages.ToStandby] | None = []
            while received == []:
                received = channel.receive()
        except BaseException:  # noqa: BLE001 - nothing may go on as the process that was forked
            received = None
        if received is None:
            os._exit(0)  # noqa: TID251 - it was never more than a copy
        (order,) = received
        descriptors = channel.adopt_descriptors()
        channel.close()
        return order, descriptors

    def take(self, order: messages.Fork, descriptors: Sequence[int]) -> int:
        """Have it become a run; return its process, 0 if there is none."""
        channel, self._channel = self._channel, None
        if channel is None:
            return 0
        try:
            channel.send(order, descriptors)
        except OSError:
            return 0
        finally:
            channel.close()
        return self._pid

    def drop(self) -> None:
        """Have it end; in a fork of the zygote, know nothing of it."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
