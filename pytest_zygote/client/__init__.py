"""The client: finds the daemon, lends it the terminal, and ends as the run ended.

`main` is the console script ``pz``. Nothing on its warm path imports pytest or anything
else that is slow; the plugin uses the same functions inside the user's ``pytest``.
"""

from __future__ import annotations

import os
import sys

from pytest_zygote.adapters import rendezvous, signals, sockets
from pytest_zygote.client.lending import Ended, lend
from pytest_zygote.client.request import hindrance, make_request
from pytest_zygote.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the console script ``pz``: pytest's command line, served warm if that is possible."""
    args = tuple(sys.argv[1:])
    if hindrance(args, os.environ) is None:
        try_warm(args)
    run_pytest_here()


def try_warm(args: tuple[str, ...]) -> None:
    """Serve the command line from a daemon that runs; return if there is none.

    Does not return if a run served it.
    """
    try:
        for place in rendezvous.candidates(os.getcwd(), daemon_name(args)):
            channel = sockets.connect(place.socket)
            if channel is not None:
                rendezvous.check_private(place.folder)
                outcome = lend(channel, make_request(args, argv0=pytest_script()))
                if isinstance(outcome, Ended):
                    signals.leave_like(outcome.status)
                say_cold(outcome.reason)
                return
    except (Unavailable, OSError) as error:
        say_cold(str(error))


def say_cold(reason: str) -> None:
    """Tell why this run is plain pytest, and keep the plugin from trying again."""
    if reason:
        sys.stderr.write(f"zygote: cold run: {reason}\n")
        os.environ["PYTEST_DAEMON_DISABLE"] = "1"


def daemon_name(args: tuple[str, ...]) -> str:
    """Return the name of the daemon: ``--daemon-port`` of the command line or environment."""
    for index, arg in enumerate(args):
        if arg == "--daemon-port" and index + 1 < len(args):
            return args[index + 1]
        if arg.startswith("--daemon-port="):
            return arg.partition("=")[2]
    return os.environ.get("PYTEST_DAEMON_PORT", "")


def pytest_script() -> str:
    """Return what `sys.argv[0]` would be, had the user typed ``pytest``."""
    return os.path.join(os.path.dirname(sys.argv[0]), "pytest")


def run_pytest_here() -> NoReturn:
    """Be pytest: start the daemon through the plugin, or run cold."""
    import pytest

    sys.argv[0] = pytest_script()
    sys.argv[1:1] = ["-p", "pytest_zygote"]
    sys.exit(pytest.console_main())
