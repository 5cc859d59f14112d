"""Keeps unit tests honest: they start no process and do not sleep.

A fork of a test process copies whatever other tests left behind, and a sleep waits for the clock. Both make a test
slow, and dependent on the machine. The tests of adapters try the real thing; those that need a process are marked
`integration`, and `make test-fast` leaves them out, as it does all of `tests/e2e`.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

MARK = "integration"
END_TO_END = Path(__file__).parents[1] / "e2e"
FORBIDDEN = frozenset(
    ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "pty.spawn", "subprocess.Popen", "time.sleep")
)
"""Names of the interpreter's audit events."""


class ProcessGuard:
    """Fails a unit test that does what only other tests may do.

    The audit hook cannot be removed, so it is added only once, and does nothing outside of unit tests.
    """

    def __init__(self) -> None:
        """Make a guard that watches nothing yet."""
        self._is_watching = False
        self._is_installed = False

    def start(self, item: pytest.Item) -> None:
        """Watch a test from here on, unless it may start processes."""
        if item.get_closest_marker(MARK) or item.path.is_relative_to(END_TO_END):
            return
        if not self._is_installed:
            sys.addaudithook(self._on_event)
            self._is_installed = True
        self._is_watching = True

    def stop(self) -> None:
        """Watch no more."""
        self._is_watching = False

    def _on_event(self, event: str, _: tuple[object, ...]) -> None:
        # Threads that pytest's plugins or earlier tests have started are not the test's doing.
        if self._is_watching and event in FORBIDDEN and threading.current_thread() is threading.main_thread():
            self._is_watching = False
            pytest.fail(f"A unit test must not use {event}: pass a fake, or mark the test `{MARK}`.")
