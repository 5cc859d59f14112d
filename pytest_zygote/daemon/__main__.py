"""Entry of the daemon: ``python -m pytest_zygote.daemon --root DIR …``, started by a client."""

from __future__ import annotations

import argparse
import logging
import os
import stat
import sys

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous, acquire_lock
from pytest_zygote.adapters.system.titles import set_title
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.daemon.layer_supervisor import MAX_FORKS
from pytest_zygote.daemon.server import Server
from pytest_zygote.daemon.session_cache import Policy
from pytest_zygote.daemon.settings import ServerSettings

FOUR_HOURS_S = 4 * 3600.0
BUILD_PATIENCE_S = 60.0
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
    _trim_log()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    set_title(f"pytest_zygote daemon: {place.root}")
    processes.become_subreaper()
    settings = ServerSettings(
        cache=options.cache,
        idle_s=options.idle_s,
        build_patience_s=options.build_patience_s,
        ignored=tuple(options.ignore),
        watches=not options.no_watching,
        uses_events=not options.no_events,
        throttle=options.throttle,
        max_forks=options.max_forks,
        sessions=Policy(options.sessions, options.force_sessions),
    )
    server = Server(place, listener, lock, settings)
    if options.ready is not None:
        os.write(options.ready, b"!")
        os.close(options.ready)
    server.serve()


def _trim_log() -> None:
    """Empty the log if daemons of many days have filled it; a terminal or pipe is left alone."""
    status = os.fstat(sys.stderr.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size > LOG_LIMIT:
        os.ftruncate(sys.stderr.fileno(), 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pytest_zygote.daemon")
    parser.add_argument("--root", required=True, help="the project's folder")
    parser.add_argument("--name", default="", help="one of several daemons of a project")
    parser.add_argument("--cache", default="", help="pytest's cache folder")
    parser.add_argument("--ready", type=int, help="descriptor that gets a byte when clients can connect")
    parser.add_argument(
        "--idle-s", type=float, default=FOUR_HOURS_S, help="leave when nobody asked for so long; 0: never"
    )
    parser.add_argument("--build-patience-s", type=float, default=BUILD_PATIENCE_S, help="how long an import may take")
    parser.add_argument("--ignore", action="append", default=[], help="glob of files whose events do not matter")
    parser.add_argument("--sessions", type=int, default=0, help="how many collected sessions to keep")
    parser.add_argument("--force-sessions", action="store_true", help="have each run wait for a collected session")
    parser.add_argument("--no-watching", action="store_true", help="look at files only when a run is asked for")
    parser.add_argument("--no-events", action="store_true", help="look at files every few seconds, without events")
    parser.add_argument("--throttle", type=float, default=1.0, help="multiplies the pause between two such looks")
    parser.add_argument("--max-forks", type=int, default=MAX_FORKS, help="edits in a row until all is imported anew")
    return parser


if __name__ == "__main__":
    main()
