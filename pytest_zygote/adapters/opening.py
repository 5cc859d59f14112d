"""The start of what a session prints is printed once, however often its run starts over.

That a layer is not exact for a run may come to light when it collects, below the header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.opening import continuation

if TYPE_CHECKING:
    from typing import TextIO


class Opening:
    """The stream of pytest's terminal reporter until collection is over: it leaves out what the user has seen."""

    def __init__(self, file: TextIO, seen: str) -> None:
        """Write to a file, and leave out what an earlier process of this run has written to it."""
        self.file = file
        self._seen = seen
        self._text = ""

    def write(self, text: str) -> int:
        """Write what has not been seen."""
        self._text += text
        rest = continuation(self._seen, self._text) if self._seen else text
        if rest is not None:
            self._seen = ""
            self.file.write(rest)
        return len(text)

    def __getattr__(self, name: str) -> object:
        """Be the file in all else."""
        return getattr(self.file, name)

    def end(self) -> str:
        """Return what the user has seen of it: all, when this process ends here."""
        self.file.flush()
        return max(self._seen, self._text, key=len)
