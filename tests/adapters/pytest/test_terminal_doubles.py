"""Stand-ins for a terminal keep what is written, and give way to the client's descriptors."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.terminal_doubles import TerminalDoubles, adopt_descriptors, describe
from pytest_zygote.adapters.system.processes import fork_among_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.sessions.eligibility import Kind

pytestmark = pytest.mark.integration

PIPES: tuple[Kind, ...] = (("null", 0, 0, 0), ("pipe", 0, 0, 1), ("pipe", 0, 0, 2))
TERMINAL: tuple[Kind, ...] = (("tty", 24, 80, 0), ("tty", 24, 80, 0), ("tty", 24, 80, 0))
FILES: tuple[Kind, ...] = (("null", 0, 0, 0), ("file", 0, 0, 1), ("file", 0, 0, 1))


@pytest.fixture
def clients() -> Iterator[list[int]]:
    """Give three files in a client's place."""
    files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 - closed below
    yield [file.fileno() for file in files]
    for file in files:
        file.close()


def close(descriptors: list[int]) -> None:
    """Close all."""
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize("kinds", [PIPES, TERMINAL, FILES])
def test_they_are_what_they_stand_for(kinds: tuple[Kind, ...]) -> None:
    """The description of a stand-in is the description that it was made for."""
    recorders = TerminalDoubles(kinds, fork_among_threads)
    assert describe(recorders.descriptors, ()) == kinds
    recorders.finish()
    close(recorders.descriptors)


@pytest.mark.parametrize("kinds", [PIPES, TERMINAL, FILES])
@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_what_was_written_is_written_again(kinds: tuple[Kind, ...], size: int, clients: list[int]) -> None:
    """More than the buffers hold, and to the byte: a terminal's line ends are the client's affair."""
    recorders = TerminalDoubles(kinds, fork_among_threads)
    text = (b"line\n" * size)[:size]
    for number in (1, 2):
        rest = text
        while rest:
            rest = rest[os.write(recorders.descriptors[number], rest) :]
    recorders.finish()
    recorders.play(clients)
    written = [os.pread(descriptor, 2 * size + 1, 0) for descriptor in clients]
    is_one = kinds[1][-1] == kinds[2][-1]
    assert written == [b"", text + text if is_one else text, b"" if is_one else text]
    close(recorders.descriptors)


@pytest.mark.parametrize("kinds", [PIPES, TERMINAL, FILES])
def test_the_clients_take_their_place(kinds: tuple[Kind, ...], clients: list[int]) -> None:
    """Also where somebody has made a copy; what is something else stays."""
    recorders = TerminalDoubles(kinds, fork_among_threads)
    copies = [os.dup(descriptor) for descriptor in recorders.descriptors]
    recorders.finish()
    adopt_descriptors(recorders.places(), clients)
    for number in (1, 2):
        os.write(copies[number], b"%d" % number)
    is_one = kinds is FILES  # nobody can tell the copies apart, and need not
    expected = [b"", b"12", b""] if is_one else [b"", b"1", b"2"]
    assert [os.pread(descriptor, 9, 0) for descriptor in clients] == expected
    assert not recorders.places()
    close(recorders.descriptors + copies)


def test_nothing_is_left(clients: list[int]) -> None:
    """No process, no thread, no descriptor."""
    before = _entries("/proc/self/fd"), _entries("/proc/self/task")
    recorders = TerminalDoubles(TERMINAL, fork_among_threads)
    recorders.finish()
    adopt_descriptors(recorders.places(), clients)
    close(recorders.descriptors)
    descriptors, threads = before
    assert _entries("/proc/self/fd") == descriptors
    assert _entries("/proc/self/task") <= threads  # that of faulthandler, for the last test, may have ended meanwhile
    with pytest.raises(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def _entries(folder: str) -> set[str]:
    return {entry.name for entry in Path(folder).iterdir()}


def test_each_kind_of_stream_is_described() -> None:
    """Terminals with their size, pipes, files, nothing, and the rest."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 7, 33, 0, 0))
    null, zero = os.open(os.devnull, os.O_RDWR), os.open("/dev/zero", os.O_RDONLY)
    described = describe([null, slave, slave], ())
    assert described == (("null", 0, 0, 0), ("tty", 7, 33, 1), ("tty", 7, 33, 1))
    assert describe([null, null, zero], (1,)) == (("null", 0, 0, 0), ("closed", 0, 0, 1), ("other", 0, 0, 2))
    close([master, slave, null, zero])
