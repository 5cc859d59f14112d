"""What the project's code asks its process for while it is imported, that is another one in each process.

Who has asked keeps the answer: a name with the process id, a port that is free, the name of a worker.
"""

from __future__ import annotations

import os
import socket
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.adapters.interpreter.private.light import frame_above

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_CALLERS = ("<frozen importlib", os.path.join("pluggy", "_callers.py"))
"""What calls code of others: what they ask for is their own affair, though the project has imported them."""
_WORKER = "PYTEST_XDIST_"


class _Watched(NamedTuple):
    """A function, and what is learned by calling it.

    Attributes:
        owner: module or class.
        name: of the function.
        what: the answer.
        is_direct: whether only calls by the project's own code count: a logger asks for the id of each record.
    """

    owner: object
    name: str
    what: str
    is_direct: bool = False


_WATCHED = (
    _Watched(os, "getpid", "the process id", is_direct=True),
    _Watched(tempfile, "mkdtemp", "a temporary folder"),
    _Watched(tempfile, "mkstemp", "a temporary file"),
    _Watched(socket.socket, "bind", "a port"),
)


class OwnCalls:
    """Watches calls until it is stopped.

    Attributes:
        found: what was asked for.
    """

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        """Watch from now on.

        Args:
            is_own: returns whether a file is the project's.
        """
        self._is_own = is_own
        self.found: list[str] = []
        self._undo: list[Callable[[], None]] = [self._watch(watched) for watched in _WATCHED]
        if hasattr(os.environ, "encodekey"):  # else somebody has replaced it
            self._undo.append(self._watch_environment())

    def stop(self) -> None:
        """Watch no longer. A function that a module has taken by name stays ours, and only calls the real one."""
        while self._undo:
            self._undo.pop()()

    def _watch(self, watched: _Watched) -> Callable[[], None]:
        space = vars(watched.owner)
        is_inherited = watched.name not in space
        real = getattr(watched.owner, watched.name)

        def asked(*args: object, **named: object) -> object:
            if self._undo and self._is_asked_by_own(is_direct=watched.is_direct):
                self.found.append(watched.what)
            return real(*args, **named)

        setattr(watched.owner, watched.name, asked)

        def restore() -> None:
            if getattr(watched.owner, watched.name) is not asked:
                return  # somebody has patched it since
            if is_inherited:
                delattr(watched.owner, watched.name)
            else:
                setattr(watched.owner, watched.name, real)

        return restore

    def _watch_environment(self) -> Callable[[], None]:
        environ = os.environ
        encode = environ.encodekey

        def encode_key(key: str) -> str:
            if str(key).startswith(_WORKER) and self._is_asked_by_own(is_direct=False):
                self.found.append(key)
            return encode(key)

        environ.encodekey = encode_key

        def restore() -> None:
            environ.encodekey = encode

        return restore

    def _is_asked_by_own(self, *, is_direct: bool) -> bool:
        """Return whether the project's code has called, by others or directly, but not by importing others' modules."""
        frame: FrameType | None = frame_above(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_CALLERS[0]) or file.endswith(_CALLERS[1]):
                return False
            if not file.startswith("<") and self._is_own(file):
                return True
            frame = None if is_direct else frame.f_back
        return False
