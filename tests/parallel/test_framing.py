"""Frames on the socket of a worker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.parallel.framing import Frame, FrameReader


@given(
    st.lists(st.builds(Frame, st.integers(0, 2**64 - 1), st.binary(max_size=30)), max_size=5),
    st.lists(st.integers(1, 40)),
)
def test_frames_arrive_however_their_bytes_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    """Also those without a payload, which only wake the receiver."""
    data = b"".join(frame.to_bytes() for frame in frames)
    reader = FrameReader()
    received: list[Frame] = []
    for size in cuts:
        received += reader.receive(data[:size])
        data = data[size:]
    assert [*received, *reader.receive(data)] == frames
