"""Messages as JSON in frames, between processes that may be on different machines."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from pytest_zygote.core.protocol.errors import RemoteProtocolError

if TYPE_CHECKING:
    import socket

Message: TypeAlias = dict[str, object]
HEAD = struct.Struct("!I")
LONGEST = 1 << 30


class Reader(Protocol):
    """What is read from."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or less if there is no more."""


class Writer(Protocol):
    """What is written to."""

    def write(self, data: bytes, /) -> object:
        """Write all."""

    def flush(self) -> object:
        """Have it arrive."""


class SocketStream:
    """A socket that is read and written as a whole; nothing is read ahead."""

    def __init__(self, connection: socket.socket) -> None:
        """Own the socket."""
        self._socket = connection

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._socket.fileno()

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or less if there is no more."""
        parts = bytearray()
        while len(parts) < size and (part := self._socket.recv(size - len(parts))):
            parts += part
        return bytes(parts)

    def write(self, data: bytes, /) -> None:
        """Write all."""
        self._socket.sendall(data)

    def flush(self) -> None:
        """Do nothing: it is on its way."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def send(to: Writer, message: Message) -> None:
    """Send a message."""
    send_bytes(to, json.dumps(message, default=repr).encode())


def send_bytes(to: Writer, data: bytes) -> None:
    """Send bytes as they are."""
    to.write(HEAD.pack(len(data)) + data)
    to.flush()


def receive(source: Reader) -> Message | None:
    """Return the next message; None if the other side is gone.

    Raises:
        RemoteProtocolError: it is no message.
    """
    data = receive_bytes(source)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except ValueError as error:
        raise RemoteProtocolError(f"not a message: {data[:80]!r}") from error
    if not isinstance(found, dict):
        raise RemoteProtocolError(f"not a message: {data[:80]!r}")
    return cast("Message", found)


def receive_bytes(source: Reader) -> bytes | None:
    """Return the bytes of the next frame; None if the other side is gone.

    Raises:
        RemoteProtocolError: it is no frame.
    """
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    if size > LONGEST:
        raise RemoteProtocolError(f"a frame of {size} bytes")
    data = source.read(size)
    return data if len(data) == size else None


def texts(message: Message, key: str) -> list[str]:
    """Return a list of texts in a message."""
    found = message.get(key)
    return [str(one) for one in found] if isinstance(found, list) else []


def number(message: Message, key: str) -> int:
    """Return a number in a message; 0 if there is none."""
    found = message.get(key)
    return found if isinstance(found, int) else 0


def rows(message: Message, key: str) -> list[list[object]]:
    """Return a list of lists in a message."""
    found = message.get(key)
    return [row for row in found if isinstance(row, list)] if isinstance(found, list) else []


def mapping(message: Message, key: str) -> dict[str, str]:
    """Return names and texts in a message."""
    found = message.get(key)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
