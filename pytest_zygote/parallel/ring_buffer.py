"""The messages of a worker, in memory that it shares with the run process and that outlives it.

Sending after each phase of a test would cost more than many tests take; messages that are buffered would be lost if
the worker died. So the worker writes into a ring of memory that both processes share, and the run process reads it
when it looks: no system call on either side, and what was written stays there, even if the worker dies.

Each side moves one counter only: the worker how much it has written, the run process how much it has read. A piece has
a checksum, since on some processors a counter may be seen to move before the bytes that it counts: such a piece is read
at the next look.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import mmap
import struct
from zlib import crc32

CAPACITY = 1 << 18
HEADER = struct.Struct("<II")
WRITTEN, READ = 0, 1
START = 64
"""Where the ring begins; before it are the counters."""


class RingBuffer:
    """Bytes in pieces, from one process to another.

    Attributes:
        ring: the memory in which they are.
    """

    def __init__(self, capacity: int = CAPACITY, descriptor: int = -1) -> None:
        """Make it, empty; or open the one in a file, for a process that was not forked from the one that made it."""
        self._capacity = capacity
        self._shared = mmap.mmap(descriptor, START + capacity)
        self._memory = memoryview(self._shared)
        self._counters = self._memory[:START].cast("Q")
        self.ring = self._memory[START:]

    @property
    def written(self) -> int:
        """How much has been written since the beginning."""
        return self._counters[WRITTEN]

    @property
    def has_news(self) -> bool:
        """Whether something has been written that was not read yet."""
        return self._counters[WRITTEN] != self._counters[READ]

    def write(self, payload: bytes) -> bool:
        """Append a piece; return whether there was room for it."""
        counters = self._counters
        at = counters[WRITTEN]
        data = HEADER.pack(len(payload), crc32(payload)) + payload
        if len(data) > self._capacity - (at - counters[READ]):
            return False
        begin = at % self._capacity
        end = begin + len(data)
        if end <= self._capacity:
            self.ring[begin:end] = data
        else:
            rest = self._capacity - begin
            self.ring[begin:] = data[:rest]
            self.ring[: end - self._capacity] = data[rest:]
        counters[WRITTEN] = at + len(data)
        return True

    def read(self, until: int) -> list[tuple[int, memoryview]]:
        """Return the pieces up to this position that were not read yet, each with the position where it ends."""
        pieces: list[tuple[int, memoryview]] = []
        begin = self._counters[READ]
        data = memoryview(self._bytes(begin, until - begin))
        at = 0
        while at < len(data):
            size, checksum = HEADER.unpack_from(data, at)
            payload = data[at + HEADER.size : at + HEADER.size + size]
            if len(payload) != size or crc32(payload) != checksum:
                break
            at += HEADER.size + size
            pieces.append((begin + at, payload))
        self._counters[READ] = begin + at
        return pieces

    def _bytes(self, at: int, size: int) -> bytes:
        begin = at % self._capacity
        rest = self._capacity - begin
        if size <= rest:
            return bytes(self.ring[begin : begin + size])
        return bytes(self.ring[begin:]) + bytes(self.ring[: size - rest])

    def close(self) -> None:
        """Free the memory."""
        for view in (self._counters, self.ring, self._memory):
            view.release()
        self._shared.close()
