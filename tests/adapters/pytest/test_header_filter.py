"""A run that starts over below its header prints the header once."""

from __future__ import annotations

import io

from _pytest._io import TerminalWriter

from pytest_zygote.adapters.pytest.header_filter import HeaderFilter


def test_what_was_seen_is_left_out() -> None:
    """However it is cut into pieces; what follows is printed at once."""
    file = io.StringIO()
    writer = TerminalWriter(file)
    header = HeaderFilter(writer, "one\ntwo\n")

    writer.write("one\nt")
    writer.write("wo\nthree\n")
    writer.write("four\n")

    assert file.getvalue() == "three\nfour\n"
    assert header.end() == "one\ntwo\nthree\nfour\n"


def test_what_was_seen_and_did_not_come_again_counts() -> None:
    """This process ends before it has come as far as the one before it: the next must not print it twice."""
    writer = TerminalWriter(io.StringIO())
    header = HeaderFilter(writer, "one\ntwo\n")

    writer.write("one\n")

    assert header.end() == "one\ntwo\n"


def test_it_is_the_file_in_all_else() -> None:
    """A plugin may ask the stream for more than to write."""
    file = io.StringIO()
    header = HeaderFilter(TerminalWriter(file), "")

    assert header.seekable() is file.seekable()  # type: ignore[operator]


def test_the_writer_has_its_file_back() -> None:
    """Unless a plugin has put another stream in place of the filter, which stays."""
    first, second = TerminalWriter(file := io.StringIO()), TerminalWriter(io.StringIO())
    filters = [HeaderFilter(writer, "") for writer in (first, second)]
    other = io.StringIO()
    second._file = other  # noqa: SLF001 - as some plugins do

    for header in filters:
        header.lift()

    assert first._file is file  # noqa: SLF001 - to see what lifting does
    assert second._file is other  # noqa: SLF001 - as above
