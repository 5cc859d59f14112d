"""Frames survive any way of cutting them, and hostile ones raise one error only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_zygote.core.protocol.client_messages import Answer, Relay, RunRequest, StopRequest
from pytest_zygote.core.protocol.errors import LocalProtocolError, RemoteProtocolError
from pytest_zygote.core.protocol.framing import (
    HEADER_LENGTH,
    MAGIC,
    MAX_DEPTH,
    MAX_PAYLOAD,
    PROTOCOL,
    FrameReader,
    pack,
    unpack,
)
from pytest_zygote.core.protocol.layer_messages import BuildFailed, Built, Fork
from pytest_zygote.core.protocol.run_messages import Learned
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record
from tests.support import strategies
from tests.support.strategies import ANY

RELAY = b"l2:s5:Relayi2;"
"""The payload of `Relay(2)`, from which the malformed ones differ in one place."""


def frame(payload: bytes) -> bytes:
    """Put a header before a payload, as a well-behaved peer does."""
    return MAGIC + len(payload).to_bytes(4, "big") + payload


def encode(value: object) -> bytes:
    """Return a value as the wire has it; written anew, so that it can say what no message says."""
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, bytes):
        return b"b%d:%b" % (len(value), value)
    if isinstance(value, Record):
        return encode(value.values())
    if isinstance(value, dict):
        return b"d%d:" % len(value) + b"".join(encode(key) + encode(item) for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return b"l%d:" % len(value) + b"".join(map(encode, value))
    raw = str(value).encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(raw), raw)


def nested(depth: int) -> bytes:
    """Return a payload of lists in lists."""
    return b"l1:" * depth + b"i1;"


MALFORMED = {
    "nothing": b"",
    "unknown message": b"l2:s5:Delayi2;",
    "name is no text": b"l2:i5;i2;",
    "name cannot be a key": b"l2:d0:i2;",
    "no name": b"l0:",
    "no sequence": b"s5:Relay",
    "field missing": b"l1:s5:Relay",
    "field too many": b"l3:s5:Relayi2;i2;",
    "text for a number": b"l2:s5:Relays1:2",
    "bytes behind the end": RELAY + b"i1;",
    "cut off": RELAY[:-1],
    "cut off in a text": b"l2:s50:Relayi2;",
    "no colon": b"l2",
    "unknown tag": b"l2:s5:Relayf1:2",
    "no size": b"l2:s5:Relays:",
    "negative size": b"l2:s5:Relays-1:",
    "negative count": b"l-2:s5:Relayi2;",
    "count of all bytes and more": b"l99999999:",
    "size in words": b"l2:s5:Relaysfive:abcde",
    "size with an underscore": b"l2:s1_0:Relay",
    "number with a blank": b"l2:s5:Relayi 2;",
    "number with a plus": b"l2:s5:Relayi+2;",
    "two minuses": b"l2:s5:Relayi--2;",
    "endless number": b"l2:s5:Relayi" + b"9" * 5000 + b";",
    "no number": b"l2:s5:Relayi;",
    "not UTF-8": b"l2:s6:Answers1:\xff",
    "key that cannot be one": b"l3:s11:BuildFailedd1:d0:i1;l2:s0:s0:",
    "key of another type": b"l3:s11:BuildFailedd1:i1;s0:l2:s0:s0:",
    "value of another type": b"l3:s11:BuildFailedd1:s0:i1;l2:s0:s0:",
    "mapping with a key alone": b"l3:s11:BuildFailedd1:s0:",
    "items of another type": encode(["Learned", [["a", "b", "c", 4]], {}, [], {}, {}, ""]),
    "items of another length": encode(["Learned", [["a", "b", "c"]], {}, [], {}, {}, ""]),
    "items that are no row": encode(["Learned", ["abcd"], {}, [], {}, {}, ""]),
    "a record with a field too many": b"l2:s4:Coldl3:s0:s0:s0:",
    "a record with a field of another type": b"l2:s4:Coldl2:s0:i1;",
    "text for a record": b"l2:s4:Colds2:ab",
    "nested too deep": nested(MAX_DEPTH + 2),
    "nested to the limit": nested(MAX_DEPTH),
    "nested to the stack's end": nested(100_000),
}


def test_the_bytes_are_those_of_the_module_docstring() -> None:
    """The format is written down, and is what is sent."""
    assert pack(Relay(2)) == b"PZ" + bytes([PROTOCOL]) + b"\0\0\0\x0e" + RELAY
    assert pack(Answer("é")).endswith(b"l2:s6:Answers2:\xc3\xa9")
    assert pack(Fork(-1, b"abc")).endswith(b"l6:s4:Forki-1;b3:abcl0:i0;i1;")
    assert pack(BuildFailed({"a": "b"}, Reason("no-fork", "c"))).endswith(
        b"l3:s11:BuildFailedd1:s1:as1:bl2:s7:no-forks1:c"
    )


@given(st.lists(strategies.messages, max_size=4), st.data())
def test_frames_may_be_cut_at_any_byte(sent: list[Record], data: st.DataObject) -> None:
    """However the bytes come, each message comes once, in order, as soon as it is complete."""
    stream = b"".join(map(pack, sent))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    reader = FrameReader(ANY)

    received = [message for a, b in pairwise([0, *cuts, len(stream)]) for message in reader.receive(stream[a:b])]

    assert received == sent


@given(strategies.messages)
def test_a_message_is_there_with_its_last_byte(message: Record) -> None:
    """Not before, and not after."""
    reader = FrameReader(ANY)
    stream = pack(message)

    early = [found for byte in stream[:-1] for found in reader.receive(bytes([byte]))]

    assert early == []
    assert reader.receive(stream[-1:]) == [message]
    assert reader.receive(b"") == []


@given(st.binary())
@example(b"GET / HTTP/1.1\r\n")
@example(b"PZ\xff\0\0\0\0")
@example(MAGIC + b"\xff\xff\xff\xff")
def test_garbage_raises_the_peer_error_only(data: bytes) -> None:
    """Nothing but a `RemoteProtocolError` ever leaves a reader."""
    reader = FrameReader(ANY)
    try:
        received = reader.receive(data)
    except RemoteProtocolError:
        with pytest.raises(RemoteProtocolError):
            reader.receive(b"")  # the connection is of no more use
    else:
        assert received == []
        assert MAGIC.startswith(data[: len(MAGIC)])


@given(st.binary())
def test_a_garbage_payload_raises_the_peer_error_only(payload: bytes) -> None:
    """A right header does not help a wrong payload."""
    with pytest.raises(RemoteProtocolError):
        FrameReader(ANY).receive(frame(payload))


@given(st.text(alphabet="sbild0123456789:;-_ +Relay", max_size=30))
def test_almost_right_payloads_raise_the_peer_error_only(text: str) -> None:
    """Bytes of the grammar's own alphabet reach further in than random ones."""
    try:
        message = unpack(b"l2:s5:Relay" + text.encode(), ANY)
    except RemoteProtocolError:
        return
    assert isinstance(message, Relay)  # "i0;" makes it right


