"""What a worker tells its parent, as bytes: pickles, which both sides of a fork can trust.

What a report or a warning carries may be anything that a plugin or a test put there. So it
travels as a pickle of its own inside the frame: what cannot be pickled is replaced by its
`repr`, and a class that only the worker has imported by one of the same name, without importing
anything in the parent.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from typing import TYPE_CHECKING

from pytest_zygote.core.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Event: TypeAlias = tuple[object, ...]

LENGTH = 4
PLACE = 8


def pack(events: list[Event]) -> bytes:
    """Return some events as bytes."""
    return pickle.dumps(events, protocol=5)


def unpack_events(data: bytes | memoryview) -> list[Event]:
    """Return the events that `pack` has packed."""
    events: list[Event] = pickle.loads(data)  # noqa: S301 - our own fork wrote it
    return events


def frame(payload: bytes, place: int) -> bytes:
    """Return packed events as one frame, to be handled after what is on the tape before this place."""
    return len(payload).to_bytes(LENGTH, "little") + place.to_bytes(PLACE, "little") + payload


class Frames:
    """Bytes to packed events and their places on the tape, however they were cut on the way."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that are complete now."""
        self._buffer += data
        frames: list[tuple[int, bytes]] = []
        while len(self._buffer) >= LENGTH + PLACE:
            begin = LENGTH + PLACE
            end = begin + int.from_bytes(self._buffer[:LENGTH], "little")
            if len(self._buffer) < end:
                break
            frames.append((int.from_bytes(self._buffer[LENGTH:begin], "little"), bytes(self._buffer[begin:end])))
            del self._buffer[:end]
        return frames


def dump(value: object) -> bytes:
    """Return any value as bytes; what cannot be pickled becomes its `repr`."""
    try:
        return pickle.dumps(value, protocol=5)
    except Exception:  # noqa: BLE001 - __reduce__ of a foreign class may raise anything
        if isinstance(value, dict):
            return pickle.dumps({key: load(dump(part)) for key, part in value.items()}, protocol=5)
        return pickle.dumps(repr(value), protocol=5)


def load(data: bytes) -> object:
    """Return a value that `dump` wrote."""
    return _Unpickler(io.BytesIO(data)).load()


class _Unpickler(pickle.Unpickler):  # noqa: S301 - see `frame`
    def find_class(self, module: str, name: str) -> object:
        try:
            if module in sys.modules:
                return super().find_class(module, name)
        except AttributeError:
            pass
        # A warning, because this is where foreign classes are met; it takes any arguments.
        return type(name.rpartition(".")[2], (Warning,), {"__module__": module})


class Refusal:
    """Why a value cannot be given to a worker."""

    def __init__(self, reason: str) -> None:
        """Have a reason."""
        self.reason = reason


class Loan(Record):
    """The value of a fixture that outlives the run.

    Attributes:
        token: of this value, and no other.
        fingerprint: of the code and inputs that made it.
        ailment: what is wrong with it; '' if nothing is.
        payload: the value, as a pickle.
    """

    token: str
    fingerprint: str
    ailment: str
    payload: bytes


def parcel(value: object) -> bytes:
    """Return a value as a frame of its own; in its place why it cannot be sent."""
    try:
        payload = pickle.dumps(value, protocol=5)
    except Exception as error:  # noqa: BLE001 - __reduce__ of a foreign class may raise anything
        payload = pickle.dumps(Refusal(f"it cannot be sent to another process ({error})"), protocol=5)
    return len(payload).to_bytes(LENGTH, "little") + payload


def unpack(read: Callable[[int], bytes]) -> object:
    """Return the value of a parcel, of which `read` gives so many bytes at most.

    Raises:
        EOFError: the parent is gone.
    """
    size = int.from_bytes(_exactly(read, LENGTH), "little")
    return pickle.loads(_exactly(read, size))  # noqa: S301 - our own parent wrote it


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = read(size - len(data))
        if not chunk:
            raise EOFError("the run process is gone")
        data += chunk
    return data


def dump_warning(message: warnings.WarningMessage) -> bytes:
    """Return a warning as bytes."""
    text = f"{message.message}"
    values = (message.message, message.category, message.filename, message.lineno, message.line)
    try:
        data = pickle.dumps(values, protocol=5)
        load(data)
    except Exception:  # noqa: BLE001 - see `dump`; or it can be pickled, but not made again
        category = type(message.category.__name__, (Warning,), {})
        kind = (category.__name__, message.category.__module__)
        return pickle.dumps((text, kind, message.filename, message.lineno, message.line), protocol=5)
    return data


def load_warning(data: bytes) -> warnings.WarningMessage:
    """Return a warning that `dump_warning` wrote."""
    values = load(data)
    assert isinstance(values, tuple)  # noqa: S101 - see `dump_warning`
    message, category, filename, lineno, line = values
    if isinstance(category, tuple):
        name, module = category
        category = type(name, (Warning,), {"__module__": module})
        message = category(message)
    return warnings.WarningMessage(message, category, filename, lineno, line=line)
