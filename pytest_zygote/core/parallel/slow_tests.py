"""Which tests have been running for long."""

from __future__ import annotations

LONG_S = 5.0
"""A test that runs this long is named, and again each time that it has run twice as long."""


class SlowTests:
    """The tests that run now, and since when."""

    def __init__(self) -> None:
        """Know of none."""
        self._running: dict[str, tuple[str, float, float]] = {}

    def begin(self, worker: str, test: str, now: float) -> None:
        """Note what a worker runs."""
        self._running[worker] = (test, now, LONG_S)

    def end(self, worker: str) -> None:
        """Note that a worker runs nothing."""
        self._running.pop(worker, None)

    def due_s(self, now: float) -> float | None:
        """Return in how many seconds a line may be due; None if nothing runs."""
        waits = [begun + limit - now for _, begun, limit in self._running.values()]
        return max(min(waits), 0.0) if waits else None

    def overdue(self, now: float) -> list[str]:
        """Return a line about each test that has been running for long; the next one about it is due much later."""
        lines: list[str] = []
        for worker, (test, begun, limit) in self._running.items():
            if now >= begun + limit:
                lines.append(f"[{worker}] has been running {test} for {limit:.0f} s")
                self._running[worker] = (test, begun, 2 * limit)
        return lines
