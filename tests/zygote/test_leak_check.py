"""What imports leave in a process that its forks must not have."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, procfs
from pytest_zygote.zygote.leak_check import LeakCheck

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nothing_is_left() -> None:
    """A file that was open before is no leak."""
    assert LeakCheck().opened() == ""


def test_a_socket_is_a_leak() -> None:
    """Once: the next module is not blamed for it."""
    check = LeakCheck()
    with socket.socket():
        assert check.opened() == "opens a socket"
        assert check.opened() == ""


def test_a_file_that_is_open_for_writing_is_a_leak(tmp_path: Path) -> None:
    """Two runs would write at the same position; one that is open for reading does no harm."""
    check = LeakCheck()
    with (tmp_path / "log").open("w"):
        assert check.opened() == "leaves a file open for writing"
    other = LeakCheck()
    with (tmp_path / "log").open():
        assert other.opened() == ""


def test_threads_of_python_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever code has started them."""

    class Thread:
        name = "worker"

    monkeypatch.setattr(processes, "strangers", lambda: [Thread(), Thread()])

    assert LeakCheck().threads(lambda: False) == "worker, worker"


def test_native_threads_count_against_the_projects_code_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that start them when they are imported know of forks."""
    counts = iter([1, 3, 3, 5, 5])
    monkeypatch.setattr(procfs, "thread_links", lambda: next(counts))
    check = LeakCheck()

    assert check.threads(lambda: False) == ""
    assert check.threads(lambda: True) == "of a library that it uses"
