"""The way from a worker to the run process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import array
import socket
import time
from typing import TYPE_CHECKING

from pytest_zygote.workers import inheriting, wire

if TYPE_CHECKING:
    from pytest_zygote.workers.board import Board
    from pytest_zygote.workers.wire import Event

FLUSH_S = 0.02
"""What happens within this time goes in one frame, if it belongs to one test."""


class Line:
    """The way to the parent."""

    def __init__(self, link: socket.socket, board: Board, *, is_chatty: bool) -> None:
        """Collect events, and send them when they are due.

        Args:
            link: to the parent.
            board: of the run.
            is_chatty: whether the user wants to see what begins.
        """
        self._link = link
        self._is_chatty = is_chatty
        self._events: list[Event] = []
        self._sent = time.monotonic()
        self.interrupts = inheriting.Interrupts(board)

    def tell(self, event: Event) -> None:
        """Send an event, now or with the next ones."""
        self._events.append(event)
        if self._is_chatty or time.monotonic() - self._sent > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Send what has been collected."""
        if self._events:
            data = wire.frame(self._events)
            self._events = []
            with self.interrupts.held():  # half a frame would be the last that the parent understands
                self._link.sendall(data)
        self._sent = time.monotonic()

    def ask(self, item: int, name: str) -> object:
        """Ask for a shared fixture that nobody knew to be needed, and wait for it."""
        return self._ask(("want", item, name))

    def _ask(self, question: Event) -> object:
        self.tell(question)
        self.flush()
        return wire.unpack(self._link.recv)

    def take_terminal(self) -> bool:
        """Wait for the terminal; tell whether this worker gets it."""
        self.interrupts.is_debugging = bool(self._ask(("terminal", True)))
        return self.interrupts.is_debugging

    def give_terminal(self) -> None:
        """Give the terminal back."""
        self.interrupts.is_debugging = False
        self.interrupts.take_over()
        self.tell(("terminal", False))
        self.flush()

    def lend(self, descriptors: list[int]) -> None:
        """Have the parent share open files."""
        packed = array.array("i", descriptors)
        data = wire.frame([("lend",)])
        if descriptors:
            sent = self._link.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])
            self._link.sendall(data[sent:])
