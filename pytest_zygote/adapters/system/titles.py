"""The names that ps, top and psutil show for our processes.

A title is text for people: a path that is not UTF-8 (`os.fsdecode` makes surrogates of it) must not
end a process because it cannot be shown.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from setproctitle import setproctitle, setthreadtitle

from pytest_zygote.adapters.system import procfs

if TYPE_CHECKING:
    from collections.abc import Sequence


def set_title(title: str) -> None:
    """Show this as the command line of this process; what cannot be shown as question marks."""
    setproctitle(_shown(title))


def set_command_line(arguments: Sequence[str]) -> None:
    """Show these as the arguments of this process, each for itself, as `execve` leaves them.

    Where there is no room for them, or the system has no such memory file, they are shown as one text.
    """
    set_title(" ".join(arguments))
    data = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
    with contextlib.suppress(OSError, ValueError):
        start, end = procfs.arguments()
        if len(data) <= end - start:
            procfs.write_memory(start, data.ljust(end - start, b"\0"))


def set_thread_title(title: str) -> None:
    """Show this as the name that the kernel has for this process."""
    setthreadtitle(_shown(title))


def _shown(title: str) -> str:
    return title.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")
