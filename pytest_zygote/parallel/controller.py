"""The run process of a parallel run: it forks workers, gives them tests, and replays what they report.

It runs no test itself, so it stays what it was after collection, and a worker that died is replaced by another fork of
it within milliseconds. Where such a fork is not exact, workers are forked from a `WorkerZygote`, and begin when all
have collected the same (`CollectionBarrier`).

What is to be done is decided by a `WorkerPool`; the controller brings it the events, and performs its actions. Whatever
a worker reports goes through the same hooks as without workers, in this process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system import processes, signals, sockets
from pytest_zygote.core.parallel import events
from pytest_zygote.core.parallel.events import ItemFinished, ItemStarted, QueueEmpty, WorkerFinished, WorkerOutgrown
from pytest_zygote.core.parallel.worker_pool import GRACE_S, WorkerPool, name_of
from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.parallel import fast_hooks, messages, run_limits, terminal
from pytest_zygote.parallel.collection_barrier import CollectionBarrier
from pytest_zygote.parallel.event_wait import EventWait
from pytest_zygote.parallel.fixture_replies import fixture_reply
from pytest_zygote.parallel.report_replay import ReportReplay
from pytest_zygote.parallel.work_queue import END
from pytest_zygote.parallel.worker_handle import LOOK_AGAIN_S
from pytest_zygote.parallel.worker_starter import WorkerStarter
from pytest_zygote.parallel.xdist_node import Node

if TYPE_CHECKING:
    import pytest

    from pytest_zygote.fixtures.shared import SharedFixtures
    from pytest_zygote.parallel.plan import ParallelPlan
    from pytest_zygote.parallel.worker_handle import WorkerHandle
    from pytest_zygote.parallel.worker_zygote import WorkerZygote

NEVER = 1_000_000
"""Full collections would walk over all that has been collected, and copy its pages: only tests make garbage."""


class Controller:
    """Performs what a `WorkerPool` decides.

    Attributes:
        lines: what each worker did.
    """

    def __init__(
        self,
        session: pytest.Session,
        plan: ParallelPlan,
        shared_fixtures: SharedFixtures,
        zygote: WorkerZygote | None = None,
    ) -> None:
        """Prepare to run the tests of a session; without a zygote, workers are forks of this process."""
        self._session = session
        self._plan = plan
        self._shared_fixtures = shared_fixtures
        self._config = session.config
        self._pool = WorkerPool(plan.schedule(), plan.count, plan.max_restarts, run_limits.of_pool(self._config))
        self._starter = WorkerStarter(session, shared_fixtures, zygote, self._leave)
        self._flags = self._starter.flags
        self._workers: dict[int, WorkerHandle] = {}
        self._event_wait = EventWait(self._flags, plan.feed)
        self._replay = ReportReplay(session, plan)
        self._screen = terminal.Screen(session.config)
        self._barrier = CollectionBarrier(plan.ids, self._handle)
        self._thresholds = gc.get_threshold()
        self._unreaped: list[WorkerHandle] = []
        self.lines: list[str] = []

    @property
    def summary(self) -> str:
        """Why the run did not go to its end; '' if it did."""
        return self._pool.summary

    def run(self) -> None:
        """Run all tests; return when the last worker is gone."""
        gc.set_threshold(*self._thresholds[:-1], NEVER)
        try:
            self._on(events.RunStarted())
            if self._starter.zygote is not None:
                self._await_collections()
            self._screen.hold()
            with fast_hooks.fast_hooks(self._config):
                while self._pool.workers:
                    self._run_round()
        except BaseException:
            self._interrupt()
            raise
        finally:
            gc.set_threshold(*self._thresholds)
            self._event_wait.close()
            self._starter.close()
            self._replay.restore_order()
            self._screen.release()
        self._replay.raise_reported()

    def reap(self) -> None:
        """Wait for the processes that were over, except for freeing their memory."""
        while self._unreaped:
            self._unreaped.pop().reap()

    def _await_collections(self) -> None:
        """Wait until all workers have collected the same; kill them if they have not."""
        try:
            self._barrier.wait(self._workers.values(), self._event_wait)
        except ZygoteError:
            self._kill_all()
            raise

    # Events

    def _on(self, event: events.Event) -> None:
        for action in self._pool.on(event, time.monotonic()):
            self._perform(action)

    def _run_round(self, timeout_s: float | None = None) -> None:
        """Wait until workers have sent something, and handle all of it."""
        now = time.monotonic()
        due_s = (timeout_s, self._replay.slow_tests.due_s(now), self._pool.due_s(now))
        wait_s = min((wait_s for wait_s in due_s if wait_s is not None), default=None)
        ready = self._event_wait.wait(self._workers.values(), wait_s)
        for line in self._replay.slow_tests.overdue(time.monotonic()):
            self._replay.print_line(line)
        self._event_wait.is_busy = False
        self._plan.receive(ready)
        for handle in tuple(self._workers.values()):
            self._receive(handle, is_ready=handle in ready or not ready)
            if not self._pool.is_stopping and self._replay.must_stop:
                self._on(events.StopRequested())
        self._on(events.RoundEnded())
        self._plan.report(self._pool.open_tests)
        self._screen.show()

    def _receive(self, handle: WorkerHandle, *, is_ready: bool) -> None:
        """Handle what a worker has sent, and its end."""
        received, may_be_dead = handle.receive(is_ready=is_ready)
        self._event_wait.is_busy = self._event_wait.is_busy or bool(received)
        for message in received:
            self._handle(handle, message)
        handle.queue.refill()
        if handle.is_over or may_be_dead or (is_ready and handle.has_ended()):
            for message in handle.receive(is_ready=True)[0]:  # sent between the last look and the end
                self._handle(handle, message)
            self._remove(handle)

    def _handle(self, handle: WorkerHandle, message: messages.WorkerMessage) -> None:
        match message:
            case ItemStarted() | ItemFinished() | QueueEmpty() | WorkerFinished() | WorkerOutgrown():
                self._handle_progress(handle, message)
            case messages.FixtureRequested(item, name):
                handle.send(fixture_reply(self._shared_fixtures.value_for_worker(self._session.items[item], name)))
            case messages.Collected():
                text = self._barrier.accept(handle, message)
                if text:
                    self._replay.replay(handle, messages.InternalErrorRaised(text))
            case messages.TerminalRequested():
                self._lend_terminal(handle)
            case messages.TerminalReleased():
                self._flags.set_debugging(on=False)
            case messages.WorkerOver():
                handle.is_over = True
            case _:
                self._replay.replay(handle, message)

    def _handle_progress(self, handle: WorkerHandle, message: messages.PoolMessage) -> None:
        match message:
            case ItemStarted():
                self._replay.start(handle, message.item, time.monotonic())
            case ItemFinished():
                self._replay.finish(handle, message)
            case QueueEmpty() if handle.queue.refill():  # it has tests, which did not fit into its pipe
                return
        self._on(message)

    def _lend_terminal(self, handle: WorkerHandle) -> None:
        """Lend a worker the terminal, and receive from no other until it gives it back."""
        if self._flags.is_stopped:
            handle.send(messages.TerminalReply(is_granted=False))
            return
        before = signals.divert_interrupts(self._flags.note_interrupt)
        self._flags.set_debugging(on=True)
        self._screen.show()
        handle.send(messages.TerminalReply(is_granted=True))
        while self._flags.is_debugging and not self._pool.workers[handle.number].is_finished:
            sockets.is_readable(handle.fileno(), LOOK_AGAIN_S)
            received, may_be_dead = handle.receive(is_ready=True)
            for message in received:
                self._handle(handle, message)
            if may_be_dead:  # the next round sees it too
                break
        self._flags.set_debugging(on=False)
        signals.restore_interrupts(before)

    # Actions

    def _perform(self, action: events.Action) -> None:
        match action:
            case events.Assign(number, items):
                self._workers[number].queue.put(items)
            case events.DrainQueue(number):
                self._on(events.QueueDrained(number, tuple(self._workers[number].queue.drain())))
            case events.EndQueue(number):
                self._workers[number].queue.put([END])
            case events.StartWorker(number, items):
                self._start_worker(number, items)
            case events.ReportNodeDown() | events.ReportCrash() | events.ReportRetry() | events.PrintLine():
                self._report(action)
            case events.StopTests() | events.InterruptWorkers() | events.KillWorkers():
                self._perform_on_all(action)
            case _:
                assert_never(action)

    def _report(
        self, action: events.ReportNodeDown | events.ReportCrash | events.ReportRetry | events.PrintLine
    ) -> None:
        match action:
            case events.ReportNodeDown(number, error):
                self._config.hook.pytest_testnodedown(node=self._workers[number].node, error=error or None)
            case events.ReportCrash(number, item):
                wants_retry = self._replay.report_crash(self._workers[number], item)
                self._on(events.CrashReported(number, item, wants_retry))
            case events.ReportRetry(number, item):
                self._replay.report_retry(self._workers[number], item)
            case events.PrintLine(text):
                self._replay.print_line(text)
            case _:
                assert_never(action)

    def _perform_on_all(self, action: events.StopTests | events.InterruptWorkers | events.KillWorkers) -> None:
        match action:
            case events.StopTests():
                self._flags.stop()
                for handle in self._workers.values():
                    handle.node.shutting_down = True
            case events.InterruptWorkers():
                for handle in self._workers.values():
                    processes.signal_process(handle.pid, signals.SIGINT)
            case events.KillWorkers():
                self._kill_all()
            case _:
                assert_never(action)

    def _start_worker(self, number: int, items: tuple[int, ...]) -> None:
        node = Node(self._config, name_of(number), self._plan.count, self._plan.testrunuid)
        self._config.hook.pytest_xdist_newgateway(gateway=node.gateway)
        self._config.hook.pytest_configure_node(node=node)
        self._screen.show()
        handle = self._starter.start(number, node)
        handle.queue.put(items)
        self._workers[number] = handle
        self._event_wait.add(handle)
        self._config.hook.pytest_testnodeready(node=node)
        self._config.hook.pytest_xdist_node_collection_finished(node=node, ids=self._plan.ids)

    def _leave(self) -> None:
        """In a worker: be the controller no more."""
        gc.set_threshold(*self._thresholds)
        self._screen.release()
        self._event_wait.close()
        for other in self._workers.values():
            other.forget()

    def _remove(self, handle: WorkerHandle) -> None:
        """Remove a worker that has ended, or died."""
        self._event_wait.remove(handle)
        if handle.is_over:
            self._unreaped.append(handle)
        else:
            handle.await_end(GRACE_S)
        try:
            is_killed = handle.status == -signals.SIGKILL
            self._on(events.WorkerExited(handle.number, tuple(handle.queue.drain()), is_killed))
        finally:
            del self._workers[handle.number]
            self.lines.append(handle.summary())
            handle.close()

    # The end

    def _interrupt(self) -> None:
        """Interrupt all workers, so that they tear down what they have set up; kill those that take too long."""
        try:
            self._on(events.RunInterrupted(frozenset(self._workers)))
            while self._pool.workers:
                self._run_round(LOOK_AGAIN_S)
        finally:
            self._kill_all()

    def _kill_all(self) -> None:
        while self._workers:
            _, handle = self._workers.popitem()
            processes.signal_process(handle.pid, signals.SIGKILL)
            handle.reap()
