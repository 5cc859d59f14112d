"""The terminal while workers run: lines that begin with a worker's name, and few writes by the run process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.pytest.private.terminal import redirect, stream_of, writer_of

if TYPE_CHECKING:
    from typing import TextIO

    import pytest


class Prefixed:
    """A text stream that writes whole lines only, each in one piece and with a prefix.

    Attributes:
        is_paused: whether everything is written as it comes.
    """

    def __init__(self, stream: TextIO, prefix: str) -> None:
        """Write to this stream."""
        self._stream = stream
        self._prefix = prefix
        self._begun: list[str] = []  # pieces: a test may print a million dots into one line
        self.is_paused = False

    def write(self, text: str) -> int:
        """Write the lines that are complete."""
        if self.is_paused:
            return self._stream.write(text)
        *lines, rest = text.split("\n")
        if lines:
            lines[0] = "".join((*self._begun, lines[0]))
            self._begun.clear()
            self._stream.write("".join(f"{self._prefix}{line}".rstrip() + "\n" for line in lines))
            self._stream.flush()
        if rest:
            self._begun.append(rest)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        self.write("".join(lines))

    def finish(self) -> None:
        """Write the incomplete line."""
        if self._begun:
            self.write("\n")

    def __getattr__(self, name: str) -> object:
        """Return any other attribute of the stream."""
        return getattr(self._stream, name)


class WorkerOutput:
    """What a worker writes to the terminal itself: prints under ``-s``, and live logs."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        """Prefix lines with the name of a worker."""
        self._prefix = f"[{name}] "
        self._streams: list[Prefixed] = []
        writer = writer_of(config)
        if writer is not None:
            redirect(writer, self._prefixed(stream_of(writer)))
        if config.option.capture == "no":
            sys.stdout, sys.stderr = self._prefixed(sys.stdout), self._prefixed(sys.stderr)

    def _prefixed(self, stream: TextIO) -> Prefixed:
        self._streams.append(Prefixed(stream, self._prefix))
        return self._streams[-1]

    def pause(self, *, on: bool) -> None:
        """Write without prefixes while a debugger is active, which may hold the streams already."""
        self.finish()
        for stream in self._streams:
            stream.is_paused = on

    def finish(self) -> None:
        """Write incomplete lines: the test is over."""
        for stream in self._streams:
            stream.finish()


class BufferedStream:
    """A text stream that buffers its output until the run process has handled all messages.

    Each write wakes the terminal, or the program that reads the output; with thousands of tests a
    second that costs the workers a processor.

    Attributes:
        stream: what is written to by `show`.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self.stream = stream
        self._texts: list[str] = []

    def write(self, text: str) -> int:
        """Buffer a text for `show`.

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
        """Do nothing: `show` flushes."""

    def show(self) -> None:
        """Write what is buffered."""
        if self._texts:
            text = "".join(self._texts)
            self._texts.clear()
            self.stream.write(text)
            self.stream.flush()

    def __getattr__(self, name: str) -> object:
        """Return any other attribute of the stream."""
        return getattr(self.stream, name)


class FlushingStream:
    """The same stream for all others, whose output comes after what is buffered."""

    def __init__(self, buffered: BufferedStream) -> None:
        """Write after this one."""
        self.buffered = buffered

    def __getattr__(self, name: str) -> object:
        """Return any attribute of the stream, after writing what is buffered."""
        self.buffered.show()
        return getattr(self.buffered.stream, name)


class Screen:
    """What the run process writes to the terminal while workers run."""

    def __init__(self, config: pytest.Config) -> None:
        """Change nothing yet."""
        self._writer = writer_of(config)
        self._buffered: BufferedStream | None = None

    def hold(self) -> None:
        """Write only when `show` is called."""
        if self._writer is not None:
            self._buffered = BufferedStream(stream_of(self._writer))
            redirect(self._writer, self._buffered)
            if sys.stdout is self._buffered.stream:
                sys.stdout = FlushingStream(self._buffered)

    def show(self) -> None:
        """Write what is buffered."""
        if self._buffered is not None:
            self._buffered.show()

    def release(self) -> None:
        """Write everything at once again."""
        buffered, self._buffered = self._buffered, None
        if self._writer is None or buffered is None:
            return
        redirect(self._writer, buffered.stream)
        if isinstance(sys.stdout, FlushingStream):
            sys.stdout = buffered.stream
        buffered.show()
