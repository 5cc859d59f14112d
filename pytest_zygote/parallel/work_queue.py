"""The tests that a worker is to run next, in a pipe.

Reading four bytes from a pipe is atomic, so the worker and its parent may both read: the worker to pop the next test,
the parent to drain what the worker has not begun. No lock is needed, and none can be left behind by a worker that dies.
How much a pipe holds is up to the system (4 kB for a user who has many open): what does not fit waits in the parent.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import sockets

if TYPE_CHECKING:
    from collections.abc import Sequence

END = 0xFFFFFFFF
"""No test follows."""
SIZE = 4
DEFAULT_CAPACITY = 16_000
"""Tests that fit into a pipe as the system makes it."""
CAPACITY = 1 << 20


class WorkQueue:
    """A queue of test indexes between two processes."""

    def __init__(self, reading_end: int | None = None) -> None:
        """Make it, empty; or, in a worker that is no fork of the parent, have the end that it reads from."""
        self._read, self._write = os.pipe() if reading_end is None else (reading_end, os.open(os.devnull, os.O_WRONLY))
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._rest = bytearray()

    def put(self, items: Sequence[int]) -> None:
        """Append tests; those for which the pipe has no room follow when the parent refills it."""
        if len(items) > DEFAULT_CAPACITY and hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._write, fcntl.F_SETPIPE_SZ, CAPACITY)
        self._rest += b"".join(item.to_bytes(SIZE, "little") for item in items)
        self.refill()

    def refill(self) -> bool:
        """Write as many tests as the pipe has room for; return whether any were written."""
        has_written = False
        with contextlib.suppress(BlockingIOError):
            while self._rest:  # a piece of this size is written as a whole, or not at all
                del self._rest[: os.write(self._write, self._rest[: select.PIPE_BUF])]
                has_written = True
        return has_written

    def drain(self) -> list[int]:
        """Remove and return all tests that have not been begun, and the `END` behind them."""
        data = bytearray()
        while chunk := self._receive(CAPACITY):
            data += chunk
        data += self._rest
        self._rest.clear()
        items = (int.from_bytes(data[at : at + SIZE], "little") for at in range(0, len(data), SIZE))
        return [item for item in items if item != END]

    def has_items(self) -> bool:
        """Return whether something is in it."""
        return sockets.is_readable(self._read)

    def pop(self) -> int | None:
        """Return the next test, `END` if none follows or the parent is gone, None if the queue is empty."""
        chunk = self._receive(SIZE)
        if chunk is None:
            return None
        return int.from_bytes(chunk, "little") if chunk else END

    def wait_and_pop(self) -> int:
        """Return the next test, or `END`; wait until one is there."""
        while (item := self.pop()) is None:
            sockets.is_readable(self._read, None)
        return item

    def _receive(self, size: int) -> bytes | None:
        try:
            return os.read(self._read, size)
        except BlockingIOError:
            return None

    def fileno(self) -> int:
        """Return the descriptor that tests are read from."""
        return self._read

    def close_writing_end(self) -> None:
        """In the worker: once all writing ends are closed, the parent is gone."""
        os.close(self._write)

    def close(self) -> None:
        """Close both ends."""
        os.close(self._read)
        os.close(self._write)
