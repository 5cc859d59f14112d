"""The connections of a zygote, or a session, to the clients of its runs: for the time after the daemon."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_zygote.core.protocol import client_messages, framing, layer_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.record import Record


class ClientLinks:
    """Run → descriptor, of all that are going on.

    What is said here is said to the daemon too; a client looks at it only if the daemon is gone.
    """

    def __init__(self) -> None:
        """Have none."""
        self._links: dict[int, int] = {}

    def __iter__(self) -> Iterator[int]:
        """Give the descriptors."""
        return iter(tuple(self._links.values()))

    def run_of(self, descriptor: int) -> int | None:
        """Return the run whose client is at the other end; None if that run has ended."""
        return next((run for run, link in self._links.items() if link == descriptor), None)

    def add(self, run: int, pid: int, descriptor: int) -> None:
        """Keep the connection of a run, and say which process that is."""
        self._links[run] = descriptor
        self._send(run, client_messages.Started(pid))

    def note(self, message: Record) -> None:
        """Pass on what concerns a client: that its run was stopped, or has ended."""
        match message:
            case layer_messages.RunStopped(run, number):
                self._send(run, client_messages.Stopped(number))
            case layer_messages.RunExited(run, status):
                self._send(run, client_messages.Finished(status))
                if run in self._links:
                    os.close(self._links.pop(run))
            case _:
                pass

    def _send(self, run: int, message: client_messages.ToClient) -> None:
        with contextlib.suppress(OSError, KeyError):  # the client is gone
            os.write(self._links[run], framing.pack(message))

    def close(self) -> None:
        """Close all, in a fork of the process that they belong to."""
        for descriptor in self:
            os.close(descriptor)
        self._links.clear()
