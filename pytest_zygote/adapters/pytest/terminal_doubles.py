"""Stand-ins for a client's terminal, while a session is collected for a client that has not come yet.

What pytest prints, and how wide and coloured, depends on what descriptors 0, 1 and 2 are. A session
that is collected ahead gets descriptors of the same kinds: a pseudo-terminal of the same size, a
pipe, a file. What is written there is kept, and written out again by each run that is forked from
the session, after the client's own descriptors have taken their place.

A pseudo-terminal's buffer has 4 KiB and a pipe's 64, so a process empties them; it has ended before the first run is
forked. A thread would leave a trace in all runs: the C library handles one more signal once it has had one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
import struct
import termios
import tty
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.adapters.system import procfs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_zygote.core.sessions.eligibility import Kind

TTY, PIPE, FILE, NULL, CLOSED, OTHER = "tty", "pipe", "file", "null", "closed", "other"

_STDIN, _STDOUT, _STDERR = range(3)
_CHUNK = 65536
_OUT_OF_THE_WAY = 200
_MODES = {_STDIN: os.O_RDONLY, _STDOUT: os.O_WRONLY, _STDERR: os.O_RDWR}
"""Three ways to open one pseudo-terminal, by which pytest's copies of the descriptors are told apart."""


def describe(descriptors: Sequence[int], closed: Collection[int]) -> tuple[Kind, ...]:
    """Return what each descriptor is: kind, lines, columns, and the first of them that is the same file."""
    known: dict[tuple[int, int], int] = {}
    kinds: list[Kind] = []
    for number, descriptor in enumerate(descriptors):
        if number in closed:
            kinds.append((CLOSED, 0, 0, number))
            continue
        status = os.fstat(descriptor)
        kinds.append((*_kind(descriptor, status), known.setdefault((status.st_dev, status.st_ino), number)))
    return tuple(kinds)


def _kind(descriptor: int, status: os.stat_result) -> tuple[str, int, int]:
    if os.isatty(descriptor):
        lines, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, b"\0" * 8))
        return TTY, lines, columns
    if stat.S_ISFIFO(status.st_mode):
        return PIPE, 0, 0
    if stat.S_ISREG(status.st_mode):
        return FILE, 0, 0
    is_null = stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev
    return (NULL if is_null else OTHER), 0, 0


class DescriptorSource(NamedTuple):
    """A descriptor of this process that must become one of the client's.

    Attributes:
        descriptor: its number.
        source: 0, 1 or 2.
        is_inheritable: whether processes that the run executes get it.
    """

    descriptor: int
    source: int
    is_inheritable: bool


