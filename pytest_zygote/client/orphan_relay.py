"""A run whose daemon has died: its zygote says on a link how it ends, and its signals come from here."""

from __future__ import annotations

import os
import select

from pytest_zygote.adapters.system.processes import group_of, open_pid, signal_group
from pytest_zygote.adapters.system.signals import SIGCONT, suspend
from pytest_zygote.core.protocol.client_messages import Finished, Started, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_zygote.adapters.system.signals import SignalPipe
    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, ToClient

UNREPORTED_MS = 2_000
"""How long the zygote of a run that has ended may take to say how: it may be stopped, or dead."""


class OrphanRelay:
    """What is left of the conversation about a run.

    Attributes:
        run_pid: its process, as far as that is known; 0 if it was not forked.
    """

    def __init__(self, link: Channel[ToClient, FromClient], pipe: SignalPipe, run_pid: int) -> None:
        """Listen to the zygote that holds the other end of `link`."""
        self.run_pid = run_pid
        self._link = link
        self._pipe = pipe
        self._process = -1
        self._poll = select.poll()
        self._poll.register(link.fileno(), select.POLLIN)
        self._poll.register(pipe.fileno(), select.POLLIN)

    def wait(self) -> int | None:
        """Relay until the run has ended; return its status, None if nobody can tell."""
        self._watch(self.run_pid)
        try:
            return self._wait()
        finally:
            if self._process >= 0:
                os.close(self._process)

    def _wait(self) -> int | None:
        timeout_ms = None
        is_reporting = True
        while is_reporting or self._process >= 0:
            events = self._poll.poll(timeout_ms)
            if not events:
                return None
            for descriptor, _ in events:
                if descriptor == self._pipe.fileno():
                    self._relay()
                elif descriptor == self._process:  # its zygote has read that, or will in a moment
                    self._poll.unregister(self._process)
                    timeout_ms = UNREPORTED_MS if is_reporting else 0
                else:
                    status, is_reporting = self._receive()
                    if status is not None:
                        return status
        return None

    def _watch(self, pid: int) -> None:
        self.run_pid = pid
        if pid and self._process < 0:
            self._process = open_pid(pid)
            if self._process >= 0:
                self._poll.register(self._process, select.POLLIN)

    def _relay(self) -> None:
        for number in self._pipe.read():
            if self.run_pid:
                signal_group(group_of(self.run_pid), number)

    def _receive(self) -> tuple[int | None, bool]:
        """Return the status, if it has come, and whether more can come."""
        received = self._link.receive()
        if received is None:
            self._poll.unregister(self._link.fileno())
            return None, False
        status = None
        for message in received:
            match message:
                case Started(pid):
                    status = None  # what came before was of a run that was compared with this one
                    self._watch(pid)
                case Stopped():
                    suspend()
                    signal_group(group_of(self.run_pid), SIGCONT)
                case Finished(ended):
                    status = ended
                case _:
                    pass
        return status, True
