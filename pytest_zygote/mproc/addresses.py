"""Addresses for servers of tests, as pytest-mproc finds them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ALLOCATORS: list[Callable[[], int]] = []
"""What the user has given, if anything: one function."""


def set_user_defined_port_alloc(func: Callable[[], int]) -> None:
    """Have `find_free_port` return what this function returns."""
    _ALLOCATORS[:] = [func]


def find_free_port() -> int:
    """Return a port on which nobody listens at the moment, or the one that the user's function gives."""
    if _ALLOCATORS:
        return _ALLOCATORS[0]()
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def get_ip_addr() -> str:
    """Return the address under which other machines reach this one; that of the loopback if it has no other."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
