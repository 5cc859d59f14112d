"""Starts workers: forks of the process that has collected, or of one that has not configured yet.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes
from pytest_zygote.parallel import after_fork, ring_buffer, shared_flags, worker
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.worker_handle import WorkerHandle
from pytest_zygote.parallel.worker_zygote import WorkerOrder, open_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_zygote.fixtures.shared import SharedFixtures
    from pytest_zygote.parallel.worker_zygote import WorkerZygote
    from pytest_zygote.parallel.xdist_node import Node


class WorkerStarter:
    """Starts the workers of a session.

    Attributes:
        flags: that all of them share.
        zygote: what forks workers that collect by themselves; None for forks of this process.
    """

    def __init__(
        self,
        session: pytest.Session,
        shared_fixtures: SharedFixtures,
        zygote: WorkerZygote | None,
        leave: Callable[[], None],
    ) -> None:
        """Start none yet.

        Args:
            session: that has collected the tests.
            shared_fixtures: of the session.
            zygote: see above.
            leave: called in a fork of this process, to be the controller no more.
        """
        self._session = session
        self._shared_fixtures = shared_fixtures
        self._leave = leave
        self._basetemp = after_fork.basetemp(session.config)
        self._max_failures = session.config.getvalue("maxfail")
        self.zygote = zygote
        tests = len(session.items)
        self._memory = -1 if zygote is None else open_memory(shared_flags.size_of(tests))
        self.flags = SharedFlags(self._max_failures, tests, self._memory)

    def start(self, number: int, node: Node) -> WorkerHandle:
        """Return a worker that has been forked."""
        after_fork.flush(self._session.config)
        if self.zygote is not None:
            return self._start_configured(self.zygote, number, node)
        made = WorkerHandle(number, node)
        made.started(processes.fork_among_threads(lambda: self._become(made)))
        return made

    def _become(self, made: WorkerHandle) -> int:
        self._leave()
        basetemp = None if self._basetemp is None else self._basetemp / f"popen-{made.name}"
        return worker.work(worker.Inherited(self._session, made, self.flags, self._shared_fixtures, basetemp))

    def _start_configured(self, zygote: WorkerZygote, number: int, node: Node) -> WorkerHandle:
        memory = open_memory(ring_buffer.START + ring_buffer.CAPACITY)
        made = WorkerHandle(number, node, memory)
        order = WorkerOrder(
            number=number,
            workerinput=node.workerinput,
            environ=node.environ,
            basetemp="" if self._basetemp is None else str(self._basetemp / f"popen-{made.name}"),
            max_failures=self._max_failures,
            tests=len(self._session.items),
            own_fixtures=self._shared_fixtures.own_of_workers(),
        )
        pid = zygote.fork(order, [*made.descriptors(), memory, self._memory])
        os.close(memory)
        made.started(pid, zygote.wait)
        return made

    def close(self) -> None:
        """Free what the workers have shared."""
        self.flags.close()
        if self._memory >= 0:
            os.close(self._memory)
