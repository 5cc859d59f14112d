"""The runs that a zygote or a collected session has forked, and the one that it has in reserve."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes
from pytest_zygote.core.protocol import messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.zygote.standby_run import StandbyRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    RunReport: TypeAlias = messages.Forked | messages.ForkFailed | messages.RunStopped

DESCRIPTORS = 4
"""With each order to fork a run: stdin, stdout, stderr, and the run's own line to the daemon."""


class RunForker:
    """The runs of one process that have not been collected yet."""

    def __init__(self, say: Callable[[RunReport], None], leave: Callable[[], None]) -> None:
        """Start with none.

        Args:
            say: tells the daemon.
            leave: parts a fork from this process, and has it `forget` these runs.
        """
        self._say = say
        self._leave = leave
        self._numbers: dict[int, int] = {}
        self._standby = StandbyRun()
        self.wants_standby = False

    def __len__(self) -> int:
        """Count them."""
        return len(self._numbers)

    def fork(self, order: messages.Fork, descriptors: list[int]) -> bool:
        """Fork a run, or let the spare become it; tell whether this process is that run, which owns the descriptors."""
        try:
            pid = self._standby.take(order, descriptors) or processes.fork_here()
        except (OSError, RuntimeError) as error:
            self._say(
                messages.ForkFailed(order.run, Reason("fork-failed", f"no process could be made for the run: {error}"))
            )
        else:
            if not pid:
                self._leave()
                return True
            # The child does the same; whoever is first, a signal finds the group.
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            self._numbers[pid] = order.run
            self.wants_standby = True
            self._say(messages.Forked(order.run, pid))
        for descriptor in descriptors:
            os.close(descriptor)
        return False

    @property
    def lacks_standby(self) -> bool:
        """Whether a run should be forked ahead now."""
        return self.wants_standby and not self._numbers

    def reserve(self) -> tuple[messages.Fork, list[int]] | None:
        """Fork a run ahead; return None, and in that run, once it is asked for, the order and its descriptors."""
        self.wants_standby = False  # one try after each run
        return self._standby.make(self._leave)

    def drop_standby(self) -> None:
        """Have the run that was forked ahead end: it will not be asked for."""
        self._standby.drop()

    def forget(self) -> None:
        """Know nothing of runs, in a fork of the process that they belong to."""
        self._numbers.clear()
        self._standby.drop()
        self.wants_standby = False

    def learn(self) -> None:
        """Remember, at the end of a run and in its process, which memory the next ones will write to."""
        self._standby.learn()

    def deliver(self, number: int, signal_number: int) -> None:
        """Send a signal to all of a run."""
        for pid in [pid for pid, known in self._numbers.items() if known == number]:
            processes.signal_group(pid, signal_number)

    def collect(self) -> Iterator[messages.RunExited]:
        """Give the runs that have ended; tell the daemon of those that have stopped."""
        for pid, status in processes.collect():
            if pid not in self._numbers:
                continue
            if os.WIFSTOPPED(status):
                self._say(messages.RunStopped(self._numbers[pid], os.WSTOPSIG(status)))
            else:
                yield messages.RunExited(self._numbers.pop(pid), processes.decode_wait(status))
