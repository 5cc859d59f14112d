"""Has the interpreter call a function whenever code starts: `sys.monitoring`, Python 3.12 on.

A callback that returns `DISABLE` is not called for that code again, until all events are restarted:
the code pays nothing from then on. Numbers of tools are few, and other tools of the user's want
theirs: one is claimed late, given back early, and done without if there is none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

TOOL_IDS = (4, 3, 5, 2)
"""Of `sys.monitoring`, those nobody has claimed first; 0 and 1 are for debuggers and coverage."""

DISABLE: object = None
if sys.version_info >= (3, 12):
    DISABLE = sys.monitoring.DISABLE
"""What a callback returns that need not hear of this code again."""


class CodeStarts:
    """One tool, which hears of code that starts: of calls, not of generators that go on."""

    def __init__(self, name: str) -> None:
        """Hear nothing yet; `name` is what other tools see in our place."""
        self._name = name
        self._tool = -1

    @property
    def is_claimed(self) -> bool:
        """Whether the interpreter tells us."""
        return self._tool >= 0

    def claim(
        self,
        on_start: Callable[[CodeType, int], object],
        *,
        everywhere: bool = True,
        on_call: Callable[[CodeType, int, object, object], object] | None = None,
    ) -> bool:
        """Call this from now on with each code that starts; return whether there was a number left.

        Args:
            on_start: takes the code, and a number without meaning here.
            everywhere: whether all code counts, or only what `look_at` names.
            on_call: is called before each call, with what is called and the first argument.
        """
        if sys.version_info >= (3, 12):
            monitoring = sys.monitoring
            self._tool = next((tool for tool in TOOL_IDS if monitoring.get_tool(tool) is None), -1)
            if self.is_claimed:
                monitoring.use_tool_id(self._tool, self._name)
                monitoring.register_callback(self._tool, monitoring.events.PY_START, on_start)
                events = monitoring.events.PY_START if everywhere else 0
                if on_call is not None:
                    monitoring.register_callback(self._tool, monitoring.events.CALL, on_call)
                    events |= monitoring.events.CALL
                monitoring.set_events(self._tool, events)
        return self.is_claimed

    def look_at(self, code: CodeType) -> None:
        """Hear of this code too; the present start of it may or may not be told."""
        if sys.version_info >= (3, 12) and self.is_claimed:
            sys.monitoring.set_local_events(self._tool, code, sys.monitoring.events.PY_START)

    def look_at_calls(self, code: CodeType, on_call: Callable[[CodeType, int, object, object], object]) -> None:
        """Hear also of each call that this code makes, by the same function for all such codes."""
        if sys.version_info >= (3, 12) and self.is_claimed:
            sys.monitoring.register_callback(self._tool, sys.monitoring.events.CALL, on_call)
            sys.monitoring.set_local_events(self._tool, code, sys.monitoring.events.CALL)

    def rearm(self, codes: Iterable[CodeType]) -> None:
        """Hear of these again, which were named to `look_at` and then disabled; half a microsecond each."""
        if sys.version_info >= (3, 12) and self.is_claimed:
            tool, start, look_at = self._tool, sys.monitoring.events.PY_START, sys.monitoring.set_local_events
            for code in codes:
                look_at(tool, code, 0)
                look_at(tool, code, start)

    def release(self) -> None:
        """Give the number back, as if it had never been used."""
        if sys.version_info >= (3, 12) and self.is_claimed:
            monitoring = sys.monitoring
            monitoring.set_events(self._tool, 0)
            for event in (monitoring.events.PY_START, monitoring.events.CALL):
                monitoring.register_callback(self._tool, event, None)
            monitoring.free_tool_id(self._tool)
            # Else the next user of this number would not see the code that was disabled.
            monitoring.restart_events()
            self._tool = -1
