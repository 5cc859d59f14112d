"""Where clients find the daemon: the project's folder, the socket, and the lock that keeps a second daemon away."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest_zygote
from pytest_zygote.adapters.system import files

if TYPE_CHECKING:
    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.adapters.system.sockets import Listener


def _installation() -> dict[str, str]:
    """Return the files without which nobody could stop this daemon, nor use it."""
    return {
        "the interpreter": sys.executable,
        "its environment": os.path.join(sys.prefix, "pyvenv.cfg"),
        "the plugin": str(pytest_zygote.__file__),
    }


class Endpoint:
    """The daemon's place in the file system.

    Attributes:
        root: the project's folder.
        socket: path of the socket.
        listener: the socket.
    """

    def __init__(self, place: Rendezvous, listener: Listener, lock: int) -> None:
        """Own a listener and the descriptor of the lock, until `release`."""
        self.root = place.root
        self.socket = place.socket
        self.listener = listener
        self._lock = lock
        self._installed = {what: files.identity(path) for what, path in _installation().items()}

    def why_lost(self) -> str:
        """Return why no client can find this daemon any more; '' if they can."""
        if not os.path.isdir(self.root):
            return "the project is gone"
        for what, path in _installation().items():
            if files.identity(path) != self._installed[what]:
                return f"{what} is gone or another"
        return "" if self.listener.is_ours() else "the socket is gone"

    @property
    def is_released(self) -> bool:
        """Whether another daemon may have the place."""
        return self._lock < 0

    def release(self) -> None:
        """Make room for another daemon."""
        if not self.is_released:
            self.listener.close()
            os.close(self._lock)
            self._lock = -1
