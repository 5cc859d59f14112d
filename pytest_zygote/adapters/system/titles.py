"""The names that ps, top and psutil show for our processes.

A title is text for people: a path that is not UTF-8 (`os.fsdecode` makes surrogates of it) must not
end a process because it cannot be shown.
"""

from __future__ import annotations

from setproctitle import setproctitle, setthreadtitle


def set_title(title: str) -> None:
    """Show this as the command line of this process; what cannot be shown as question marks."""
    setproctitle(_shown(title))


def set_thread_title(title: str) -> None:
    """Show this as the name that the kernel has for this process."""
    setthreadtitle(_shown(title))


def _shown(title: str) -> str:
    return title.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")
