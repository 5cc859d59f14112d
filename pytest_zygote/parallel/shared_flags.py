"""A few bytes that all processes of a run share: whether to stop, or to wait.

A worker that has failed must not begin another test under ``-x``, and the parent hears of the
failure too late to prevent it. Each worker counts in a place of its own, so no lock is needed.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import mmap

SIZE = 4
MEMBERS = 4096


class SharedFlags:
    """Failures of each worker, and a word for all."""

    def __init__(self, most: int, tests: int) -> None:
        """Stop after so many failures; 0 for no limit."""
        self._most = most
        self._shared = mmap.mmap(-1, SIZE * (MEMBERS + 1))
        self._tried = mmap.mmap(-1, max(tests, 1))

    def may_try_again(self, test: int) -> bool:
        """Tell whether a test has not been given another try yet, and note that it is."""
        was_tried = self._tried[test] != 0
        self._tried[test] = 1
        return not was_tried

    @property
    def is_stopped(self) -> bool:
        """Whether no test may begin any more."""
        return self._shared[0] != 0

    def stop(self) -> None:
        """Let no test begin any more."""
        self._shared[0] = 1

    @property
    def is_debugged(self) -> bool:
        """Whether a worker has the terminal, and the others wait."""
        return self._shared[1] != 0

    def let_debug(self, *, on: bool) -> None:
        """Have workers wait, or no longer."""
        self._shared[1] = int(on)

    @property
    def interrupts(self) -> int:
        """How often Ctrl-C was pressed for a debugger."""
        return self._shared[2]

    def note_interrupt(self) -> None:
        """Count one."""
        self._shared[2] = (self._shared[2] + 1) % 256

    @property
    def is_asleep(self) -> bool:
        """Whether the run process waits, and wants to be woken by who tells something."""
        return self._shared[3] != 0

    def sleep(self) -> None:
        """Have who tells something wake the run process."""
        self._shared[3] = 1

    def wake(self) -> None:
        """Have nobody wake it: it is awake."""
        self._shared[3] = 0

    def count_failure(self, worker: int) -> None:
        """Note a failure, and stop if it was one too many."""
        if not self._most:
            return
        at = SIZE * (1 + worker % MEMBERS)
        count = int.from_bytes(self._shared[at : at + SIZE], "little") + 1
        self._shared[at : at + SIZE] = count.to_bytes(SIZE, "little")
        counts = (self._shared[at : at + SIZE] for at in range(SIZE, SIZE * (MEMBERS + 1), SIZE))
        if sum(int.from_bytes(count, "little") for count in counts) >= self._most:
            self.stop()

    def close(self) -> None:
        """Let go of it."""
        self._shared.close()
        self._tried.close()
