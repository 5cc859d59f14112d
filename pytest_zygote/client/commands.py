"""Commands about the daemon instead of tests: start, stop, status, reload, verify."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters import signals, sockets
from pytest_zygote.client.launch import Launch, connect_or_start
from pytest_zygote.client.lending import lend
from pytest_zygote.client.request import make_request
from pytest_zygote.core.errors import UsageError
from pytest_zygote.core.messages import Answer, ReloadRequest, StatusRequest, StopRequest

if TYPE_CHECKING:
    from typing import NoReturn

    from pytest_zygote.adapters.rendezvous import Rendezvous
    from pytest_zygote.core.options import Settings
    from pytest_zygote.core.records import Record

SCOUT = ("-p", "pytest_zygote", "--collect-only", "-q", "-p", "no:terminal")
"""What a new daemon runs to find out what the project imports."""

LOOK_AGAIN_S = 0.05


def obey(launch: Launch, settings: Settings, args: tuple[str, ...]) -> None:
    """Carry out a command about the daemon and end this process; return if it is about tests.

    Raises:
        UsageError: options that cannot go together, or an unknown form of the status.
    """
    if settings.is_given("--daemon-status"):
        _leave_with_answer(launch.place, StatusRequest(_form(settings)))
    if settings.is_given("--daemon-reload"):
        _leave_with_answer(launch.place, ReloadRequest())
    if settings.is_given("--stop-daemon"):
        sys.stdout.write(f"{_ask(launch.place, StopRequest()) or 'no daemon is running for this project'}\n")
        signals.leave(0)
    if settings.is_given("--daemon-verify"):
        from pytest_zygote.client.verify import verify

        signals.leave(verify(launch, args))
    if settings.is_given("--daemon"):
        _be_or_start(launch, detach=settings.is_given("--detach"))
    if settings.is_given("--detach"):
        message = "--detach goes with --daemon"
        raise UsageError(message)


def _form(settings: Settings) -> str:
    form = settings.text("--daemon-status")
    if form not in ("1", "json"):
        message = f"--daemon-status takes no value or 'json', not {form!r}"
        raise UsageError(message)
    return form


def _ask(place: Rendezvous, question: Record) -> str:
    """Return the daemon's answer; '' if there is no daemon."""
    channel = sockets.connect(place.socket)
    if channel is None:
        return ""
    channel.send(question)
    while (received := channel.receive()) is not None:
        for message in received:
            if isinstance(message, Answer):
                return message.text
    return ""


def _leave_with_answer(place: Rendezvous, question: Record) -> NoReturn:
    answer = _ask(place, question)
    sys.stdout.write(f"{answer or 'no daemon is running for this project'}\n")
    signals.leave(0 if answer else 1)


def _be_or_start(launch: Launch, *, detach: bool) -> NoReturn:
    """Replace the daemon that may be running; learn what the project imports."""
    _ask(launch.place, StopRequest())
    launch.place.ensure_folder()
    if detach:
        started = time.monotonic()
        channel, _ = connect_or_start(launch, may_start=True)
        channel.close()
        _scout(launch)
        sys.stdout.write(f"zygote: the daemon is ready ({time.monotonic() - started:.1f} s)\n")
        signals.leave(0)
    ready, theirs = os.pipe()
    if os.fork() == 0:
        os.close(theirs)
        if os.read(ready, 1):
            os.setsid()  # Ctrl-C is for the daemon, which ends the scout's run
            _scout(launch)
        os._exit(0)
    os.close(ready)
    launch.become_daemon(theirs)


def _scout(launch: Launch) -> None:
    """Have the daemon collect the project once, and wait until its layers are built."""
    channel = sockets.connect(launch.place.socket)
    if channel is None:
        return
    os.chdir(launch.place.root)
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - a descriptor is wanted
        lend(channel, make_request(SCOUT, argv0=sys.argv[0]), [nothing.fileno()] * 3)
    while _is_building(launch.place):
        select.select([], [], [], LOOK_AGAIN_S)


def _is_building(place: Rendezvous) -> bool:
    answer = _ask(place, StatusRequest("json"))
    return bool(answer) and any(layer["phase"] == "building" for layer in json.loads(answer)["layers"])
