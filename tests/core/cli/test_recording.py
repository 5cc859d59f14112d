"""A recording survives the file that it travels in."""

from __future__ import annotations

from hypothesis import given

from pytest_zygote.core.cli.recording import Recording, decode, encode
from tests.core.cli.recordings import RECORDINGS


@given(recording=RECORDINGS)
def test_a_recording_survives_the_file(recording: Recording) -> None:
    """JSON loses nothing, and stays ASCII whatever the messages hold."""
    text = encode(recording)

    assert text.isascii()
    assert decode(text) == recording
