"""Bytes to messages and back: no socket in here.

A frame is the magic ``PZ`` and protocol number, the length of the payload (4 bytes, big
endian), and the payload: the message's name and fields as nested netstring-like values.

    s5:hello   text (UTF-8, lone surrogates as they are)      i42;   integer
    b3:abc     bytes                                          l2:…   sequence of two values
    d1:…       mapping of one key and value

JSON would serve as well, but its import costs a warm client 6 ms of the 25 it has; pickle and
marshal run code, or crash, on a hostile frame.
"""

from __future__ import annotations

from pytest_zygote.core.errors import LocalProtocolError, RemoteProtocolError
from pytest_zygote.core.messages import PROTOCOL, REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_zygote.core.records import Record

MAGIC = b"PZ" + bytes([PROTOCOL])
HEADER_LENGTH = len(MAGIC) + 4
MAX_PAYLOAD = 64 * 1024 * 1024
"""Bytes. A layer of 20,000 modules reports itself in about 4 MiB; more than this is not ours."""
MAX_DEPTH = 8


def pack(message: Record) -> bytes:
    """Return the frame of a message.

    Raises:
        LocalProtocolError: a field holds what the wire does not carry.
    """
    parts: list[bytes] = []
    _encode([type(message).__name__, *message.values()], parts)
    payload = b"".join(parts)
    return MAGIC + len(payload).to_bytes(4, "big") + payload


def _encode(value: object, parts: list[bytes]) -> None:
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        parts.append(b"s%d:%b" % (len(raw), raw))
    elif isinstance(value, int):
        parts.append(b"i%d;" % value)
    elif isinstance(value, bytes):
        parts.append(b"b%d:%b" % (len(value), value))
    elif isinstance(value, (tuple, list)):
        parts.append(b"l%d:" % len(value))
        for item in value:
            _encode(item, parts)
    elif isinstance(value, dict):
        parts.append(b"d%d:" % len(value))
        for pair in value.items():
            _encode(pair[0], parts)
            _encode(pair[1], parts)
    else:
        message = f"a message cannot carry {type(value).__name__}"
        raise LocalProtocolError(message)


class FrameReader:
    """Collects the bytes of one connection and gives the messages that are complete."""

    def __init__(self) -> None:
        """Start with no bytes."""
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Record]:
        """Add bytes as they came; return the messages they complete.

        Raises:
            RemoteProtocolError: the bytes are not ours; the connection is of no more use.
        """
        self._buffer += data
        messages = []
        while (frame := self._next_payload()) is not None:
            messages.append(unpack(frame))
        return messages

    def _next_payload(self) -> bytes | None:
        head = bytes(self._buffer[:HEADER_LENGTH])
        if not MAGIC.startswith(head[: len(MAGIC)]):
            message = f"expected a frame of protocol {PROTOCOL}, got {head[:16]!r}"
            raise RemoteProtocolError(message)
        if len(head) < HEADER_LENGTH:
            return None
        length = int.from_bytes(head[len(MAGIC) :], "big")
        if length > MAX_PAYLOAD:
            message = f"a frame of {length} bytes is longer than {MAX_PAYLOAD}"
            raise RemoteProtocolError(message)
        end = HEADER_LENGTH + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER_LENGTH:end])
        del self._buffer[:end]
        return payload


def unpack(payload: bytes) -> Record:
    """Return the message of a payload.

    Raises:
        RemoteProtocolError: it is malformed, or of an unknown kind or shape.
    """
    try:
        value, end = _decode(payload, 0, 0)
        if end != len(payload) or not isinstance(value, tuple):
            raise ValueError(end)
        name, *fields = value
        kind = REGISTRY[name]
        if len(fields) != len(kind.field_names):
            raise ValueError(name)
        _check_types(kind, fields)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        message = f"malformed frame: {payload[:40]!r} ({error})"
        raise RemoteProtocolError(message) from None
    return kind(*fields)


FIELD_TYPES = {"str": str, "int": int, "bytes": bytes, "tuple": tuple, "dict": dict}


def _check_types(kind: type[Record], fields: list[object]) -> None:
    for name, value in zip(kind.field_names, fields, strict=True):
        outer = kind.__annotations__[name].partition("[")[0]
        if type(value) is not FIELD_TYPES[outer]:
            raise TypeError(name)


def _decode(data: bytes, at: int, depth: int) -> tuple[object, int]:
    tag = data[at : at + 1]
    if tag == b"i":
        end = data.index(b";", at)
        return int(data[at + 1 : end]), end + 1
    colon = data.index(b":", at)
    size = int(data[at + 1 : colon])
    start = colon + 1
    if size < 0 or depth > MAX_DEPTH or start + size > len(data):
        raise ValueError(size)
    if tag == b"s":
        return data[start : start + size].decode("utf-8", "surrogatepass"), start + size
    if tag == b"b":
        return data[start : start + size], start + size
    if tag == b"l":
        return _decode_sequence(data, start, size, depth)
    if tag == b"d":
        flat, end = _decode_sequence(data, start, 2 * size, depth)
        return dict(zip(flat[::2], flat[1::2], strict=True)), end
    raise ValueError(tag)


def _decode_sequence(data: bytes, at: int, size: int, depth: int) -> tuple[tuple[object, ...], int]:
    items = []
    for _ in range(size):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return tuple(items), at
