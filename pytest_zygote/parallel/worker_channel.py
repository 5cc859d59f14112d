"""The way from a worker to the run process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import array
import os
import socket
from typing import TYPE_CHECKING

from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel import after_fork

if TYPE_CHECKING:
    from pytest_zygote.fixtures.transfer import Event
    from pytest_zygote.parallel.ring_buffer import RingBuffer
    from pytest_zygote.parallel.shared_flags import SharedFlags


class WorkerChannel:
    """The way to the parent: a tape that it reads in its own time, and a socket that wakes it."""

    def __init__(self, link: socket.socket, tape: RingBuffer, board: SharedFlags, *, is_chatty: bool) -> None:
        """Collect events, and write them when they are due.

        Args:
            link: to the parent.
            tape: to the parent.
            board: of the run.
            is_chatty: whether the user wants to see what begins.
        """
        self._link = link
        self._ring = tape
        self._board = board
        self._is_chatty = is_chatty
        self._events: list[Event] = []
        self.interrupts = after_fork.Interrupts(board)

    def tell(self, event: Event) -> None:
        """Tell an event with the next ones; at once if the user wants to see what begins."""
        self._events.append(event)
        if self._is_chatty:
            self.commit()

    def commit(self) -> None:
        """Write what has been told: from here on it is known, whatever becomes of this process."""
        if self._events:
            self._write(is_urgent=False)

    def flush(self) -> None:
        """Write what has been told, and have the parent look at it at once."""
        self._write(is_urgent=True)

    def _write(self, *, is_urgent: bool) -> None:
        self.interrupts.hold()  # half a frame would be the last that the parent understands
        payload = transfer.pack(self._events) if self._events else b""
        self._events = []
        is_written = not payload or self._ring.write(payload)
        if is_urgent or not is_written or self._board.is_asleep:  # asked last: what it misses, the parent sees
            self._send(b"" if is_written else payload)
        self.interrupts.release()

    def leave(self) -> None:
        """Tell that this process is over: the kernel frees its memory before it closes files and sockets."""
        link = self._link.fileno()
        os.closerange(0, link)
        os.closerange(link + 1, os.sysconf("SC_OPEN_MAX"))
        self.tell(("over",))
        self.flush()

    def _send(self, payload: bytes) -> None:
        """Wake the parent; give it what the tape has no room for."""
        self._board.wake()
        self._link.sendall(transfer.frame(payload, self._ring.written))

    def ask(self, item: int, name: str) -> object:
        """Ask for a shared fixture that nobody knew to be needed, and wait for it."""
        return self._ask(("want", item, name))

    def _ask(self, question: Event) -> object:
        self.tell(question)
        self.flush()
        return transfer.unpack(self._link.recv)

    def adopt_terminal(self) -> bool:
        """Wait for the terminal; tell whether this worker gets it."""
        self.interrupts.is_debugging = bool(self._ask(("terminal", True)))
        return self.interrupts.is_debugging

    def give_terminal(self) -> None:
        """Give the terminal back."""
        self.interrupts.is_debugging = False
        self.interrupts.adopt()
        self.tell(("terminal", False))
        self.flush()

    def lend(self, descriptors: list[int]) -> None:
        """Have the parent share open files."""
        packed = array.array("i", descriptors)
        data = transfer.frame(b"", self._ring.written)
        if descriptors:
            sent = self._link.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])
            self._link.sendall(data[sent:])
