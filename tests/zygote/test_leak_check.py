"""What imports leave in a process that its forks must not have."""

from __future__ import annotations

import mmap
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, procfs
from pytest_zygote.zygote.leak_check import LeakCheck

if TYPE_CHECKING:
    import pytest


def settle(check: LeakCheck, *, is_own: bool = True) -> dict[str, str]:
    """Look after a module was executed that another imports, and settle what was found."""
    check.look(("importer", "app"))
    return check.settle(lambda _: is_own)


def test_nothing_is_left() -> None:
    """A file that was open before is no leak."""
    assert settle(LeakCheck()) == {}


def test_a_socket_is_a_leak() -> None:
    """Whoever imports the module is named too, but once: the next module is not blamed for it."""
    check = LeakCheck()
    with socket.socket():
        reason = "app opens a socket when it is imported"
        assert settle(check) == {"importer": reason, "app": reason}
        assert settle(check) == {}


def test_a_file_that_stays_open_is_a_leak(tmp_path: Path) -> None:
    """Two runs would write at the same position, or read from it."""
    for mode, what in (("w", "leaves a file open for writing"), ("r", "leaves a file open")):
        check = LeakCheck()
        with (tmp_path / "log").open(mode):
            assert settle(check)["app"] == f"app {what} when it is imported"


def test_a_file_that_is_closed_in_the_end_is_no_leak(tmp_path: Path) -> None:
    """A module may import another while it has a file open."""
    check = LeakCheck()
    with (tmp_path / "log").open("w"):
        check.look(("app",))

    assert check.settle(lambda _: True) == {}


def test_what_has_no_position_is_no_leak() -> None:
    """Random bytes are the same for all who read them."""
    check = LeakCheck()
    with Path("/dev/urandom").open("rb"):
        assert settle(check) == {}


def test_a_pipe_and_memory_without_a_file_are_leaks() -> None:
    """What one run writes, another would read."""
    check = LeakCheck()
    ends = os.pipe()
    assert settle(check)["app"] == "app leaves a pipe open when it is imported"
    for end in ends:
        os.close(end)
    other = LeakCheck()
    with mmap.mmap(-1, 8):
        assert settle(other)["app"] == "app leaves memory that forks share when it is imported"


def test_a_standard_stream_is_kept_by_code_of_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run has others, with pytest's capture between."""
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr(sys, "__stdout__", stream)
        check = LeakCheck()
        kept = [stream]
        assert settle(check)["app"] == "app keeps a standard stream when it is imported"
        kept *= 2
        assert settle(check, is_own=False) == {}


def test_threads_of_python_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever code has started them; once, or all modules that come later would seem to have started them."""

    class Thread:
        name = "worker"

    threads = [Thread(), Thread()]
    monkeypatch.setattr(processes, "strangers", lambda: threads)
    check = LeakCheck()

    assert check.threads(lambda: False) == "worker, worker"
    assert check.threads(lambda: False) == ""
    threads.append(Thread())
    assert check.threads(lambda: False) == "worker"


def test_native_threads_count_against_the_projects_code_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that start them when they are imported know of forks."""
    counts = iter([1, 3, 3, 5, 5])
    monkeypatch.setattr(procfs, "thread_links", lambda: next(counts))
    check = LeakCheck()

    assert check.threads(lambda: False) == ""
    assert check.threads(lambda: True) == "of a library that it uses"
