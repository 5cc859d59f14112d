"""Tells which code ran since the last time it was asked, by `sys.monitoring` (Python 3.12 on).

The interpreter calls us when code starts; the answer DISABLE makes the code free of charge until
`restart` has all events fire again. Events of all code, not of the project's alone: what is loaded
during a test, patched or made by `exec` cannot be forgotten. Generators that go on where another
test left them are not seen: only their start is.

A few functions of the standard library are never disabled: they tell what is read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.monitoring import DISABLE, CodeStarts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, FrameType

MODULE = "<module>"


class Executions:
    """Collects the code objects that start."""

    def __init__(self, on_module: Callable[[FrameType], None]) -> None:
        """Watch nothing yet; `on_module` is called when the code of a module starts."""
        self._on_module = on_module
        self._monitored = CodeStarts("pytest_zygote affected")
        self._started: list[CodeType] = []
        self._watched: dict[int, tuple[CodeType, Callable[[FrameType], None]]] = {}

    @property
    def is_watching(self) -> bool:
        """Whether this interpreter tells us."""
        return self._monitored.is_claimed

    def start(self, watched: Mapping[CodeType, Callable[[FrameType], None]]) -> None:
        """Watch from now on; call these functions whenever these codes start."""
        self._watched = {id(code): (code, see) for code, see in watched.items()}
        self._monitored.claim(self._callback())

    def stop(self) -> None:
        """Watch no more."""
        self._monitored.release()

    def drain(self) -> list[CodeType]:
        """Return what started since the last time."""
        started = self._started[:]
        self._started.clear()
        return started

    def restart(self) -> None:
        """Have all code tell us again when it starts next: until then each code does so once."""
        self._monitored.restart()

    def _callback(self) -> Callable[[CodeType, int], object]:
        """Return a function that does as little as possible: it is called for every code object there is."""
        remember = self._started.append
        watched = self._watched
        on_module = self._on_module
        disable = DISABLE

        def on_start(code: CodeType, _offset: int) -> object:
            see = watched.get(id(code))
            if see is not None:
                see[1](sys._getframe(1))  # noqa: SLF001 - documented in the library reference of sys
                return None
            remember(code)
            if code.co_name == MODULE:
                on_module(sys._getframe(1))  # noqa: SLF001
            return disable

        return on_start
