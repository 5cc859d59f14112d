"""The terminal while workers run."""

from __future__ import annotations

import io
from typing import TextIO, cast

import pytest

from pytest_zygote.parallel.terminal import BufferedStream, FlushingStream, Prefixed


def test_whole_lines_are_written_in_one_piece() -> None:
    """With the prefix, however they come; what has no end is written when it is over."""
    stream = io.StringIO()
    prefixed = Prefixed(stream, "[gw0] ")
    prefixed.write("a")
    prefixed.write("b\nc\n\nd")
    assert stream.getvalue() == "[gw0] ab\n[gw0] c\n[gw0]\n"
    prefixed.finish()
    prefixed.finish()
    assert stream.getvalue().endswith("[gw0]\n[gw0] d\n")


def test_what_the_run_process_writes_waits_for_more() -> None:
    """But not if something else writes to the same stream; what cannot be written raises at once."""
    written = io.BytesIO()
    buffered = BufferedStream(io.TextIOWrapper(written, encoding="ascii", write_through=True))
    urgent = cast("TextIO", FlushingStream(buffered))
    buffered.write("a")
    buffered.writelines(["b", "c"])
    buffered.flush()
    assert written.getvalue() == b""
    urgent.write("d")
    assert written.getvalue() == b"abcd"
    buffered.write("e")
    urgent.flush()
    assert written.getvalue() == b"abcde"
    with pytest.raises(UnicodeEncodeError):
        buffered.write("é")
