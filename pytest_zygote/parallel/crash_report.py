"""The report of a test whose worker has died, and what becomes of the test then.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_zygote.parallel.worker_handle import WorkerHandle


class RetryRequest:
    """Passed to plugins as the scheduler when a worker has died: they may ask for another try.

    Attributes:
        config: of the session, as plugins expect it of a scheduler.
        is_made: whether a plugin has asked.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Start with no request."""
        self.config = config
        self.is_made = False

    def mark_test_pending(self, item: str) -> None:
        """Ask for another try."""
        del item
        self.is_made = True


def report_of(test: pytest.Item, worker: WorkerHandle) -> pytest.TestReport:
    """Return the report of a test that a worker died of, with what the worker wrote last."""
    ending = f"worker {worker.name!r} crashed while running {test.nodeid!r}"
    output = worker.last_output()
    return pytest.TestReport(
        nodeid=test.nodeid,
        location=test.location,
        keywords={},
        outcome="failed",
        longrepr=f"{ending} ({_cause(worker.status or 0)})" + (f"\n{output}" if output else ""),
        when="???",  # type: ignore[arg-type]  # what pytest-xdist says, and plugins look for
    )


def _cause(status: int) -> str:
    """Return how a process has ended, from the exit code or the negative number of a signal."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
