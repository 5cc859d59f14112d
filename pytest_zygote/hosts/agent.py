"""The process on a host: a worker of the engine, which never forks and never imports the project.

Its standard input and output are those of ssh. On them it says what this host is, gets the tree and the certificates,
and learns by the end of its input that nobody waits any more: then it ends, and the run with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib
import os
import shutil
import sys
import threading
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import pytest_zygote
from pytest_zygote.adapters.system import rendezvous, sockets
from pytest_zygote.core.hosts.tree import change, listing
from pytest_zygote.hosts import engine, facts, frames, host_run, host_setup, tree_files

if TYPE_CHECKING:
    from pytest_zygote.hosts.frames import Message

MAGIC = b"pytest_zygote agent\n"
"""Before the first frame: what a shell prints when it starts is left out."""
SILENT_S = 60.0
"""A client that is there sends something more often."""


class Ends(NamedTuple):
    """The two ends of the connection."""

    source: BinaryIO
    to: BinaryIO

    def ask(self, message: Message) -> Message:
        """Send a message, and return the answer."""
        frames.send(self.to, message)
        return self.next()

    def next(self) -> Message:
        """Return the next message.

        Raises:
            SystemExit: nobody is there any more.
        """
        message = frames.receive(self.source)
        if message is None:
            raise SystemExit(0)
        return message


def main() -> None:
    """Serve one run."""
    ends = Ends(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what libraries print is no message
    ends.to.write(MAGIC)
    threading.Thread(target=importlib.import_module, args=("distributed",), daemon=True).start()  # while others work
    message = ends.ask({"version": pytest_zygote.__version__, **facts.to_message(facts.facts_of_here())})
    folder = rendezvous.Rendezvous("")
    folder.ensure_folder()
    scratch = Path(mkdtemp(prefix="host-", dir=folder.folder))
    try:
        with contextlib.ExitStack() as stack:
            root = Path(str(message["shared"])) if message.get("shared") else _receive_tree(ends, message, stack)
            setup = str(message.get("setup") or "")
            python = host_setup.set_up(root, setup, scratch) if setup else sys.executable
            _serve(ends, {"root": str(root), **(facts.facts_of(python) if setup else {})}, python, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _receive_tree(ends: Ends, message: Message, stack: contextlib.ExitStack) -> Path:
    """Make the tree here that of the client; return its folder, which is this run's until the end."""
    root = _lock_folder(str(message["name"]), stack)
    wanted = listing((str(path), str(digest), int(str(mode))) for path, digest, mode in frames.rows(message, "files"))
    needed = change(wanted, tree_files.all_files(root))
    frames.send(ends.to, {"lacking": needed.lacking})
    archive = frames.receive_bytes(ends.source)
    if archive is None:
        raise SystemExit(0)
    tree_files.apply(root, needed, archive)
    return root


def _lock_folder(name: str, stack: contextlib.ExitStack) -> Path:
    """Return a folder that no other run uses now: the same as last time if it can be, since its daemon is warm."""
    cache = facts.cache_folder()
    number = 0
    while True:
        number += 1
        own = f"{name}-{number}" if number > 1 else name
        lock = stack.enter_context((cache / f"{own}.lock").open("w"))
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = cache / own
            folder.mkdir(exist_ok=True, mode=0o700)
            return folder


def _serve(ends: Ends, answer: Message, python: str, scratch: Path) -> None:
    order = ends.ask(answer)
    link = engine.AgentLink(order, scratch)
    run = host_run.HostRun(python, scratch, link.publish)
    host_run.current.append(run)
    environ = {**os.environ, **frames.mapping(order, "environ")}
    try:
        run.start(frames.texts(order, "args"), Path(str(answer["root"])) / str(order["cwd"]), environ)
        asyncio.run(link.serve(lambda: frames.send(ends.to, {"serving": True}), _end_of(ends), run.close))
    finally:
        run.close()


def _end_of(ends: Ends) -> threading.Event:
    """Return what is set when nobody is at the other end any more."""
    gone = threading.Event()

    def wait() -> None:
        with contextlib.suppress(OSError):
            while sockets.is_readable(ends.source.fileno(), SILENT_S) and ends.source.read(1):
                pass
        gone.set()

    threading.Thread(target=wait, daemon=True).start()
    return gone


if __name__ == "__main__":
    main()
