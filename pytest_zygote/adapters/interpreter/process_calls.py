"""Calls by which a module learns which process it is in, or asks to be called later, while a layer is built.

A layer is not the process of a run, is forked where a run would not be, and never ends as one. So handlers of forks
and of the end are registered by the runs that import the module, and who knows the number of the layer's process
cannot be in a layer.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.adapters.interpreter.private.light import frame_above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    Function: TypeAlias = Callable[..., object]  # type: ignore[explicit-any]  # of any signature
    ExitHandler: TypeAlias = tuple[Function, tuple[object, ...], dict[str, object]]


class ProcessCalls:
    """Stands in the place of `os.getpid`, `os.register_at_fork`, `os.putenv`, `os.unsetenv` and `atexit.register`."""

    def __init__(
        self,
        on_pid: Callable[[str], None],
        on_handlers: Callable[[dict[str, object]], bool],
        on_exit_handler: Callable[[str, ExitHandler], bool],
        on_variable: Callable[[str, bool], None],
    ) -> None:
        """Stand nowhere yet.

        Args:
            on_pid: called with the file whose code asks for the process id.
            on_handlers: called with handlers of forks; returns whether they are to be registered later.
            on_exit_handler: the same for a handler of the end, with the file whose code registers it.
            on_variable: called with a variable of the environment that is set past `os.environ`, and whether it is
                another there now.
        """
        self._on_pid = on_pid
        self._on_handlers = on_handlers
        self._on_exit_handler = on_exit_handler
        self._on_variable = on_variable
        self._replaced: dict[object, object] = {}

    def start(self) -> None:
        """Be called from now on."""
        real_pid, real_register, real_exit = os.getpid, os.register_at_fork, atexit.register

        def getpid() -> int:
            self._on_pid(frame_above(1).f_code.co_filename)
            return real_pid()

        def register_at_fork(**handlers: Callable[[], object]) -> None:
            if not self._on_handlers(dict(handlers)):
                real_register(**handlers)

        def register(function: Function, /, *args: object, **named: object) -> Function:
            if not self._on_exit_handler(frame_above(1).f_code.co_filename, (function, args, named)):
                real_exit(function, *args, **named)
            return function

        for name in ("putenv", "unsetenv"):
            self._stand_for(name)
        os.getpid, os.register_at_fork = getpid, register_at_fork  # type: ignore[assignment]  # keywords of their own
        atexit.register = register  # type: ignore[assignment]  # its types are less exact
        self._replaced |= {getpid: real_pid, register_at_fork: real_register, register: real_exit}

    def _stand_for(self, name: str) -> None:
        real: Function = getattr(os, name)

        def changing(key: str | bytes, *value: str | bytes) -> None:
            real(key, *value)
            if frame_above(1).f_globals is not vars(os):  # `os.environ` calls it, too
                now = os.fsdecode(value[0]) if value else None
                self._on_variable(os.fsdecode(key), os.environ.get(os.fsdecode(key)) != now)

        setattr(os, name, changing)
        self._replaced[changing] = real

    def stop(self, loaded: Iterable[str]) -> None:
        """Leave no trace, also in modules that were loaded meanwhile and have taken the functions by name."""
        real = {id(ours): theirs for ours, theirs in self._replaced.items()}
        for name in ("os", "atexit", *loaded):
            contents = dict_of(sys.modules.get(name)) or {}
            for key, value in tuple(contents.items()):
                if id(value) in real:
                    contents[key] = real[id(value)]
        self._replaced.clear()
