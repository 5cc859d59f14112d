"""Who says what while workers run: lines that begin with a worker's name, and tests that take long.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    import pytest

LONG_S = 5.0
"""A test that runs this long is named, and again each time that it has run twice as long."""


class Prefixed:
    """A text stream in whose place whole lines are written, in one piece, with a prefix.

    Attributes:
        is_paused: whether all is written as it comes.
    """

    def __init__(self, stream: TextIO, prefix: str) -> None:
        """Write to this stream."""
        self._stream = stream
        self._prefix = prefix
        self._begun = ""
        self.is_paused = False

    def write(self, text: str) -> int:
        """Write the lines that are complete."""
        if self.is_paused:
            return self._stream.write(text)
        *lines, self._begun = (self._begun + text).split("\n")
        if lines:
            self._stream.write("".join(f"{self._prefix}{line}".rstrip() + "\n" for line in lines))
            self._stream.flush()
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        self.write("".join(lines))

    def finish(self) -> None:
        """Write the line that has no end."""
        if self._begun:
            self.write("\n")

    def __getattr__(self, name: str) -> object:
        """Be the stream in all else."""
        return getattr(self._stream, name)


class WorkerOutput:
    """What a worker writes to the terminal itself: prints under ``-s``, and live logs."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        """Begin lines with the name of a worker."""
        self._prefix = f"[{name}] "
        self._streams: list[Prefixed] = []
        writer = getattr(config.pluginmanager.getplugin("terminalreporter"), "_tw", None)
        if writer is not None:
            writer._file = self._prefixed(writer._file)
        if config.option.capture == "no":
            sys.stdout, sys.stderr = self._prefixed(sys.stdout), self._prefixed(sys.stderr)

    def _prefixed(self, stream: TextIO) -> Prefixed:
        self._streams.append(Prefixed(stream, self._prefix))
        return self._streams[-1]

    def pause(self, *, on: bool) -> None:
        """Write as if this was the only process, or no longer: also for a debugger that has the streams already."""
        self.finish()
        for stream in self._streams:
            stream.is_paused = on

    def finish(self) -> None:
        """Write lines without an end: the test is over."""
        for stream in self._streams:
            stream.finish()


class BufferedStream:
    """A text stream that is written to when the run process has handled all that there is.

    Each write wakes the terminal, or who else reads, and with thousands of tests in a second that
    takes a processor from the workers.

    Attributes:
        stream: what is written to in the end.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self.stream = stream
        self._texts: list[str] = []

    def write(self, text: str) -> int:
        """Write it later.

        Raises:
            UnicodeEncodeError: the stream cannot write it; pytest then writes something else.
        """
        if not text.isascii():
            text.encode(self.stream.encoding or "utf-8", self.stream.errors or "strict")
        self._texts.append(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Wait with it."""

    def show(self) -> None:
        """Write all now."""
        if self._texts:
            text = "".join(self._texts)
            self._texts.clear()
            self.stream.write(text)
            self.stream.flush()

    def __getattr__(self, name: str) -> object:
        """Be the stream in all else."""
        return getattr(self.stream, name)


class FlushingStream:
    """The same stream for all others: what they write, or wait for, comes after what was written before it."""

    def __init__(self, patient: BufferedStream) -> None:
        """Write after this one."""
        self.patient = patient

    def __getattr__(self, name: str) -> object:
        """Be the stream, once it is up to date."""
        self.patient.show()
        return getattr(self.patient.stream, name)


class Screen:
    """What the run process writes to the terminal while workers run."""

    def __init__(self, config: pytest.Config) -> None:
        """Write as ever."""
        self._writer = getattr(config.pluginmanager.getplugin("terminalreporter"), "_tw", None)
        self._patient: BufferedStream | None = None

    def hold(self) -> None:
        """Write only when told to."""
        if self._writer is not None:
            self._patient = BufferedStream(self._writer._file)
            self._writer._file = self._patient
            if sys.stdout is self._patient.stream:
                sys.stdout = FlushingStream(self._patient)

    def show(self) -> None:
        """Write what there is."""
        if self._patient is not None:
            self._patient.show()

    def release(self) -> None:
        """Write as ever."""
        patient, self._patient = self._patient, None
        if self._writer is None or patient is None:
            return
        self._writer._file = patient.stream
        if isinstance(sys.stdout, FlushingStream):
            sys.stdout = patient.stream
        patient.show()


class SlowTests:
    """Says which tests take long."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Say it here."""
        self._say = say
        self._running: dict[str, tuple[str, float, float]] = {}

    def begin(self, worker: str, test: str, now: float) -> None:
        """Note what a worker runs."""
        self._running[worker] = (test, now, LONG_S)

    def end(self, worker: str) -> None:
        """Note that a worker runs nothing."""
        self._running.pop(worker, None)

    def due_s(self, now: float) -> float | None:
        """Return when to look again; None if nothing runs."""
        waits = [begun + limit - now for _, begun, limit in self._running.values()]
        return max(min(waits), 0.0) if waits else None

    def look(self, now: float) -> None:
        """Say what has been running for long."""
        for worker, (test, begun, limit) in tuple(self._running.items()):
            if now >= begun + limit:
                self._say(f"[{worker}] has been running {test} for {limit:.0f} s")
                self._running[worker] = (test, begun, 2 * limit)
