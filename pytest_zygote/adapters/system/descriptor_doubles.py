"""Stand-ins for descriptors above 2 that a client passes on, while a session is collected for it.

The client's own must not stay open in a session: who waits for the end of a pipe would wait for ever. What collection
opens meanwhile gets the numbers that it gets in plain pytest. Whoever reads, writes or moves a stand-in leaves a trace
in it, whatever function does so; who only asks what it is leaves none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTENT = b"\n"
"""There is something to read: at its end a file would not tell that it was read."""


class DescriptorDoubles:
    """Descriptors above 2 with the numbers of a client's, until that comes.

    Attributes:
        in_use: a number that is open here already, so that no session can be collected; None if all could be had.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        """Open them, each a file of its own."""
        self._numbers = numbers
        self.in_use = next((number for number in numbers if os.path.exists(f"/dev/fd/{number}")), None)
        self._before = {} if self.in_use is not None else {number: _open(number) for number in numbers}

    def used(self) -> int | None:
        """Return the number of one that was read, written, moved, changed or closed since; None if none was."""
        return next((number for number, before in self._before.items() if _state(number) != before), None)

    def replace(self, received: Sequence[int]) -> None:
        """Put the client's own in their places, for programs that the run starts too; close what was received."""
        for number, descriptor in zip(self._numbers, received, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _open(number: int) -> tuple[int, ...]:
    descriptor = os.memfd_create("passed-on")
    os.write(descriptor, CONTENT)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.utime(descriptor, (0, 0))  # else reading it within the same tick of the clock would not show
    os.dup2(descriptor, number)
    if descriptor != number:
        os.close(descriptor)
    os.set_inheritable(number, True)  # noqa: FBT003 - the function has no keyword
    return _state(number)


def _state(number: int) -> tuple[int, ...]:
    try:
        status = os.fstat(number)
        position = os.lseek(number, 0, os.SEEK_CUR)
    except OSError:  # closed, or replaced by a pipe
        return ()
    times = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_dev, status.st_ino, status.st_size, position, *times)
