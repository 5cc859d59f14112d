"""Addresses for servers of tests, as pytest-mproc finds them."""

from __future__ import annotations

import socket


def find_free_port() -> int:
    """Return a port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def get_ip_addr() -> str:
    """Return the address under which other machines reach this one; that of the loopback if it has no other."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
