"""Starts a daemon in the background, holding nothing of the process that asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters import rendezvous, sockets
from pytest_zygote.core.errors import Unavailable

if TYPE_CHECKING:
    from pytest_zygote.adapters.rendezvous import Rendezvous
    from pytest_zygote.adapters.sockets import Channel


def connect_or_start(place: Rendezvous, cache: str) -> tuple[Channel, bool]:
    """Return a connection to the project's daemon, and whether it was started for it.

    Raises:
        Unavailable: it cannot be started; the text says why.
    """
    place.ensure_folder()
    channel = sockets.connect(place.socket)
    if channel is not None:
        return channel, False
    # Whoever comes second waits here until the first has a daemon that listens.
    lock = rendezvous.take_lock(place.start_lock, wait=True)
    try:
        channel = sockets.connect(place.socket)
        if channel is not None:
            return channel, False
        start(place, cache)
        channel = sockets.connect(place.socket)
    finally:
        os.close(lock)
    if channel is None:
        message = f"the daemon did not start (its log: {place.log})"
        raise Unavailable(message)
    return channel, True


def start(place: Rendezvous, cache: str) -> None:
    """Start a daemon and return when it listens, or has failed.

    It gets no descriptor of ours: a caller that reads our output through a pipe must see the
    end of it when we end, not when the daemon does.
    """
    ready, theirs = os.pipe()
    with open(place.log, "ab") as log, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - no pathlib on a client's way
        # The shell in between leaves at once, so the daemon is nobody's child and leaves no zombie.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *_command(place, cache, theirs)],
            stdin=nothing,
            stdout=log,
            stderr=log,
            pass_fds=[theirs],
            start_new_session=True,
            cwd=place.root,
            check=False,
        )
    os.close(theirs)
    os.read(ready, 1)
    os.close(ready)


def _command(place: Rendezvous, cache: str, ready: int) -> list[str]:
    options = ["--root", place.root, "--name", place.name, "--cache", cache, "--ready", str(ready)]
    return [sys.executable, "-m", "pytest_zygote.daemon", *options]
