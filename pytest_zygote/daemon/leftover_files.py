"""Removes what daemons that have ended have left in the runtime folder: sockets, locks, logs.

A daemon holds the lock on its ``.lock`` as long as it lives, and a client the one on ``.start`` while it starts one.
Who gets both knows that there is neither.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import keeper_registry, sockets
from pytest_zygote.adapters.system.rendezvous import acquire_lock

if TYPE_CHECKING:
    from collections.abc import Collection

_FILE = re.compile(r"([0-9a-f]{20})\..+")
"""Names of our files: the digest of a daemon's project, and what each is."""


def remove_leftovers(folder: str) -> None:
    """Remove the files of all daemons that have ended, except those of keepers that still listen."""
    by_stem: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        match = _FILE.fullmatch(name)
        if match:
            by_stem.setdefault(match[1], []).append(os.path.join(folder, name))
    for stem, paths in by_stem.items():
        with contextlib.suppress(OSError):
            _remove_if_ended(os.path.join(folder, stem), paths)


def _remove_if_ended(stem: str, paths: Collection[str]) -> None:
    locks: list[int] = []
    try:
        for suffix in ("start", "lock"):
            lock = acquire_lock(f"{stem}.{suffix}", wait=False)
            if lock < 0:
                return
            locks.append(lock)
        if any(_has_listener(path) for path in paths if path.endswith(keeper_registry.SUFFIX)):
            return
        for path in {*paths, f"{stem}.start", f"{stem}.lock"}:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    finally:
        for lock in locks:
            os.close(lock)


def _has_listener(path: str) -> bool:
    channel = sockets.connect_to_daemon(path)
    if channel is None:
        return False
    channel.close()
    return True
