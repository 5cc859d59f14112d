"""Messages as JSON in frames."""

from __future__ import annotations

from io import BytesIO

import pytest

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.hosts import frames


def test_messages_and_bytes_follow_each_other() -> None:
    """Each as it was sent; then nobody is there."""
    stream = BytesIO()
    frames.send(stream, {"kind": "batch", "tests": [["a", 0]]})
    frames.send_bytes(stream, b"\0\1")
    stream.seek(0)
    assert frames.receive(stream) == {"kind": "batch", "tests": [["a", 0]]}
    assert frames.receive_bytes(stream) == b"\0\1"
    assert frames.receive(stream) is None


@pytest.mark.parametrize("data", [b"{", b"[1]"])
def test_what_is_no_message(data: bytes) -> None:
    """What else may come from a shell that starts."""
    stream = BytesIO()
    frames.send_bytes(stream, data)
    stream.seek(0)
    with pytest.raises(RemoteProtocolError, match="not a message"):
        frames.receive(stream)


def test_what_is_no_frame() -> None:
    """Its length would be a gigabyte."""
    with pytest.raises(RemoteProtocolError, match="a frame of"):
        frames.receive(BytesIO(b"Last login: yesterday"))


def test_values_of_other_kinds_count_as_missing() -> None:
    """A message is of another process."""
    message: frames.Message = {"texts": 3, "number": "x", "rows": [[1], 2], "mapping": []}
    assert frames.texts(message, "texts") == []
    assert frames.number(message, "number") == 0
    assert frames.rows(message, "rows") == [[1]]
    assert frames.mapping(message, "mapping") == {}
