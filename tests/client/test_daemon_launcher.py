"""When a daemon is started, with which command line, and what keeps it from starting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous, acquire_lock
from pytest_zygote.client import daemon_launcher
from pytest_zygote.client.daemon_launcher import DaemonLauncher, connect_or_start
from pytest_zygote.core.cli.daemon_options import DaemonOptions
from pytest_zygote.core.protocol.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.adapters.system.sockets import Listener


pytestmark = pytest.mark.usefixtures("runtime_folder")


@pytest.fixture(name="launcher")
def _launcher(tmp_path: Path) -> DaemonLauncher:
    return DaemonLauncher(
        Rendezvous(str(tmp_path / "project")), cache="", options=DaemonOptions({"--daemon-timeout": "60"})
    )


@pytest.fixture(name="start")
def _start(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Listener]]:
    """Have a listener in the place of each daemon that is started."""
    started: list[Listener] = []

    def start(launcher: DaemonLauncher) -> None:
        started.append(sockets.Listener(launcher.place.socket))

    monkeypatch.setattr(daemon_launcher, "_start", start)
    yield started
    for listener in started:
        listener.close()


def test_a_daemon_is_started_once(launcher: DaemonLauncher, start: list[Listener]) -> None:
    """The second client finds it."""
    first, was_started = connect_or_start(launcher, may_start=True)
    second, was_started_again = connect_or_start(launcher, may_start=True)
    first.close()
    second.close()

    assert (was_started, was_started_again, len(start)) == (True, False, 1)


def test_a_daemon_that_may_not_be_started_is_named(launcher: DaemonLauncher) -> None:
    """With what starts one."""
    with pytest.raises(Unavailable, match="pytest --daemon starts one") as caught:
        connect_or_start(launcher, may_start=False)

    assert caught.value.reason.code == "no-daemon"


def test_a_daemon_that_does_not_listen_leads_to_its_log(
    launcher: DaemonLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it died of stands there."""
    monkeypatch.setattr(daemon_launcher, "_start", lambda _: None)
    with pytest.raises(Unavailable, match="its log: ") as caught:
        connect_or_start(launcher, may_start=True)

    assert caught.value.reason.code == "daemon-start-failed"
    assert launcher.place.log in str(caught.value)


def test_the_command_line_has_all_settings(launcher: DaemonLauncher) -> None:
    """Each setting is an argument of its own, so that values may hold anything."""
    command = launcher.replaced(pinned=("--daemon-timeout",), forces_sessions=True).command(7)

    assert {
        f"--root={launcher.place.root}",
        "--option=--daemon-timeout=60",
        "--pin=--daemon-timeout",
        "--force-sessions",
        "--ready=7",
    } <= {*command}
    assert not {"--pin=--daemon-timeout", "--force-sessions"} & {*launcher.command(7)}


def test_a_command_that_is_stopped_while_it_starts_the_daemon_keeps_nobody_waiting(
    launcher: DaemonLauncher, start: list[Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others run cold after a while, or use the daemon that it has started."""
    monkeypatch.setattr(daemon_launcher, "START_S", 0.0)
    launcher.place.ensure_folder()
    lock = acquire_lock(launcher.place.start_lock, wait=False)
    with pytest.raises(Unavailable, match="another command began to start the daemon"):
        connect_or_start(launcher, may_start=True)
    assert start == []
    listener = sockets.Listener(launcher.place.socket)
    channel, was_started = connect_or_start(launcher, may_start=True)
    assert not was_started
    for opened in (channel, listener):
        opened.close()
    os.close(lock)
