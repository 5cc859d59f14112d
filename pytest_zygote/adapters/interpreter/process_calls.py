"""Calls by which a module learns which process it is in, or asks to be told of forks, while a layer is built.

A layer is not the process of a run, and is forked where a run would not be. So handlers of forks are registered by
the runs that import the module, and who knows the number of the layer's process cannot be in a layer.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.adapters.interpreter.private.light import frame_above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ProcessCalls:
    """Stands in the place of `os.getpid` and `os.register_at_fork`."""

    def __init__(self, on_pid: Callable[[str], None], on_handlers: Callable[[dict[str, object]], bool]) -> None:
        """Stand nowhere yet.

        Args:
            on_pid: called with the file whose code asks for the process id.
            on_handlers: called with handlers of forks; returns whether they are to be registered later.
        """
        self._on_pid = on_pid
        self._on_handlers = on_handlers
        self._replaced: dict[object, object] = {}

    def start(self) -> None:
        """Be called from now on."""
        real_pid, real_register = os.getpid, os.register_at_fork

        def getpid() -> int:
            self._on_pid(frame_above(1).f_code.co_filename)
            return real_pid()

        def register_at_fork(**handlers: Callable[[], object]) -> None:
            if not self._on_handlers(dict(handlers)):
                real_register(**handlers)

        os.getpid, os.register_at_fork = getpid, register_at_fork  # type: ignore[assignment]  # keywords of their own
        self._replaced = {getpid: real_pid, register_at_fork: real_register}

    def stop(self, loaded: Iterable[str]) -> None:
        """Leave no trace, also in modules that were loaded meanwhile and have taken the functions by name."""
        real = {id(ours): theirs for ours, theirs in self._replaced.items()}
        for name in ("os", *loaded):
            contents = dict_of(sys.modules.get(name)) or {}
            for key, value in tuple(contents.items()):
                if id(value) in real:
                    contents[key] = real[id(value)]
        self._replaced.clear()
