"""The client: finds the daemon, lends it the terminal, and ends as the run ended.

`main` is the console script ``pz``. Nothing on its warm path imports pytest or anything
else that is slow; the plugin uses the same functions inside the user's ``pytest``.
"""

from __future__ import annotations

import os
import sys

from pytest_zygote.adapters.system import rendezvous, signals, sockets
from pytest_zygote.client.request import ineligible, make_request
from pytest_zygote.client.run_relay import RunEnd, lend
from pytest_zygote.core.cli.options import asks_for_daemon, joined
from pytest_zygote.core.cli.settings import Settings, check_combination
from pytest_zygote.core.protocol.errors import ProtocolError, Unavailable, UsageError
from pytest_zygote.core.reasons import cold_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from pytest_zygote.core.reasons import Reason

__all__ = ["main"]

DISABLE = "PYTEST_DAEMON_DISABLE"

COLD: list[Reason] = []
"""Why the run of this process is plain pytest; the first is the one: what follows rests on it."""

OURS = ("-p", "pytest_zygote")
"""What `pz` adds to the command line, so that it works without an ini-file."""

SHARD_COMMANDS = ("merge", "rerun")
WORDS = {"doctor": "--daemon-doctor"}
"""First words that ask for something else than tests, unless there are files of these names: those of `shards`, and
other names of options."""


def main() -> NoReturn:
    """Run the console script ``pz``: pytest's command line, served warm if that is possible."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if (word in SHARD_COMMANDS or word in WORDS) and not os.path.exists(word):
        if word in SHARD_COMMANDS:
            from pytest_zygote.shards.commands import obey

            sys.exit(obey(word, sys.argv[2:]))
        sys.argv[1] = WORDS[word]
    args = (*OURS, *joined(sys.argv[1:]))
    program = sys.argv[0]
    if not program.endswith("__main__.py"):
        program = os.path.join(os.path.dirname(program), "pytest")
    sys.argv[:] = [program, *args]
    try:
        check_combination(Settings(args, os.environ))
        if not asks_for_daemon(args):
            _try_warm(args)
    except UsageError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        signals.leave(4)  # pytest.ExitCode.USAGE_ERROR
    _run_pytest_here()


def _try_warm(args: tuple[str, ...]) -> None:
    """Serve the command line from a daemon that runs; return if there is none.

    Does not return if a run served it. What stands in the way is told by the plugin, which looks
    again: it knows the ini-file and can start a daemon.
    """
    settings = Settings((*addopts(os.environ), *args), os.environ)
    if ineligible(settings, args, os.environ) is not None:
        return
    try:
        for place in rendezvous.candidates(os.getcwd(), settings.text("--daemon-port")):
            rendezvous.check_private(place.folder)
            channel = sockets.connect_to_daemon(place.socket)
            if channel is not None:
                outcome = lend(channel, make_request(args))
                if isinstance(outcome, RunEnd):
                    signals.leave_like(outcome.status)
                if not outcome.restart:
                    print_cold(outcome.reason)
                return
    except (ProtocolError, Unavailable, OSError):
        return


def addopts(environ: Mapping[str, str]) -> list[str]:
    """Return the options that the environment adds to each command line."""
    text = environ.get("PYTEST_ADDOPTS", "")
    if not text:
        return []
    import shlex  # 3 ms that few runs need

    return shlex.split(text)


def print_cold(reason: Reason) -> None:
    """Print why this run is plain pytest, and keep the plugin, and pytest inside the tests, from trying again."""
    COLD.append(reason)
    if not reason.is_quiet:
        sys.stderr.write(f"zygote: {cold_run(reason)}\n")
        sys.stderr.flush()
    os.environ[DISABLE] = "1"


def _run_pytest_here() -> NoReturn:
    """Be pytest: its plugin starts the daemon, or the run is cold."""
    from pytest_zygote.adapters.pytest.private.plain import console_main

    sys.exit(console_main())
