"""What in a value does not survive a fork.

A connection has one stream and two processes that would talk on it at once; libpq calls the
results unpredictable, SQLite calls it a way to corrupt a database. Executors, pools and event
loops need threads, and a fork has none of them. An open file has one position for all processes.
"""

from __future__ import annotations

import fcntl
import io
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPTH = 2
"""How far a value is looked into: itself, what it holds, and what that holds."""
WIDTH = 50

UNSAFE = {
    "sqlite3.Connection": "a database connection",
    "psycopg2.extensions.connection": "a database connection",
    "psycopg.Connection": "a database connection",
    "pymysql.connections.Connection": "a database connection",
    "MySQLdb.connections.Connection": "a database connection",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "concurrent.futures._base.Executor": "an executor, whose threads stay behind",
    "multiprocessing.pool.Pool": "a pool, whose threads stay behind",
    "multiprocessing.managers.BaseManager": "a manager, whose connections would be used twice",
    "grpc.Channel": "a connection, whose threads stay behind",
    "threading.Thread": "",
}
"""Class → what it is; '' for what is looked into no further."""


def unsafe(value: object) -> str:
    """Return what in a value does not survive a fork; '' if nothing is known not to."""
    return next(_unsafe(value, DEPTH, set()), "")


def _unsafe(value: object, depth: int, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    what = _known(value)
    if what is not None:
        yield from [f"{what} ({type(value).__module__}.{type(value).__name__})"] if what else []
    elif depth:
        for part in _parts(value):
            yield from _unsafe(part, depth - 1, seen)


def _known(value: object) -> str | None:
    for base in type(value).__mro__:
        what = UNSAFE.get(f"{base.__module__}.{base.__qualname__}")
        if what is not None:
            return what
    return "an open file, which has one position for all processes" if _is_file_to_read(value) else None


def _is_file_to_read(value: object) -> bool:
    """Return whether a value is an open file with a position for what is read; what is only written is appended."""
    if not isinstance(value, io.IOBase):
        return False
    try:
        descriptor = value.fileno()
        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        return access != os.O_WRONLY and stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (OSError, ValueError):  # in memory, or closed
        return False


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())[:WIDTH]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)[:WIDTH]
    if isinstance(value, type) or callable(value):
        return []
    held = getattr(value, "__dict__", None)
    return list(held.values())[:WIDTH] if isinstance(held, dict) else []
