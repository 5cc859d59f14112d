"""The run process of a parallel run: it forks workers, leases tests, and replays what they report.

It runs no test itself, so it stays what it was after collection, and a worker that died is
replaced by another fork of it within milliseconds. Whatever a worker reports goes through the
same hooks as without workers, in this process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import gc
import select
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, signals
from pytest_zygote.parallel import after_fork, fast_hooks, terminal, worker
from pytest_zygote.parallel.event_wait import EventWait
from pytest_zygote.parallel.report_replay import ReportReplay
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.work_queue import END
from pytest_zygote.parallel.work_stealing import WorkStealing
from pytest_zygote.parallel.worker_handle import LOOK_AGAIN_S, Node, WorkerHandle

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_zygote.fixtures.shared import SharedFixtures
    from pytest_zygote.fixtures.transfer import Event
    from pytest_zygote.parallel.plan import ParallelPlan

LOST = "Not properly terminated"
"""What pytest-xdist says of a worker that died, and programs look for."""
REPORTS = frozenset({"brief", "report", "logstart", "logfinish"})
"""Events that only concern the session's plugins."""
NEVER = 1_000_000
"""Full collections would walk over all that has been collected, and copy its pages: only tests make garbage."""
GRACE_S = 10.0
"""What a worker has for its exit handlers, and to tear fixtures down after Ctrl-C, before it is killed."""


