"""Encoded messages to frames on a worker's socket and back, in both directions; no socket in here.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct("<IQ")


class Frame(NamedTuple):
    """Encoded messages.

    Attributes:
        position: how much the sender had written to its ring buffer before; 0 from the controller, which has none.
        payload: the messages; b"" if the frame is only to wake the receiver.
    """

    position: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """Return what is to be sent."""
        return HEADER.pack(len(self.payload), self.position) + self.payload


class FrameReader:
    """Collects the bytes of one socket, however they were cut on the way."""

    def __init__(self) -> None:
        """Start with no bytes."""
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Frame]:
        """Add bytes; return the frames that they complete."""
        self._buffer += data
        frames: list[Frame] = []
        while len(self._buffer) >= HEADER.size:
            length, position = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(position, bytes(self._buffer[HEADER.size : end])))
            del self._buffer[:end]
        return frames
