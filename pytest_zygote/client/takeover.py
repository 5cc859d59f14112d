"""What the plugin does instead of running pytest here."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters import signals, sockets
from pytest_zygote.adapters.rendezvous import Rendezvous
from pytest_zygote.client.launch import connect_or_start
from pytest_zygote.client.lending import Ended, lend
from pytest_zygote.client.request import make_request
from pytest_zygote.core.errors import Unavailable
from pytest_zygote.core.messages import Answer, ReloadRequest, StatusRequest, StopRequest

if TYPE_CHECKING:
    import pytest

    from pytest_zygote.core.records import Record


def take_over(config: pytest.Config, args: tuple[str, ...], all_args: tuple[str, ...], name: str) -> str:
    """Serve this command from the daemon; return only if it must be served here, with the reason."""
    place = Rendezvous(str(config.rootpath), name)
    question = _question(all_args)
    if question is not None:
        _ask(place, question)
    if config.invocation_params.plugins:
        return "plugin objects cannot be sent to another process"
    try:
        return _run_warm(config, place, args)
    except (Unavailable, OSError) as error:
        return str(error)


def _run_warm(config: pytest.Config, place: Rendezvous, args: tuple[str, ...]) -> str:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    request = make_request(
        args, argv0=sys.argv[0], main=(spec.name if spec else "", str(getattr(main, "__file__", "")))
    )
    for _ in range(2):
        channel, started = connect_or_start(place, str(config.rootpath / str(config.getini("cache_dir"))))
        if started:
            sys.stderr.write(f"zygote: started a daemon for {place.root}\n")
        outcome = lend(channel, request)
        if isinstance(outcome, Ended):
            signals.leave_like(outcome.status)
        if not outcome.restart:
            break
    return outcome.reason


def _question(args: tuple[str, ...]) -> Record | None:
    for arg in args:
        if arg == "--stop-daemon":
            return StopRequest()
        if arg == "--daemon-reload":
            return ReloadRequest()
        if arg.startswith("--daemon-status"):
            return StatusRequest(arg.partition("=")[2] or "table")
    return None


def _ask(place: Rendezvous, question: Record) -> None:
    channel = sockets.connect(place.socket)
    if channel is None:
        sys.stdout.write("no daemon is running for this project\n")
        signals.leave(0 if isinstance(question, StopRequest) else 1)
    channel.send(question)
    while (received := channel.receive()) is not None:
        for message in received:
            if isinstance(message, Answer):
                sys.stdout.write(f"{message.text}\n")
                signals.leave(0)
    sys.stdout.write("the daemon ended before it answered\n")
    signals.leave(1)