class Controller:
    """The workers of a run.

    Attributes:
        summary: why the run did not go to its end.
        lines: what each worker did.
    """

    def __init__(self, session: pytest.Session, plan: ParallelPlan, host: SharedFixtures) -> None:
        """Prepare to run the tests of a session."""
        self._session = session
        self._plan = plan
        self._host = host
        self._config = session.config
        self._schedule = plan.schedule()
        self._board = SharedFlags(session.config.getvalue("maxfail"), len(session.items))
        self._members: dict[int, WorkerHandle] = {}
        self._shares = WorkStealing(self._schedule, self._members)
        self._event_wait = EventWait(self._board)
        self._replay = ReportReplay(session, plan)
        self._screen = terminal.Screen(session.config)
        self._basetemp = after_fork.basetemp(session.config)
        self._thresholds = gc.get_threshold()
        self._born = 0
        self._crashes = 0
        self._leaving: list[int] = []
        self._is_stopping = False
        self.summary = ""
        self.lines: list[str] = []

    def run(self) -> None:
        """Run all tests; return when the last worker is gone."""
        gc.set_threshold(*self._thresholds[:-1], NEVER)
        try:
            for _ in range(self._plan.count):
                self._hire()
            self._screen.hold()
            with fast_hooks.quickened(self._config):
                while self._members:
                    self._step()
        except BaseException:
            self._interrupt()
            raise
        finally:
            gc.set_threshold(*self._thresholds)
            self._event_wait.close()
            self._board.close()
            self._replay.restore_order()
            self._screen.release()
        self._replay.raise_reported()

    def reap(self) -> None:
        """Wait for the processes that were over and had only their memory to give back."""
        for pid in self._leaving:
            processes.wait(pid)
        self._leaving.clear()

    # Workers come and go

    def _hire(self) -> None:
        number = self._born
        self._born += 1
        node = Node(self._config, f"gw{number}", self._plan.count, self._plan.testrunuid)
        self._config.hook.pytest_configure_node(node=node)
        member = WorkerHandle(number, node)
        self._schedule.join(number)
        member.lease.give(self._schedule.refill(number))
        basetemp = None if self._basetemp is None else self._basetemp / f"popen-{node.gateway.id}"
        self._screen.show()
        after_fork.flush(self._config)
        pid = processes.fork_among_threads(lambda: self._be(member, basetemp))
        member.started(pid)
        self._members[number] = member
        self._event_wait.add(member)
        self._config.hook.pytest_testnodeready(node=node)
        ids = self._plan.ids
        self._config.hook.pytest_xdist_node_collection_finished(node=node, ids=ids)

    def _be(self, member: WorkerHandle, basetemp: Path | None) -> int:
        """Be the new process."""
        gc.set_threshold(*self._thresholds)
        self._screen.release()
        self._event_wait.close()
        for other in self._members.values():
            other.forget()
        return worker.work(worker.Inherited(self._session, member, self._board, self._host, basetemp))

    def _dismiss(self, member: WorkerHandle) -> None:
        """Let go of a worker that has ended, or died."""
        self._event_wait.remove(member)
        del self._members[member.number]
        if member.is_over:
            self._leaving.append(member.pid)
        status = 0 if member.is_over else member.await_end(GRACE_S)
        if member.is_down:
            self._schedule.put_back(self._schedule.retire(member.number))
            self._config.hook.pytest_testnodedown(node=member.node, error=None)
        else:
            self._reap(member, status)
        self.lines.append(member.summary())
        member.close()

    def _reap(self, member: WorkerHandle, status: int) -> None:
        """Report the test that a worker died of, and replace the worker."""
        culprit = self._schedule.lost(member.number, member.lease.recall())
        self._config.hook.pytest_testnodedown(node=member.node, error=LOST)
        self._replay.say(f"[{member.name}] node down: {LOST}")
        if culprit is not None and self._replay.crashed(member, culprit, status):
            self._schedule.put_back([culprit])
        if not self._is_stopping:
            self._replace(member)

    def _replace(self, member: WorkerHandle) -> None:
        """Replace a worker that has died, if that has not happened too often."""
        self._crashes += 1
        if self._crashes > self._plan.most_restarts:
            self.summary = (
                f"maximum crashed workers reached: {self._plan.most_restarts}"
                if self._plan.most_restarts
                else f"worker {member.name} crashed and worker restarting disabled"
            )
            self._replay.say(f"\n{self.summary}")
            self._stop()
        elif not self._schedule.is_over:
            self._replay.say(f"\nreplacing crashed worker {member.name}")
            self._hire()

    # Events

    def _step(self, timeout_s: float | None = None) -> None:
        """Handle what has happened."""
        slow = self._replay.slow
        wait_s = slow.due_s(time.monotonic()) if timeout_s is None else timeout_s
        called = self._event_wait.wait(self._members.values(), wait_s)
        slow.look(time.monotonic())
        self._event_wait.is_busy = False
        for member in tuple(self._members.values()):
            self._listen(member, is_called=member in called or not called)
            self._look_whether_to_stop()
        self._shares.feed(is_stopping=self._is_stopping)
        self._screen.show()

    def _listen(self, member: WorkerHandle, *, is_called: bool) -> None:
        """Handle what a worker has told."""
        events, may_be_dead = member.receive(is_called=is_called)
        self._event_wait.is_busy = self._event_wait.is_busy or bool(events)
        for event in events:
            handle = self._replay.handle if event[0] in REPORTS else self._handle
            handle(member, event)
        if member.is_over or may_be_dead or (is_called and member.has_ended()):
            self._handle_rest(member)
            self._dismiss(member)

    def _handle_rest(self, member: WorkerHandle) -> None:
        """Handle what came between the last look and the end of a process."""
        for event in member.receive(is_called=True)[0]:
            self._handle(member, event)

    def _handle(self, member: WorkerHandle, event: Event) -> None:
        match event:
            case ("done", int(item), float(seconds), float(fixtures)):
                member.waits_after = None
                self._schedule.done(member.number, item, seconds)
                self._replay.done(member, item, seconds, fixtures)
                if not self._is_stopping:
                    member.lease.give(self._schedule.refill(member.number))
            case ("begin", int(item)):
                member.waits_after = None
                member.has_begun = True
                self._replay.begin(member, item)
            case ("waiting", int(item)):
                member.waits_after = item
            case ("want", int(item), str(name)):
                member.answer(self._host.value_for_worker(self._session.items[item], name))
            case ("terminal", bool(is_wanted)):
                self._lend_terminal(member) if is_wanted else self._board.let_debug(on=False)
            case ("down" | "over", *_):
                self._finish(member, event)
            case _:
                self._replay.handle(member, event)

    def _finish(self, member: WorkerHandle, event: Event) -> None:
        """Note how far a worker has come with its end."""
        match event:
            case ("down", bytes(output)):
                self._replay.adopt_output(member, output)
                member.is_down = True
            case _:
                member.is_over = True

    def _lend_terminal(self, member: WorkerHandle) -> None:
        """Let a worker have the terminal, and hear of nobody else until it gives it back."""
        if self._board.is_stopped:
            member.answer(value=False)
            return
        before = signals.divert_interrupts(self._board.note_interrupt)
        self._board.let_debug(on=True)
        self._screen.show()
        member.answer(value=True)
        while self._board.is_debugged and not member.is_down:
            select.select([member], [], [], LOOK_AGAIN_S)
            events, may_be_dead = member.receive(is_called=True)
            for event in events:
                self._handle(member, event)
            if may_be_dead:  # the next step sees it too
                break
        self._board.let_debug(on=False)
        signals.restore_interrupts(before)

    # The end

    def _look_whether_to_stop(self) -> None:
        session = self._session
        if not self._is_stopping and (session.shouldfail or session.shouldstop or self._replay.must_stop):
            self._stop()

    def _stop(self) -> None:
        """Let the tests end that run now, and no other begin."""
        self._is_stopping = True
        self._board.stop()
        for member in self._members.values():
            member.node.shutting_down = True
            member.lease.recall()
            member.lease.give([END])

    def _interrupt(self) -> None:
        """End all workers: they tear down what they have set up; who takes too long for that is killed."""
        self._stop()
        for member in self._members.values():
            processes.signal_process(member.pid, signals.SIGINT)
        deadline = time.monotonic() + GRACE_S
        try:
            while self._members and time.monotonic() < deadline:
                self._step(LOOK_AGAIN_S)
        finally:
            for member in self._members.values():
                processes.signal_process(member.pid, signals.SIGKILL)
                processes.wait(member.pid)
