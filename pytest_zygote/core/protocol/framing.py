"""Bytes to messages and back: no socket in here.

A frame is the magic ``PZ`` and protocol number, the length of the payload (4 bytes, big
endian), and the payload: the message's name and fields as nested netstring-like values.

    s5:hello   text (UTF-8, lone surrogates as they are)      i42;   integer
    b3:abc     bytes                                          l2:…   sequence of two values
    d1:…       mapping of one key and value

A record inside of a message, such as its reason, is the sequence of its fields.

What is read back must be a message of the reader's route, and is checked against that message's annotations, to
their depth: no code behind this module meets a message that it does not know, or a value of another type than declared.

JSON would serve as well, but its import costs a warm client 6 ms of the 25 it has; pickle and
marshal run code, or crash, on a hostile frame.
"""

from __future__ import annotations

from pytest_zygote.core.protocol.errors import LocalProtocolError, RemoteProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Generic, Record, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import UnionType
    from typing import Never


Received = TypeVar("Received", bound=Record)
Received_co = TypeVar("Received_co", bound=Record, covariant=True)

PROTOCOL = 2
"""Raised whenever a message changes shape; peers of another number do not talk."""

MAGIC = b"PZ" + bytes([PROTOCOL])
HEADER_LENGTH = len(MAGIC) + 4
MAX_PAYLOAD = 64 * 1024 * 1024
"""Bytes. A layer of 20,000 modules reports itself in about 4 MiB; more than this is not ours."""
MAX_DEPTH = 8
MAX_DIGITS = 24
"""Nanoseconds since 1970 take 19, an inode 20."""


class Route(Generic[Received_co]):
    """One direction of one kind of connection.

    A reader of frames that is given a route accepts the messages of its union and no others, so that what it
    returns can be matched to the end: ``case _: assert_never(message)``.

    Attributes:
        sender: the kind of process that sends on it, for people.
        receiver: the kind that receives.
        kinds: name on the wire → message.
        max_payload: how many bytes a message may have; a longer one is an error.
    """

    def __init__(
        self, sender: str, receiver: str, union: UnionType | type[Record] | None, *, max_payload: int = MAX_PAYLOAD
    ) -> None:
        """Allow the members of a union, none for None; annotate the variable with ``Route[<that union>]``."""
        self.sender = sender
        self.receiver = receiver
        self.max_payload = max_payload
        alone = () if union is None else (union,)
        members: tuple[type[Received_co], ...]
        members = getattr(union, "__args__", alone)  # type: ignore[arg-type]  # a class stands for itself
        self.kinds = {kind.__name__: kind for kind in members}

    def kind(self, name: str) -> type[Received_co]:
        """Return the message of a name.

        Raises:
            ValueError: there is none on this route.
        """
        if name not in self.kinds:
            message = f"no {self.sender} sends {name!r} to a {self.receiver}"
            raise ValueError(message)
        return self.kinds[name]


SILENT: Route[Never] = Route("peer", "process that only sends", None)
"""Where nothing may be received."""


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
    elif isinstance(value, dict):
        parts.append(b"d%d:" % len(value))
        _encode_all([part for pair in value.items() for part in pair], parts)
    else:
        items = value.values() if isinstance(value, Record) else value
        if not isinstance(items, (tuple, list)):
            message = f"a message cannot carry {type(value).__name__}"
            raise LocalProtocolError(message)
        parts.append(b"l%d:" % len(items))
        _encode_all(items, parts)


def _encode_all(values: Iterable[object], parts: list[bytes]) -> None:
    for value in values:
        _encode(value, parts)


