"""What the project's code asks its process for while it is imported, that is another one in each process.

Who has asked keeps the answer: a port that is free, a temporary folder, the name of a worker, a name with the process
id. No function is replaced: in a warm run that would change what the layer's modules have read.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import class_namespace, dict_of, is_a
from pytest_zygote.adapters.interpreter.private.light import frame_above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

_IMPORT_SYSTEM = "<frozen importlib"
_HOOK_CALLERS = (os.path.join("pluggy", "_callers.py"), os.path.join("pluggy", "_execution.py"))
"""What calls code of others: what they ask for is their own affair, though the project has imported them."""
_WORKER = "PYTEST_XDIST_"
_EVENTS = {
    "tempfile.mkdtemp": "a temporary folder",
    "tempfile.mkstemp": "a temporary file",
    "socket.bind": "a free port",
}
"""Audit event → what is asked for."""


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
        self._loaded = frozenset(sys.modules)
        self._is_watching = True
        self._restore = self._watch_environment()
        self.found: list[str] = []
        sys.addaudithook(self._on_event)

    def stop(self, parameters: Iterable[dict[str, object]] = ()) -> None:
        """Watch no longer; look what was kept by modules that were loaded meanwhile, and by parameters of tests."""
        if self._is_watching:
            self._is_watching = False
            self._restore()
            if any(map(_has_pid, (*self._own_namespaces(), *parameters))):
                self.found.append("the process id")

    def _on_event(self, event: str, args: tuple[object, ...]) -> None:
        if self._is_watching and event in _EVENTS and (event != "socket.bind" or _is_any_port(args[1])):
            self._note(_EVENTS[event])

    def _watch_environment(self) -> Callable[[], None]:
        environ = os.environ
        if not hasattr(environ, "encodekey"):  # somebody has replaced it
            return lambda: None
        encode = environ.encodekey

        def encode_key(key: str) -> str:
            if str(key).startswith(_WORKER):
                self._note(key)
            return encode(key)

        def restore() -> None:
            environ.encodekey = encode

        environ.encodekey = encode_key
        return restore

    def _note(self, what: str) -> None:
        """Note a call by the project's code, directly or by others, but not by importing others' modules."""
        frame: FrameType | None = frame_above(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_IMPORT_SYSTEM) or file.endswith(_HOOK_CALLERS):
                return
            if not file.startswith("<") and self._is_own(file):
                self.found.append(what)
                return
            frame = frame.f_back

    def _own_namespaces(self) -> list[dict[str, object]]:
        found = []
        for name, module in tuple(sys.modules.items()):
            space = dict_of(module) if name not in self._loaded else None
            file = space.get("__file__") if space else None
            if space and isinstance(file, str) and self._is_own(file):
                found.append(space)
        return found


def _is_any_port(address: object) -> bool:
    return isinstance(address, tuple) and len(address) > 1 and address[1] == 0


def _has_pid(space: dict[str, object]) -> bool:
    """Return whether something that a module or test has named holds the process id or a text of it."""
    pid = os.getpid()
    word = re.compile(rf"(?<!\d){pid}(?!\d)")
    values = list(space.values())
    for value in tuple(values):
        if is_a(value, type) and class_namespace(value).get("__module__") == space.get("__name__"):
            values += class_namespace(value).values()
        elif type(value) is dict:
            values += value.values()
        elif type(value) is list or type(value) is tuple:
            values += value
    texts = (str(value) for value in values if type(value) in (int, str) or is_a(value, PurePath))
    return any(map(word.search, texts))
