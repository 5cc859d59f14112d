"""Entry of the daemon: ``python -m pytest_zygote.daemon --root DIR …``, started by a client."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous, acquire_lock
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.cli.daemon_options import options_of
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.daemon.layer_supervisor import MAX_FORKS
from pytest_zygote.daemon.leftover_files import remove_leftovers
from pytest_zygote.daemon.parts import ServerSettings
from pytest_zygote.daemon.server import Server

BUILD_PATIENCE_S = 60.0
PATIENT = "PYTEST_DAEMON_PATIENT"
"""Environment key by which tests of this package have runs wait for layers, however slow the machine is."""

LOG_LIMIT = 1024 * 1024
"""Bytes. Layers print there too, so nobody knows how much a day is."""


def main() -> None:
    """Become the daemon of a project, unless there is one already.

    The descriptor given as ``--ready`` gets one byte when clients can connect.
    """
    options = _parser().parse_args()
    place = Rendezvous(options.root, options.name)
    try:
        place.ensure_folder()
        lock = acquire_lock(place.lock, wait=False)
        if lock < 0:
            sys.exit("a daemon is running for this project already")
        listener = sockets.Listener(place.socket)
    except (Unavailable, OSError) as error:
        sys.exit(f"the daemon cannot start: {error}")
    _trim_log(place.log)
    remove_leftovers(place.folder)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    set_title(f"pytest_zygote daemon: {place.root}")
    processes.become_subreaper()
    server = Server(place, listener, lock, _settings(options))
    if options.ready is not None:
        os.write(options.ready, b"!")
        os.close(options.ready)
    server.serve()


def _settings(options: argparse.Namespace) -> ServerSettings:
    known = options_of(Settings(options.option, {}))
    return ServerSettings(
        options=known,
        pinned={flag: known.by_flag[flag] for flag in options.pin},
        cache=options.cache,
        build_patience_s=options.build_patience_s,
        watches=not options.no_watching,
        forces_sessions=options.force_sessions,
        is_patient=os.environ.get(PATIENT) == "1",
        max_forks=options.max_forks,
    )


def _trim_log(path: str) -> None:
    """Empty our own log if daemons of many days have filled it; where a user sends the output is left alone."""
    status = os.fstat(sys.stderr.fileno())
    with contextlib.suppress(FileNotFoundError):
        if status.st_size > LOG_LIMIT and os.path.samestat(status, os.stat(path)):
            os.ftruncate(sys.stderr.fileno(), 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pytest_zygote.daemon")
    parser.add_argument("--root", required=True, help="the project's folder")
    parser.add_argument("--name", default="", help="one of several daemons of a project")
    parser.add_argument("--cache", default="", help="pytest's cache folder")
    parser.add_argument("--ready", type=int, help="descriptor that gets a byte when clients can connect")
    parser.add_argument("--option", action="append", default=[], help="an option that a daemon must know, FLAG=VALUE")
    parser.add_argument("--pin", action="append", default=[], help="flag of one that holds for the daemon's life")
    parser.add_argument("--build-patience-s", type=float, default=BUILD_PATIENCE_S, help="how long an import may take")
    parser.add_argument("--force-sessions", action="store_true", help="have each run wait for a collected session")
    parser.add_argument("--no-watching", action="store_true", help="look at files only when a run is asked for")
    parser.add_argument("--max-forks", type=int, default=MAX_FORKS, help="edits in a row until all is imported anew")
    return parser


if __name__ == "__main__":
    main()
