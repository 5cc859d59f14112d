"""Commands about the daemon instead of tests: start, stop, status, reload, verify."""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, rendezvous, signals, sockets
from pytest_zygote.client.daemon_launcher import connect_or_start
from pytest_zygote.client.run_relay import PATIENCE_MS, lend, why_silent
from pytest_zygote.core.cli.options import OPTIONS, without_commands
from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.protocol.client_messages import Answer, ReloadRequest, StatusRequest, StopRequest
from pytest_zygote.core.protocol.errors import Unavailable, UsageError
from pytest_zygote.fixtures import keeper_client

if TYPE_CHECKING:
    from typing import NoReturn

    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.client.daemon_launcher import DaemonLauncher
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.protocol.client_messages import FromClient, RunRequest, ToClient

WARM_UP = ("--collect-only", "-q")
"""What a new daemon runs, besides what the user gave, to find out what the project imports."""

LOOK_AGAIN_S = 0.05


def obey(launch: DaemonLauncher, settings: Settings, request: RunRequest) -> NoReturn:
    """Carry out a command about the daemon and end this process.

    Args:
        launch: how to start the daemon.
        settings: what the user asked for.
        request: this process, as if it had asked for a run.

    Raises:
        UsageError: options that cannot go together, or an unknown form of the status.
        Unavailable: the daemon cannot be started, or is stopped.
        OSError: it cannot be reached.
    """
    _refuse_values(settings)
    place = launch.place
    if settings.is_given("--daemon-status"):
        form = _form(settings)
        _end_with(place, ask(place, StatusRequest(form)), otherwise="null" if form == "json" else "")
    if settings.is_given("--daemon-reload"):
        _end_with(place, ask(place, ReloadRequest()))
    if settings.is_given("--daemon-reset-fixtures"):
        _end_with(place, _reset_fixtures(place))
    if settings.is_given("--stop-daemon"):
        say(_stop(place) or _no_daemon(place))
        signals.leave(0)
    if settings.is_given("--watch"):
        from pytest_zygote.client.watch.loop import watch

        signals.leave(watch(launch, settings, request))
    if settings.is_given("--daemon-verify"):
        from pytest_zygote.client.verify import verify

        signals.leave(verify(launch, settings, request))
    _be_or_start(launch, request, detach=settings.is_given("--detach"))


def _no_daemon(place: Rendezvous) -> str:
    """Return the answer of nobody; the rootdir depends on where the ini-file is, so it is named."""
    return f"no daemon is running for this project: {place.root}"


def say(text: str) -> None:
    """Print to the user."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)  # a path may be no text, as for pytest
    sys.stdout.write(f"{shown}\n")
    sys.stdout.flush()


def _form(settings: Settings) -> str:
    form = settings.text("--daemon-status")
    if form not in ("1", "json"):
        message = f"--daemon-status takes no value or 'json', not {form!r}"
        raise UsageError(message)
    return form


def _refuse_values(settings: Settings) -> None:
    for option in OPTIONS:
        if (option.is_command or option.command) and not option.value and settings.text(option.flag) not in ("", "1"):
            message = f"{option.flag} takes no value, not {settings.text(option.flag)!r}"
            raise UsageError(message)


def _end_with(place: Rendezvous, answer: str, otherwise: str = "") -> NoReturn:
    """Print a daemon's answer and end; where there is none, print that, or something else, and fail."""
    say(answer or otherwise or _no_daemon(place))
    signals.leave(0 if answer else 1)


def ask(place: Rendezvous, question: FromClient) -> str:
    """Return the daemon's answer; '' if there is no daemon."""
    place.check_length()
    try:
        rendezvous.check_private(place.folder)
    except FileNotFoundError:
        return ""
    channel = sockets.connect_to_daemon(place.socket)
    if channel is None:
        return ""
    with contextlib.closing(channel):
        channel.send(question)
        while (received := _receive(channel)) is not None:
            for message in received:
                if isinstance(message, Answer):
                    return message.text
    return ""


def _receive(channel: Channel[ToClient, FromClient]) -> list[ToClient] | None:
    while not select.select([channel], [], [], PATIENCE_MS / 1000)[0]:
        reason = why_silent(channel)
        if reason:
            raise Unavailable(reason)
    return channel.receive()


def _reset_fixtures(place: Rendezvous) -> str:
    """Tear down the fixtures that outlive runs; return what was done, '' if there is no daemon."""
    ended = keeper_client.end_all(place.socket)  # without a daemon too: they end a little later than it
    if not ended and not ask(place, StatusRequest("json")):
        return ""
    return f"{counted(ended, 'fixture')} torn down: the next run sets up what it needs"


def _stop(place: Rendezvous) -> str:
    """Stop the daemon, which waits for its runs; return its last word, '' if there is no daemon."""
    status = ask(place, StatusRequest("json"))
    if status and json.loads(status)["runs_going_on"]:
        say("waiting for runs that are going on (a second --stop-daemon ends them)")
    answer = ask(place, StopRequest())
    keeper_client.end_all(place.socket)  # by themselves they end too, but a little later
    return answer


def _be_or_start(launch: DaemonLauncher, request: RunRequest, *, detach: bool) -> NoReturn:
    """Replace the daemon that may be running; learn what the project imports."""
    launch.place.ensure_folder()
    _stop(launch.place)
    if detach:
        started = time.monotonic()
        channel, _ = connect_or_start(launch, may_start=True)
        channel.close()
        _warm_up(launch, request)
        say(f"zygote: the daemon is ready ({time.monotonic() - started:.1f} s)")
        signals.leave(0)
    sys.stderr.write(f"zygote: this is the daemon of {launch.place.root}; Ctrl-C ends it\n")
    sys.stderr.flush()
    ready, theirs = os.pipe()
    if processes.fork_here_among_threads() == 0:
        os.close(theirs)
        if os.read(ready, 1):
            os.setsid()  # Ctrl-C is for the daemon, which ends the scout's run
            _warm_up(launch, request)
        signals.leave(0)
    os.close(ready)
    launch.become_daemon(theirs)


def _warm_up(launch: DaemonLauncher, request: RunRequest) -> None:
    """Have the daemon collect the project once, and wait until its layers are built."""
    channel = sockets.connect_to_daemon(launch.place.socket)
    if channel is None:
        return
    given = without_commands(request.args)
    with open(os.devnull, "r+b") as nothing:
        lend(channel, request.replaced(args=(*WARM_UP, *given)), [nothing.fileno()] * 3)
    while _is_building(launch.place):
        select.select([], [], [], LOOK_AGAIN_S)


def _is_building(place: Rendezvous) -> bool:
    answer = ask(place, StatusRequest("json"))
    return bool(answer) and any(layer["phase"] == "building" for layer in json.loads(answer)["layers"])
