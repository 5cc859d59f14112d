"""Processes that keep fixtures for many runs: where they are, and how others speak to them.

Beside the daemon's socket each has a socket of its own (``.keep``), which answers, and a file that
describes it (``.json``), so that the daemon can list them without waiting for any. What is said:

==== ==================================================================================
byte meaning
==== ==================================================================================
u    I use your value until I close this connection; the answer is a parcel
e    end when nobody uses you any more; the end of the connection is the answer
==== ==================================================================================
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import socket

USE, END = b"u", b"e"
SUFFIX = ".keep"


def path_for(daemon: str, name: str) -> str:
    """Return where the process for this fixture is met, of the daemon with this socket."""
    from _blake2 import blake2b

    return f"{_stem(daemon)}.{blake2b(os.fsencode(name), digest_size=4).hexdigest()}{SUFFIX}"


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def lock_of(path: str) -> str:
    """Return the file that is locked while somebody looks for such a process, and makes one."""
    return f"{_stem(path)}.lock"


def connect(path: str) -> socket.socket | None:
    """Connect to one; None, and nothing is left of it, if it is gone."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(path)
    except OSError:
        link.close()
        remove(path)
        return None
    return link


def end(path: str) -> bool:
    """Have one torn down, as soon as nobody uses it; wait for that; tell whether there was one."""
    link = connect(path)
    if link is None:
        return False
    with link, contextlib.suppress(OSError):
        link.sendall(END)
        while link.recv(1):
            pass
    return True


def end_all(daemon: str) -> int:
    """Have all of a daemon torn down, the last first; return how many there were."""
    paths = glob.glob(f"{glob.escape(_stem(daemon))}.*{SUFFIX}")
    newest_first = sorted(paths, key=lambda path: str(_read(path).get("since", "")), reverse=True)
    return sum(map(end, newest_first))


def describe(path: str, facts: dict[str, object]) -> None:
    """Write down what the status shows of one."""
    file = f"{_stem(path)}.json"
    with open(f"{file}.new", "w", encoding="utf-8") as stream:
        json.dump(facts, stream)
    os.replace(f"{file}.new", file)


def listed(daemon: str) -> list[dict[str, object]]:
    """Return what is written about those of a daemon, in the order of their age."""
    found = (_read(path) for path in glob.glob(f"{glob.escape(_stem(daemon))}.*{SUFFIX}"))
    return sorted((facts for facts in found if facts), key=lambda facts: str(facts["since"]))


def _read(path: str) -> dict[str, object]:
    try:
        with open(f"{_stem(path)}.json", encoding="utf-8") as stream:
            facts = json.load(stream)
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def remove(path: str) -> None:
    """Remove the names of one that is gone."""
    for file in (path, f"{_stem(path)}.json"):
        with contextlib.suppress(OSError):
            os.unlink(file)
