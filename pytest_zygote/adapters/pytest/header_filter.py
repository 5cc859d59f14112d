"""The start of what a session prints is printed once, however often its run starts over.

That a layer is not exact for a run may come to light when it collects, below the header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.pytest.private import terminal
from pytest_zygote.core.sessions.header import continuation

if TYPE_CHECKING:
    from pytest_zygote.adapters.pytest.private.terminal import TerminalWriter


class HeaderFilter:
    """The stream of pytest's terminal reporter until collection is over: it leaves out what the user has seen."""

    def __init__(self, writer: TerminalWriter, seen: str) -> None:
        """Stand between a reporter's writer and its file; leave out what an earlier process of this run has written."""
        self._writer = writer
        self._file = terminal.stream_of(writer)
        terminal.redirect(writer, self)
        self._seen = seen
        self._written: list[str] = []  # pieces: a collection may list a million tests

    def write(self, text: str) -> int:
        """Write what has not been seen."""
        self._written.append(text)
        rest = continuation(self._seen, "".join(self._written)) if self._seen else text
        if rest is not None:
            self._seen = ""
            self._file.write(rest)
        return len(text)

    def __getattr__(self, name: str) -> object:
        """Be the file in all else."""
        return getattr(self._file, name)

    def end(self) -> str:
        """Return what the user has seen of it: all, when this process ends here."""
        self._file.flush()
        return max(self._seen, "".join(self._written), key=len)

    def lift(self) -> None:
        """Let the writer write to its file, unless another has taken its place."""
        current: object = terminal.stream_of(self._writer)
        if current is self:
            terminal.redirect(self._writer, self._file)