@given(strategies.values)
def test_a_value_of_any_shape_is_a_message_or_an_error(value: object) -> None:
    """Values that the grammar allows and that are no message are refused."""
    with pytest.raises(RemoteProtocolError, match="malformed frame"):
        unpack(encode(value), ANY)


@given(st.sampled_from([Relay, RunRequest, Built, Learned, BuildFailed]), st.data())
def test_fields_of_any_shape_are_right_or_an_error(kind: type[Record], data: st.DataObject) -> None:
    """One field is replaced by something else: it is refused, unless it happens to be of the type."""
    message = data.draw(strategies.messages_of(kind))
    fields: list[object] = [*message.values()]
    at = data.draw(st.integers(0, len(fields) - 1))
    fields[at] = data.draw(strategies.values)
    try:
        received = unpack(encode([kind.__name__, *fields]), ANY)
    except RemoteProtocolError:
        assert fields != [*message.values()]
    else:
        assert encode(received.values()) == encode(fields)


@given(strategies.messages, st.data())
def test_a_flipped_byte_raises_the_peer_error_only(message: Record, data: st.DataObject) -> None:
    """A byte that is not what it was gives another message, or an error."""
    stream = bytearray(pack(message))
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        received = FrameReader(ANY).receive(bytes(stream))
    except RemoteProtocolError:
        return
    assert all(isinstance(found, Record) for found in received)


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_payload_is_refused(payload: bytes) -> None:
    """Each way to be wrong raises the same error, with a short look at the bytes."""
    with pytest.raises(RemoteProtocolError, match="malformed frame") as caught:
        unpack(payload, ANY)

    assert len(str(caught.value)) < 300


def test_a_right_payload_is_taken() -> None:
    """What the malformed ones differ from."""
    assert unpack(RELAY, ANY) == Relay(2)
    assert unpack(b"l2:s5:Relayi-2;", ANY) == Relay(-2)
    assert unpack(b"l1:s11:StopRequest", ANY) == StopRequest()


def test_a_long_frame_is_refused_by_its_header() -> None:
    """Before its bytes are collected."""
    with pytest.raises(RemoteProtocolError, match=f"longer than {MAX_PAYLOAD}"):
        FrameReader(ANY).receive(MAGIC + (MAX_PAYLOAD + 1).to_bytes(4, "big"))


def test_the_longest_frame_is_waited_for() -> None:
    """The limit itself is allowed."""
    assert FrameReader(ANY).receive(MAGIC + MAX_PAYLOAD.to_bytes(4, "big")) == []


@pytest.mark.parametrize("length", range(1, HEADER_LENGTH))
def test_a_peer_of_another_protocol_is_refused_as_soon_as_it_shows(length: int) -> None:
    """Part of a right header is waited for; a wrong one is not."""
    right = pack(StopRequest())[:length]
    assert FrameReader(ANY).receive(right) == []

    with pytest.raises(RemoteProtocolError, match=f"expected a frame of protocol {PROTOCOL}"):
        FrameReader(ANY).receive((b"PZ" + bytes([PROTOCOL + 1]) + b"\0\0\0\0")[: max(3, length)])


@pytest.mark.parametrize("value", [1.5, None, {1, 2}, object()])
def test_what_the_wire_does_not_carry_is_our_own_error(value: object) -> None:
    """The peer is not to blame for it."""
    with pytest.raises(LocalProtocolError, match=f"a message cannot carry {type(value).__name__}"):
        pack(Answer(value))  # type: ignore[arg-type]
