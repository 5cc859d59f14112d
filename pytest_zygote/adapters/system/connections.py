"""The connections of this process: two processes that share one would talk on it at once."""

from __future__ import annotations

import os
import socket
import stat

from pytest_zygote.adapters.system import procfs


def connections() -> dict[tuple[int, int], str]:
    """Return the connected sockets of this process: descriptor and inode → the other end."""
    found = {}
    for descriptor in procfs.open_descriptors() if os.path.isdir(procfs.SELF_FD) else ():
        try:
            status = os.fstat(descriptor)
            peer = _peer(descriptor) if stat.S_ISSOCK(status.st_mode) else ""
        except OSError:
            continue
        if peer:
            found[descriptor, status.st_ino] = peer
    return found


def _peer(descriptor: int) -> str:
    """Return the other end of a connection; '' for a pair within this process, and for what is not connected."""
    end = socket.socket(fileno=os.dup(descriptor))
    try:
        peer = end.getpeername()
    except OSError:
        return ""
    finally:
        end.close()
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else str(peer or "")
