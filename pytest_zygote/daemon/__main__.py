"""Entry of the daemon: ``python -m pytest_zygote.daemon --root DIR …``, started by a client."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from setproctitle import setproctitle

from pytest_zygote.adapters import processes, sockets
from pytest_zygote.adapters.rendezvous import Rendezvous, take_lock
from pytest_zygote.daemon.server import Server


def main() -> None:
    """Become the daemon of a project, unless there is one already.

    The descriptor given as ``--ready`` gets one byte when clients can connect.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--cache", default="")
    parser.add_argument("--ready", type=int)
    options = parser.parse_args()
    place = Rendezvous(options.root, options.name)
    place.ensure_folder()
    lock = take_lock(place.lock, wait=False)
    if lock < 0:
        sys.exit("a daemon is running for this project already")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    setproctitle(f"pytest_zygote daemon: {place.root}")
    processes.become_subreaper()
    server = Server(place, sockets.Listener(place.socket), options.cache)
    if options.ready is not None:
        os.write(options.ready, b"!")
        os.close(options.ready)
    server.serve()


if __name__ == "__main__":
    main()
