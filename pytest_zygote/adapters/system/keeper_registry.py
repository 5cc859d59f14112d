"""Where the processes are that hold persistent fixtures, and what the daemon's status shows of them.

Beside the daemon's socket each keeper has a socket of its own (``.keep``) and a file that describes it
(``.json``), so that the daemon can list all keepers without waiting for any.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os

from pytest_zygote.adapters.interpreter.private.light import new_blake2b

SUFFIX = ".keep"


def path_for(daemon: str, name: str) -> str:
    """Return the socket of the process that holds a fixture for the daemon with this socket."""
    return f"{_stem(daemon)}.{new_blake2b(4, os.fsencode(name)).hexdigest()}{SUFFIX}"


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def lock_of(path: str) -> str:
    """Return the file that is locked while somebody looks for a keeper, and starts one."""
    return f"{_stem(path)}.lock"


def newest_first(daemon: str) -> list[str]:
    """Return the sockets of a daemon's keepers; later ones may need what earlier ones hold."""
    return sorted(glob.glob(f"{glob.escape(_stem(daemon))}.*{SUFFIX}"), key=_since, reverse=True)


def newer_than(path: str) -> list[str]:
    """Return the sockets of the same daemon's keepers that are newer than the one at a path, the newest first."""
    return [other for other in newest_first(_stem(path)) if _since(other) > _since(path)]


def _since(path: str) -> float:
    since = _read(path).get("since")
    return since if isinstance(since, float) else 0.0


def describe(path: str, facts: dict[str, object]) -> None:
    """Write down what the status shows of a keeper."""
    file = f"{_stem(path)}.json"
    with open(f"{file}.new", "w", encoding="utf-8") as stream:
        json.dump(facts, stream)
    os.replace(f"{file}.new", file)


def listed(daemon: str) -> list[dict[str, object]]:
    """Return what is written about a daemon's keepers, the oldest first."""
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
    """Remove the files of a keeper that is gone."""
    for file in (path, f"{_stem(path)}.json"):
        with contextlib.suppress(OSError):
            os.unlink(file)