class FrameReader(Generic[Received_co]):
    """Collects the bytes of one connection and returns the messages that are complete."""

    def __init__(self, route: Route[Received_co]) -> None:
        """Accept the messages of this route."""
        self._route = route
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Received_co]:
        """Add bytes as they came; return the messages they complete.

        Raises:
            RemoteProtocolError: the bytes are no frame, or a message that the peer may not send here. The connection
                is of no more use.
        """
        self._buffer += data
        messages = []
        while (frame := self._next_payload()) is not None:
            messages.append(unpack(frame, self._route))
        return messages

    def _next_payload(self) -> bytes | None:
        head = bytes(self._buffer[:HEADER_LENGTH])
        if not MAGIC.startswith(head[: len(MAGIC)]):
            message = f"expected a frame of protocol {PROTOCOL}, got {head[:16]!r}"
            raise RemoteProtocolError(message)
        if len(head) < HEADER_LENGTH:
            return None
        length = int.from_bytes(head[len(MAGIC) :], "big")
        if length > self._route.max_payload:
            message = f"a frame of {length} bytes is longer than {self._route.max_payload}"
            raise RemoteProtocolError(message)
        end = HEADER_LENGTH + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER_LENGTH:end])
        del self._buffer[:end]
        return payload


def unpack(payload: bytes, route: Route[Received]) -> Received:
    """Return the message of a payload.

    Raises:
        RemoteProtocolError: it is malformed, not one of this route, or has fields of another shape.
    """
    try:
        return _message(*_decode(payload, 0, 0), len(payload), route)
    except (ValueError, TypeError) as error:
        message = f"malformed frame: {payload[:40]!r} ({str(error)[:80]})"
        raise RemoteProtocolError(message) from None


def _message(value: object, end: int, length: int, route: Route[Received]) -> Received:
    if end != length or not isinstance(value, tuple):
        raise ValueError(end)
    name, *fields = value
    if not isinstance(name, str):
        raise TypeError(name)
    return _record(route.kind(name), fields)


def _record(kind: type[Received], fields: Iterable[object]) -> Received:
    """Make a record of what came for its fields.

    Raises:
        ValueError: they are more or fewer.
        TypeError: one is of another type.
    """
    shapes = _shapes(kind)
    return kind(*[_read(content, shape) for content, shape in zip(fields, shapes, strict=True)])


VALUES: dict[str, type] = {"Code": str, "Reason": Reason}
"""What annotations of fields name besides builtin types, with its type on the wire."""

_known_shapes: dict[type[Record], tuple[object, ...]] = {}


def _shapes(kind: type[Record]) -> tuple[object, ...]:
    """Return the types of a record's fields, from its annotations."""
    shapes = _known_shapes.get(kind)
    if shapes is None:
        annotations = kind.__annotations__
        shapes = tuple(eval(annotations[name], {**VALUES}) for name in kind.field_names)  # noqa: S307 - our own source
        _known_shapes[kind] = shapes
    return shapes


def _read(value: object, shape: object) -> object:
    """Return a value that is of a type like ``str`` or ``dict[str, tuple[int, ...]]``, to its depth.

    Raises:
        TypeError: it is of another type.
        ValueError: it has more or fewer parts.
    """
    kind = getattr(shape, "__origin__", shape)
    inner: tuple[object, ...] = getattr(shape, "__args__", ())
    if isinstance(value, tuple) and isinstance(kind, type) and issubclass(kind, Record):
        return _record(kind, value)
    if type(value) is not kind:
        raise TypeError(shape)
    if isinstance(value, dict):
        return {_read(key, inner[0]): _read(item, inner[1]) for key, item in value.items()}
    return _read_items(value, inner) if isinstance(value, tuple) else value


def _read_items(value: tuple[object, ...], inner: tuple[object, ...]) -> tuple[object, ...]:
    if inner[-1] is ...:
        return tuple([_read(item, inner[0]) for item in value])
    return tuple([_read(item, part) for item, part in zip(value, inner, strict=True)])


def _decode(data: bytes, at: int, depth: int) -> tuple[object, int]:
    tag = data[at : at + 1]
    if tag == b"i":
        end = data.index(b";", at)
        return _number(data[at + 1 : end]), end + 1
    colon = data.index(b":", at)
    size = _number(data[at + 1 : colon])
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


def _number(digits: bytes) -> int:
    """Return a number; ``int`` alone would take blanks and underscores, and its time for endless digits."""
    if len(digits) > MAX_DIGITS or not digits.removeprefix(b"-").isdigit():
        raise ValueError(digits[:MAX_DIGITS])
    return int(digits)


def _decode_sequence(data: bytes, at: int, size: int, depth: int) -> tuple[tuple[object, ...], int]:
    items = []
    for _ in range(size):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return tuple(items), at
