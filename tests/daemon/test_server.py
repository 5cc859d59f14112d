"""The server: its parts are connected, and signals of the system become events."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.daemon import __main__ as entry
from pytest_zygote.daemon.event_loop import EventLoop
from pytest_zygote.daemon.parts import ServerSettings
from pytest_zygote.daemon.process_table import ProcessTable
from pytest_zygote.daemon.server import Server
from tests.daemon.fakes import FakeListener, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NUMBERS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give back what handles signals in this process."""
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    wakeup = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(wakeup)
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Listener(FakeListener):
    """A socket with a descriptor, for the real loop."""

    def __init__(self) -> None:
        """Have a descriptor that can never be read."""
        super().__init__()
        self._ends = os.pipe()

    def fileno(self) -> int:
        """Return it."""
        return self._ends[0]

    def close(self) -> None:
        """Close it."""
        super().close()
        for end in self._ends:
            os.close(end)


class Children(ProcessTable):
    """A table in which a child has ended."""

    def reap(self) -> Iterator[tuple[int, int]]:
        """Give one."""
        return iter([(77, 0)])


def make_server(root: Path, listener: FakeListener, *, watches: bool = False) -> Server:
    """Return a server of a project without clients."""
    lock = os.open(os.devnull, os.O_RDONLY)
    return Server(Rendezvous(str(root), ""), listener, lock, ServerSettings(options(), watches=watches))


@pytest.fixture(name="signalled")
def _signalled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have the loop receive signals, one a round, as soon as it runs."""
    numbers: list[int] = [signal.SIGCHLD, signal.SIGTERM]
    run = EventLoop.run

    def run_and_signal(loop: EventLoop, settle: Callable[[], None]) -> None:
        for number in numbers:
            signal.raise_signal(number)
        run(loop, settle)

    monkeypatch.setattr(EventLoop, "run", run_and_signal)
    return numbers


def test_server_ends_on_a_signal(tmp_path: Path, signalled: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing to wait for it ends at once, and its place is free."""
    assert signal.SIGTERM in signalled
    monkeypatch.setattr("pytest_zygote.daemon.server.ProcessTable", Children)
    listener = Listener()
    make_server(tmp_path, listener, watches=True).serve()
    assert listener.is_closed


def test_server_ends_with_its_project(tmp_path: Path) -> None:
    """It looks before it waits for the first client."""
    listener = Listener()
    make_server(tmp_path / "gone", listener).serve()
    assert listener.is_closed


@pytest.mark.usefixtures("runtime_folder")
def test_command_line_becomes_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started the daemon gets a byte when clients can connect."""
    served: list[ServerSettings] = []

    class Recorded:
        """What stands in the place of a server."""

        def __init__(self, _place: Rendezvous, listener: FakeListener, lock: int, settings: ServerSettings) -> None:
            """Remember the settings."""
            listener.close()
            os.close(lock)
            served.append(settings)

        def serve(self) -> None:
            """Do nothing."""

    ready, theirs = os.pipe()
    monkeypatch.setattr(entry, "Server", Recorded)
    monkeypatch.setattr(processes, "become_subreaper", lambda: None)
    monkeypatch.setattr(entry, "set_title", lambda _: None)
    monkeypatch.setattr(entry, "_trim_log", lambda _path: None)
    arguments = ["--option=--daemon-sessions=5", "--pin=--daemon-sessions", "--no-watching", f"--ready={theirs}"]
    monkeypatch.setattr("sys.argv", ["daemon", f"--root={tmp_path}", *arguments])
    entry.main()
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    (settings,) = served
    assert settings.pinned == {"--daemon-sessions": "5"}
    assert settings.options.by_flag["--daemon-timeout"] == "14400.0"
    assert (settings.watches, settings.forces_sessions) == (False, False)


@pytest.mark.usefixtures("runtime_folder")
def test_second_daemon_of_a_project_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first has the lock."""
    monkeypatch.setattr(entry, "acquire_lock", lambda *_, **__: -1)
    monkeypatch.setattr("sys.argv", ["daemon", f"--root={tmp_path}"])
    with pytest.raises(SystemExit, match="a daemon is running for this project already"):
        entry.main()


@pytest.mark.usefixtures("runtime_folder")
def test_daemon_that_has_no_place_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client shows its log."""
    monkeypatch.setattr(sockets, "Listener", lambda _: (_ for _ in ()).throw(OSError("too long")))
    monkeypatch.setattr("sys.argv", ["daemon", f"--root={tmp_path}"])
    with pytest.raises(SystemExit, match="the daemon cannot start: too long"):
        entry.main()
