"""Starts a daemon in the background, holding nothing of the process that asked for it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import rendezvous, sockets
from pytest_zygote.adapters.system.signals import leave
from pytest_zygote.core.layers.layer_inputs import at_start
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from typing import NoReturn

    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.cli.daemon_options import DaemonOptions
    from pytest_zygote.core.protocol.client_messages import FromClient, ToClient


BOOTSTRAP = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); from pytest_zygote.daemon.__main__ import main; main()"
)
"""Not ``-m``: that would put the project's folder first, and its ``platform.py`` before Python's own."""

START_S = 10.0
"""How long to wait for a daemon that another command starts: that may have been stopped (Ctrl-Z)."""

LOOK_AGAIN_S = 0.02
"""How often to look whether it is there."""


class DaemonLauncher(Record):
    """How to start the daemon of a project.

    Attributes:
        place: where clients find it.
        cache: pytest's cache folder, where it keeps what it learned.
        options: what it must know of options.
        pinned: flags of those that hold whatever environment and ini-files of later runs say.
        forces_sessions: whether each run waits for a collected session: for tests of this package.
    """

    place: Rendezvous
    cache: str
    options: DaemonOptions
    pinned: tuple[str, ...] = ()
    forces_sessions: bool = False

    def command(self, ready: int) -> list[str]:
        """Return the command line of the daemon; it writes a byte to `ready` when it listens."""
        options = {"root": self.place.root, "name": self.place.name, "cache": self.cache}
        flat = [f"--{key}={value}" for key, value in options.items()]
        flat += [f"--option={argument}" for argument in self.options.arguments()]
        flat += [f"--pin={flag}" for flag in self.pinned]
        flat += ["--force-sessions"] if self.forces_sessions else []
        return [
            sys.executable,
            "-c",
            BOOTSTRAP,
            *flat,
            f"--ready={ready}",
        ]

    def become_daemon(self, ready: int) -> NoReturn:
        """Turn this process into the daemon, with its log on our stderr.

        A debugger does not survive that, but it follows the processes that this one starts: it gets one.
        """
        if "pydevd" in sys.modules:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon
            leave(subprocess.run(self.command(ready), pass_fds=[ready], check=False).returncode)
        os.set_inheritable(ready, True)  # noqa: FBT003 - the standard library's signature
        command = self.command(ready)
        os.execv(command[0], command)  # noqa: S606 - our own interpreter


def connect_or_start(launch: DaemonLauncher, *, may_start: bool) -> tuple[Channel[ToClient, FromClient], bool]:
    """Return a connection to the project's daemon, and whether it was started for it.

    Raises:
        Unavailable: there is none and it may not, or cannot, be started; the text says why.
    """
    place = launch.place
    place.ensure_folder()
    channel = sockets.connect_to_daemon(place.socket)
    if channel is not None:
        return channel, False
    if not may_start:
        raise Unavailable(Reason("no-daemon", "no daemon is running for this project (pytest --daemon starts one)"))
    lock = _lock_start(place)
    try:
        channel = sockets.connect_to_daemon(place.socket)
        if channel is not None:
            return channel, False
        if lock >= 0:
            _start(launch)
            channel = sockets.connect_to_daemon(place.socket)
    finally:
        if lock >= 0:
            os.close(lock)
    if channel is None:
        raise Unavailable(Reason("daemon-start-failed", f"the daemon did not start (its log: {place.log})"))
    return channel, True


def _lock_start(place: Rendezvous) -> int:
    """Return the lock that is held while a daemon is started, or -1 once a daemon listens that another has started.

    Raises:
        Unavailable: another command has the lock for too long: it is stopped, perhaps.
    """
    deadline = time.monotonic() + START_S
    while (lock := rendezvous.acquire_lock(place.start_lock, wait=False)) < 0 and not _listens(place):
        if time.monotonic() > deadline:
            text = f"another command began to start the daemon, and has not done so within {START_S:.0f} s"
            raise Unavailable(Reason("daemon-start-failed", text))
        select.select([], [], [], LOOK_AGAIN_S)
    return lock


def _listens(place: Rendezvous) -> bool:
    """Return whether there is a daemon: one that has died may have left its socket."""
    channel = sockets.connect_to_daemon(place.socket)
    if channel is not None:
        channel.close()
    return channel is not None


def _start(launch: DaemonLauncher) -> None:
    """Start a daemon and return when it listens, or has failed.

    It gets no descriptor of ours: a caller that reads our output through a pipe must see the
    end of it when we end, not when the daemon does.
    """
    ready, theirs = os.pipe()
    with open(launch.place.log, "ab") as log:
        # The shell in between leaves at once, so the daemon is nobody's child and leaves no zombie.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *launch.command(theirs)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs],
            start_new_session=True,
            env=at_start(os.environ, is_utf8=bool(sys.flags.utf8_mode)),
            cwd=launch.place.root,
            check=False,
        )
    os.close(theirs)
    os.read(ready, 1)
    os.close(ready)
