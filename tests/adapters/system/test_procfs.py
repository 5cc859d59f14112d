"""What Linux tells about processes is read right, and its absence is no error."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from pytest_zygote.adapters.system import connections, procfs

GONE = 2**22 + 1
"""More than the highest number that Linux gives to a process."""

linux = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="the system does not tell")


@linux
def test_open_files_are_named(tmp_path: Path) -> None:
    """A descriptor is listed with the path of what is open, and no longer once it is closed."""
    with (tmp_path / "open").open("wb") as file:
        number = file.fileno()
        found = procfs.open_files()
        assert number in procfs.open_descriptors()

    assert found[number] == str(tmp_path / "open")
    assert procfs.open_files().get(number) != str(tmp_path / "open")


@linux
def test_the_library_of_ctypes_is_nothing_open(tmp_path: Path) -> None:
    """Some systems' libffi keeps itself open: workers would not be forks, nor tests of `--affected`."""
    (tmp_path / "libffi.so.8.5.0").touch()
    with (tmp_path / "libffi.so.8.5.0").open() as library:
        assert library.fileno() in procfs.open_descriptors()
        assert library.fileno() not in procfs.open_files()


def test_both_folders_list_the_same_descriptors() -> None:
    """The folder that other systems have too lists what Linux lists."""
    read, write = os.pipe()
    try:
        assert {read, write} <= set(procfs.open_descriptors(procfs.DEV_FD))
    finally:
        os.close(read)
        os.close(write)


@linux
def test_only_descriptors_that_are_there_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing all numbers up to the limit takes minutes where that is a thousand million."""
    closed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "closerange", lambda *span: closed.append(span))
    with open(os.devnull) as kept:  # noqa: PTH123 - a descriptor is wanted
        before = {*procfs.open_descriptors()}
        procfs.close_others(kept.fileno())

        assert {low for low, _ in closed} >= before - {kept.fileno()} - {max(before)}
        assert all(high == low + 1 != kept.fileno() + 1 for low, high in closed)
        assert len(closed) <= len(before)


def test_all_numbers_are_closed_where_nothing_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the one, up to the limit."""
    closed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "closerange", lambda *span: closed.append(span))
    monkeypatch.setattr(procfs.open_descriptors, "__defaults__", ("/nowhere",))

    procfs.close_others(7)

    assert closed == [(0, 7), (8, os.sysconf("SC_OPEN_MAX"))]


@linux
def test_threads_are_counted() -> None:
    """Each adds one to both counts."""
    many = 20
    before = procfs.count_threads(), procfs.thread_links()
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(many)]
    for thread in threads:
        thread.start()
    during = procfs.count_threads(), procfs.thread_links()
    end.set()
    for thread in threads:
        thread.join()

    # faulthandler has a thread for each test, without Python's knowledge: the last test's may still be about to end.
    assert all(many - 2 <= now - then <= many for then, now in zip(before, during, strict=True))


@linux
def test_memory_is_read() -> None:
    """This process has memory of its own, and at least as much in proportion."""
    assert 0 < procfs.private_kib(os.getpid()) <= procfs.pss_kib(os.getpid())


@linux
def test_mounts_are_listed() -> None:
    """The table of what is mounted names the root."""
    assert any(line.split()[4] == "/" for line in procfs.mountinfo().splitlines())


def test_process_that_is_gone_has_nothing() -> None:
    """Questions about a process that does not exist are answered with nothing."""
    assert procfs.children(GONE) == []
    assert not procfs.is_stopped(GONE)
    assert (procfs.private_kib(GONE), procfs.pss_kib(GONE)) == (0, 0)


def test_running_process_is_not_stopped() -> None:
    """The state is read behind the program's name."""
    assert not procfs.is_stopped(os.getpid())


def test_state_is_found_behind_strange_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may have brackets, blanks and the letter T in its name."""
    (tmp_path / "stat").write_bytes(b"7 (a) T (b) T 1 7")
    monkeypatch.setattr(procfs, "_read", lambda _: (tmp_path / "stat").read_bytes())
    assert procfs.is_stopped(7)

    (tmp_path / "stat").write_bytes(b"7 (a) T (b) S 1 7")
    assert not procfs.is_stopped(7)


def test_without_proc_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such folder, functions return what says nothing, or raise OSError if they must know."""

    def missing(path: str, *_: object, **__: object) -> object:
        raise FileNotFoundError(path)

    for name in ("listdir", "open", "readlink", "stat"):
        monkeypatch.setattr(os, name, missing)
    monkeypatch.setattr("builtins.open", missing)

    nothing = (procfs.thread_links(), procfs.children(1), procfs.is_stopped(1), procfs.pss_kib(1), procfs.mountinfo())
    assert nothing == (0, [], False, 0, "")
    assert (procfs.status_of(1), procfs.oom_score(1)) == ({}, None)
    assert {procfs.root_folder(1), procfs.personality(1), procfs.control_groups(1)} == {procfs.UNREADABLE}
    for must_know in (procfs.open_descriptors, procfs.open_files, procfs.count_threads, lambda: procfs.namespaces(1)):
        with pytest.raises(OSError, match="/"):
            must_know()


@linux
def test_connection_is_found_by_its_other_end() -> None:
    """A connected socket is listed with its peer, one that only listens is not."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        found = connections.connections()

        port = server.getsockname()[1]
        assert f"127.0.0.1:{port}" in found.values()
        assert client.fileno() in {descriptor for descriptor, _ in found}
        assert server.fileno() not in {descriptor for descriptor, _ in found}
