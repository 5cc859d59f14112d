"""What a new daemon removes of those before it."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.rendezvous import acquire_lock
from pytest_zygote.daemon.leftover_files import remove_leftovers

STEM = "0123456789abcdef0123"


def make(folder: str, *suffixes: str) -> None:
    """Make files of a daemon."""
    for suffix in suffixes:
        Path(folder, STEM + suffix).touch()


def names(folder: str) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in Path(folder).iterdir()]


def test_files_of_a_daemon_that_has_ended_are_removed(runtime_folder: str) -> None:
    """Socket, locks, log, and the files of its keepers; what is not ours stays."""
    make(runtime_folder, ".lock", ".start", ".log", ".sock", ".01ab.keep", ".01ab.json", ".01ab.lock")
    Path(runtime_folder, "notes.txt").touch()
    remove_leftovers(runtime_folder)
    assert names(runtime_folder) == ["notes.txt"]


def test_files_of_a_daemon_that_lives_stay(runtime_folder: str) -> None:
    """It holds its lock; while one is started, a client holds the other."""
    make(runtime_folder, ".lock", ".start", ".log")
    for suffix in (".lock", ".start"):
        lock = acquire_lock(f"{runtime_folder}/{STEM}{suffix}", wait=False)
        remove_leftovers(runtime_folder)
        os.close(lock)
        assert len(names(runtime_folder)) == 3
    remove_leftovers(runtime_folder)
    assert not names(runtime_folder)


def test_files_of_a_keeper_that_listens_stay(runtime_folder: str) -> None:
    """Its fixture is torn down a little later than the daemon ends."""
    make(runtime_folder, ".lock", ".log")
    listener = sockets.Listener(f"{runtime_folder}/{STEM}.01ab.keep")
    remove_leftovers(runtime_folder)
    assert Path(runtime_folder, f"{STEM}.log").exists()
    listener.close()
    remove_leftovers(runtime_folder)
    assert not names(runtime_folder)
