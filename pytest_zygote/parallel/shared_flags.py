"""A few bytes that all processes of a run share: whether to stop, or to wait.

Under ``-x`` no worker may begin another test after a failure, and the parent learns of the failure too late to prevent
it. Each worker counts in a slot of its own, so no lock is needed.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import mmap

SIZE = 4
"""Bytes of one count."""
MAX_WORKERS = 4096
"""Counts of failures; workers with higher numbers share them."""
STOPPED, DEBUGGING, INTERRUPTS, ASLEEP = range(SIZE)
"""The bytes before the counts."""
COUNTS_END = SIZE * (MAX_WORKERS + 1)
"""Where the tests begin, each with a byte that tells whether it was tried again."""


def size_of(tests: int) -> int:
    """Return how many bytes the flags of a run with so many tests take."""
    return COUNTS_END + tests


class SharedFlags:
    """Failures of each worker, and flags for all of them."""

    def __init__(self, max_failures: int, tests: int, descriptor: int = -1) -> None:
        """Stop after so many failures; 0 for no limit.

        Args:
            max_failures: at which no test may begin any more.
            tests: how many there are.
            descriptor: of a file that holds the flags, for processes that are no forks of this one.
        """
        self._max_failures = max_failures
        self._shared = mmap.mmap(descriptor, size_of(tests))

    def may_try_again(self, test: int) -> bool:
        """Return whether a test may be tried again, and count this try: each may once."""
        was_tried = self._shared[COUNTS_END + test] != 0
        self._shared[COUNTS_END + test] = 1
        return not was_tried

    @property
    def is_stopped(self) -> bool:
        """Whether no test may begin any more."""
        return self._shared[STOPPED] != 0

    def stop(self) -> None:
        """Prevent any other test from beginning."""
        self._shared[STOPPED] = 1

    @property
    def is_debugging(self) -> bool:
        """Whether a worker has the terminal, and the others wait."""
        return self._shared[DEBUGGING] != 0

    def set_debugging(self, *, on: bool) -> None:
        """Make the other workers wait, or continue."""
        self._shared[DEBUGGING] = int(on)

    @property
    def interrupts(self) -> int:
        """How often Ctrl-C was pressed for a debugger."""
        return self._shared[INTERRUPTS]

    def note_interrupt(self) -> None:
        """Count one more."""
        self._shared[INTERRUPTS] = (self._shared[INTERRUPTS] + 1) % 256

    @property
    def is_asleep(self) -> bool:
        """Whether the run process waits, and must be woken by a worker that writes something."""
        return self._shared[ASLEEP] != 0

    def sleep(self) -> None:
        """Ask the next worker that writes something to wake the run process."""
        self._shared[ASLEEP] = 1

    def wake(self) -> None:
        """Ask no worker to wake the run process: it is awake."""
        self._shared[ASLEEP] = 0

    def count_failure(self, worker: int) -> None:
        """Count a failure, and stop the run if that reaches the limit."""
        if not self._max_failures:
            return
        at = SIZE * (1 + worker % MAX_WORKERS)
        count = int.from_bytes(self._shared[at : at + SIZE], "little") + 1
        self._shared[at : at + SIZE] = count.to_bytes(SIZE, "little")
        counts = (self._shared[at : at + SIZE] for at in range(SIZE, COUNTS_END, SIZE))
        if sum(int.from_bytes(count, "little") for count in counts) >= self._max_failures:
            self.stop()

    def close(self) -> None:
        """Free the memory."""
        self._shared.close()