def _move_away(descriptor: int) -> int:
    """Give a descriptor a high number: what collection opens gets the numbers that it gets in plain pytest."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY)
    os.close(descriptor)
    return moved


class _Recorder:
    """One file in the place of one of the client's; several descriptors may be the same file."""

    def __init__(self, kind: Kind) -> None:
        self.kind, lines, columns, _ = kind
        self.numbers: list[int] = []
        self.recorded = b""
        self.opening = b""
        self.reading = -1
        self._written = _move_away(os.memfd_create("zygote"))
        self._path = ""
        if self.kind == TTY:
            self.reading, self.writing = map(_move_away, os.openpty())
            tty.setraw(self.writing)  # the client's own terminal will make "\r\n" of "\n"
            fcntl.ioctl(self.writing, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            self._path = os.ttyname(self.writing)
        elif self.kind == PIPE:
            self.reading, self.writing = map(_move_away, os.pipe())
        else:
            self.writing = self._written
        status = os.fstat(self.writing)
        self.identity = (status.st_dev, status.st_ino)

    @property
    def is_drained(self) -> bool:
        return self.reading >= 0 and self.numbers != [_STDIN]

    def open(self, number: int) -> int:
        self.numbers.append(number)
        if self._path:
            return os.open(self._path, _MODES[number] | os.O_NOCTTY | os.O_CLOEXEC)
        # Code that reads from an empty pipe waits for ever: what a client would type is unknown.
        return os.dup(self.reading if number == _STDIN else self.writing)

    def keep(self, data: bytes) -> None:
        """Add what was read, in the process that reads; the file is shared."""
        os.write(self._written, data)

    def finish(self, mark: bytes) -> None:
        opening, found, rest = os.pread(self._written, os.fstat(self._written).st_size, 0).partition(mark)
        self.recorded = opening + rest
        self.opening = opening if found else self.recorded
        for descriptor in {self._written, self.writing, *([self.reading] if self.reading >= 0 else [])}:
            os.close(descriptor)

    def source_of(self, descriptor: int) -> int:
        """Return which of 0, 1 and 2 a descriptor of this file stands for."""
        if descriptor in self.numbers:
            return descriptor
        if self._path:
            mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
            return next(number for number in _MODES if _MODES[number] == mode)
        return self.output

    @property
    def output(self) -> int:
        """Where what was recorded must be written."""
        return next((number for number in self.numbers if number != _STDIN), _STDIN)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except OSError:  # EIO: a pseudo-terminal that nobody has open
        return b""


class TerminalDoubles:
    """Descriptors 0, 1 and 2 that are like those of a client."""

    def __init__(self, kinds: tuple[Kind, ...], fork: Callable[[Callable[[], int]], int]) -> None:
        """Open them, and keep what is written there from now on.

        Args:
            kinds: what they must be.
            fork: makes a process that calls a function, and returns its id.
        """
        self._recorders: dict[int, _Recorder] = {}
        self._mark, self._end = os.urandom(16), os.urandom(16)
        self.descriptors = [self._open(number, kind) for number, kind in enumerate(kinds)]
        self._drained = [recorder for recorder in self._recorders.values() if recorder.is_drained]
        self._pid = fork(self._drain) if self._drained else 0

    def _open(self, number: int, kind: Kind) -> int:
        if kind[0] in (NULL, CLOSED):
            return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        first = kind[-1]
        if first not in self._recorders:
            self._recorders[first] = _Recorder(kind)
        return self._recorders[first].open(number)

    def _drain(self) -> int:
        """Read until the end that `finish` marks, or until nobody is left who could write."""
        for descriptor in (*self.descriptors, *(recorder.writing for recorder in self._drained)):
            os.close(descriptor)
        waiting = {recorder.reading: recorder for recorder in self._drained}
        seen = dict.fromkeys(waiting, b"")
        while waiting:
            for descriptor in select.select(list(waiting), [], [])[0]:
                data = _read(descriptor)
                # The end of what was read waits, as it may be a part of the mark.
                seen[descriptor] += data
                if not data or seen[descriptor].endswith(self._end):
                    waiting.pop(descriptor).keep(seen[descriptor].removesuffix(self._end))
                else:
                    waiting[descriptor].keep(seen[descriptor][: -len(self._end)])
                    seen[descriptor] = seen[descriptor][-len(self._end) :]
        return 0

    def mark(self) -> None:
        """Note that what was written so far is the opening, which may be played without the rest."""
        for recorder in self._recorders.values():
            if recorder.numbers != [_STDIN]:
                os.write(recorder.writing, self._mark)

    def finish(self) -> None:
        """Keep nothing that is written from now on; have no process but this."""
        for recorder in self._drained:
            os.write(recorder.writing, self._end)
        if self._pid:
            os.waitpid(self._pid, 0)
        for recorder in self._recorders.values():
            recorder.finish(self._mark)

    def places(self) -> tuple[DescriptorSource, ...]:
        """Return the descriptors of this process that lead here, those that pytest has saved included."""
        known = {recorder.identity: recorder for recorder in self._recorders.values()}
        found = []
        for descriptor in procfs.open_descriptors():
            with contextlib.suppress(OSError):  # the folder's own
                status = os.fstat(descriptor)
                recorder = known.get((status.st_dev, status.st_ino))
                if recorder is not None:
                    is_inheritable = os.get_inheritable(descriptor)
                    found.append(DescriptorSource(descriptor, recorder.source_of(descriptor), is_inheritable))
        return tuple(found)

    def play(self, terminal: Sequence[int], *, is_whole: bool = True) -> None:
        """Write out what was recorded, or the opening of it, to the client's descriptors."""
        for recorder in self._recorders.values():
            rest = memoryview(recorder.recorded if is_whole else recorder.opening)
            while rest:
                rest = rest[os.write(terminal[recorder.output], rest) :]


def adopt_descriptors(places: Sequence[DescriptorSource], terminal: Sequence[int]) -> None:
    """Have the client's descriptors wherever a recorder was."""
    for descriptor, source, is_inheritable in places:
        os.dup2(terminal[source], descriptor, is_inheritable)
