"""The ring buffer that a worker writes and the run process reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.parallel.ring_buffer import HEADER, RingBuffer


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(None)), max_size=40))
def test_what_is_written_is_read(steps: list[bytes | None]) -> None:
    """In the same pieces and order, however often the ring has come to its end; None stands for a reading."""
    ring = RingBuffer(capacity=64)
    written: list[bytes] = []
    read: list[bytes] = []
    for step in [*steps, None]:
        if step is None:
            read += [bytes(piece) for _, piece in ring.read(ring.written)]
            assert not ring.has_news
        elif ring.write(step):
            written.append(step)
        else:
            held = sum(HEADER.size + len(piece) for piece in written[len(read) :])
            assert held + HEADER.size + len(step) > 64
    assert read == written
    ring.close()


def test_a_piece_whose_bytes_are_not_there_yet_is_read_later() -> None:
    """Another processor may see the counter before the bytes."""
    ring = RingBuffer()
    for piece in (b"first", b"second"):
        ring.write(piece)
    position = HEADER.size + len(b"first") + HEADER.size
    saved, ring.ring[position : position + 3] = bytes(ring.ring[position : position + 3]), b"\0\0\0"
    assert [bytes(piece) for _, piece in ring.read(ring.written)] == [b"first"]
    assert ring.has_news
    ring.ring[position : position + 3] = saved
    assert [bytes(piece) for _, piece in ring.read(ring.written)] == [b"second"]
    ring.close()
