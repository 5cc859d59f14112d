"""What a warm client reaches too: nothing here imports more than the interpreter has imported at its start.

The C modules behind `signal`, `socket` and `hashlib` are used for their speed alone: `signal` builds enums (4 ms), and
`hashlib` loads OpenSSL. Where one is missing, the public module takes its place.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Mapping
    from hashlib import blake2b
else:
    try:
        import _signal as signal
    except ImportError:
        import signal
    try:
        import _socket as socket
    except ImportError:
        import socket

__all__ = ["accept", "frame_above", "new_blake2b", "signal", "socket", "x_options"]

frame_above = sys._getframe
"""Return a frame of the stack; documented in spite of its name."""


def x_options() -> Mapping[str, str | bool]:
    """Return the options that Python was started with by ``-X``; documented in spite of their name."""
    return sys._xoptions


def accept(listener: socket.socket) -> int:
    """Return the descriptor of the next connection of a listening socket.

    Raises:
        OSError: there is none.
    """
    if hasattr(listener, "_accept"):
        return int(listener._accept()[0])
    import socket as public

    with public.socket(fileno=os.dup(listener.fileno())) as whole:
        return whole.accept()[0].detach()


def new_blake2b(size: int, data: bytes = b"") -> blake2b:
    """Return a hash object whose digests have this size in bytes, and which has seen this data."""
    try:
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b
    return blake2b(data, digest_size=size)
