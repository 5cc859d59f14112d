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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, FrameType

TOOL_IDS = (4, 3, 5, 2)
"""Of `sys.monitoring`, those nobody has claimed first; 0 and 1 are for debuggers and coverage."""

MODULE = "<module>"


class Executions:
    """Collects the code objects that start."""

    def __init__(self, on_module: Callable[[FrameType], None]) -> None:
        """Watch nothing yet; `on_module` is called when the code of a module starts."""
        self._on_module = on_module
        self._tool = -1
        self._started: list[CodeType] = []
        self._watched: dict[int, tuple[CodeType, Callable[[FrameType], None]]] = {}

    @property
    def is_watching(self) -> bool:
        """Whether this interpreter tells us."""
        return self._tool >= 0

    def start(self, watched: Mapping[CodeType, Callable[[FrameType], None]]) -> None:
        """Watch from now on; call these functions whenever these codes start."""
        self._watched = {id(code): (code, see) for code, see in watched.items()}
        if sys.version_info >= (3, 12):
            monitoring = sys.monitoring
            free = [tool for tool in TOOL_IDS if monitoring.get_tool(tool) is None]
            if not free:
                return
            self._tool = free[0]
            monitoring.use_tool_id(self._tool, "pytest_zygote affected")
            monitoring.register_callback(self._tool, monitoring.events.PY_START, self._callback(monitoring.DISABLE))
            monitoring.set_events(self._tool, monitoring.events.PY_START)

    def stop(self) -> None:
        """Watch no more."""
        if sys.version_info >= (3, 12) and self._tool >= 0:
            monitoring = sys.monitoring
            monitoring.set_events(self._tool, 0)
            monitoring.register_callback(self._tool, monitoring.events.PY_START, None)
            monitoring.free_tool_id(self._tool)
            self._tool = -1

    def drain(self) -> list[CodeType]:
        """Return what started since the last time."""
        started = self._started[:]
        self._started.clear()
        return started

    def restart(self) -> None:
        """Have all code tell us again when it starts next: until then each code does so once."""
        if sys.version_info >= (3, 12) and self._tool >= 0:
            sys.monitoring.restart_events()

    def _callback(self, disable: object) -> Callable[[CodeType, int], object]:
        """Return a function that does as little as possible: it is called for every code object there is."""
        remember = self._started.append
        watched = self._watched
        on_module = self._on_module

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
