"""Exit handlers: which of those that a layer's modules registered are right for a run.

A module registers its handler once, when it is imported, and a run finds it imported. Running
all of a layer's handlers at the end of each run would be wrong: a TemporaryDirectory made at
import would be deleted by the first run that ends, under the feet of all others. Running none
would be wrong too: execnet registers at import what ends the processes that tests start. So:

====================================================  ========================================
registered                                            in a run
====================================================  ========================================
after the fork                                        runs
a function of the standard library (logging …)        runs: it tidies up what the run used
anything of an installed package, without arguments   runs: it tidies up the package's own state
anything of the project's, while it is imported       runs: registered by each run that imports it
                                                      (`adapters.interpreter.process_calls`)
with arguments, by `weakref`, a method of an          does not run: it belongs to something that
object of the standard library                        was made at import, and all runs share
====================================================  ========================================
"""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pytest_zygote.adapters.interpreter.private import ending

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

EARLY = (("logging", "shutdown"), ("multiprocessing.util", "_exit_function"))
"""What may have been registered before we looked."""


class ExitHandlers:
    """Writes down what is registered in a zygote."""

    def __init__(self, *, is_installed: Callable[[str], bool], is_foreign: Callable[[str], bool]) -> None:
        """Start writing down.

        Args:
            is_installed: tells whether a file belongs to an installed package.
            is_foreign: the same, or to the standard library.
        """
        self._is_installed = is_installed
        self._is_foreign = is_foreign
        self._handlers: list[Callable[[], object]] = []
        self._register, self._unregister = atexit.register, atexit.unregister
        atexit.register = self._observed_register
        atexit.unregister = self._observed_unregister

    def _observed_register(self, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> Callable[P, T]:
        if not args and not named:
            self._handlers.append(function)
        return self._register(function, *args, **named)

    def _observed_unregister(self, function: Callable[P, T], /) -> None:
        self._handlers = [handler for handler in self._handlers if handler != function]
        self._unregister(function)

    def begin_run(self) -> None:
        """Keep the handlers that are right for a run, and stop writing down."""
        atexit.register, atexit.unregister = self._register, self._unregister
        early = forget()
        for handler in self._handlers:
            if handler not in early and self._is_right(handler):
                atexit.register(handler)

    def _is_right(self, handler: Callable[[], object]) -> bool:
        file = _file_of(handler)
        return self._is_installed(file) or (self._is_foreign(file) and not hasattr(handler, "__self__"))


def forget() -> list[Callable[[], object]]:
    """Run at the end of this process, a fork, only what the standard library must tidy up; return those handlers."""
    ending.clear_exit_handlers()
    ending.disarm_finalizers()
    early = [getattr(sys.modules[module], name) for module, name in EARLY if module in sys.modules]
    for handler in early:
        atexit.register(handler)
    return early


def _file_of(handler: object) -> str:
    function = getattr(handler, "__func__", handler)
    code = getattr(function, "__code__", None)
    return "" if code is None else str(code.co_filename)
