"""What collection leaves open that workers, as forks, would use all at once.

A connection has one stream, and an event loop wakes whoever asks first: with several processes one gets what is meant
for another. So is a process that was started: only its parent can wait for it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os

from pytest_zygote.adapters.system import procfs

SOCKET, EVENT_LOOP = "socket:", "anon_inode:[eventpoll]"


class Leftovers:
    """Compares what is open before and after collection."""

    def __init__(self) -> None:
        """Note what is there now."""
        self._files = _shared_files()
        self._children = set(procfs.children(os.getpid()))

    def found(self) -> str:
        """Return what has come since, and is still there; '' for nothing."""
        return describe(
            [link for key, link in _shared_files().items() if key not in self._files],
            len(set(procfs.children(os.getpid())) - self._children),
        )


def describe(links: list[str], children: int) -> str:
    """Return what came with collection, for the user."""
    parts = []
    if any(link.startswith(SOCKET) for link in links):
        parts.append("a socket")
    if EVENT_LOOP in links:
        parts.append("an event loop")
    if children:
        parts.append("a process")
    return ", ".join(parts)


def _shared_files() -> dict[tuple[int, str], str]:
    files = procfs.open_files() if os.path.isdir(procfs.SELF_FD) else {}
    return {(number, link): link for number, link in files.items() if link.startswith(SOCKET) or link == EVENT_LOOP}
