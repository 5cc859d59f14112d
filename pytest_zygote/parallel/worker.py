"""A worker: it runs the tests in its queue, in a fork of the run process (`work`) or by itself (`configured_worker`).

A test's fixtures are torn down unless the next test needs them, so pytest must know the next test
at that time, but no earlier: `Worker` pops it from the queue when the teardown begins. Until that moment the
parent may give the test to another worker.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_zygote.adapters.pytest.private import running
from pytest_zygote.adapters.system import processes
from pytest_zygote.core.parallel.events import ItemFinished, ItemStarted, QueueEmpty, WorkerOutgrown
from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel import (
    after_fork,
    collection_leftovers,
    configured_twice,
    coverage,
    debugger_lock,
    junit,
    messages,
    report_replay,
    run_limits,
    terminal,
    worker_end,
    worker_hooks,
)
from pytest_zygote.parallel.mproc_marks import TestError
from pytest_zygote.parallel.work_queue import END
from pytest_zygote.parallel.worker_channel import ControllerGone, WorkerChannel

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_zygote.fixtures.shared import SharedFixtures
    from pytest_zygote.parallel.collection_leftovers import CollectionLeftovers
    from pytest_zygote.parallel.shared_flags import SharedFlags
    from pytest_zygote.parallel.worker_handle import WorkerEnd, WorkerHandle

LOOK_AGAIN_S = 0.05
"""How often a worker checks whether another one's debugger still runs."""


class Worker:
    """Runs tests one after the other."""

    def __init__(self, session: pytest.Session, end: WorkerEnd, flags: SharedFlags, channel: WorkerChannel) -> None:
        """Prepare to run."""
        self._session = session
        self._queue = end.queue
        self._number = end.number
        self._flags = flags
        self._channel = channel
        self._output = terminal.WorkerOutput(session.config, end.name)
        self._debugger_lock = debugger_lock.DebuggerLock(channel, self._output)
        self._sender = report_replay.ReportSender(session, channel.send, channel.commit)
        self._next: int | None = None
        self._current = END
        self._has_begun = False
        self._is_again = False
        self._limits = run_limits.of(session.config)
        self._must_guess = _uses_nextitem(session.config)
        self._counted = session.testsfailed
        self._fixtures_s = 0.0

    def run(self) -> None:
        """Run all tests that come; this process calls no reporting hooks from here on."""
        self._install()
        try:
            self._run_all()
        except pytest.exit.Exception:
            self._flags.stop()
            raise
        finally:
            self._debugger_lock.end()
            self._channel.commit()  # what is torn down next may end the process

    def _install(self) -> None:
        manager = self._session.config.pluginmanager
        worker_hooks.silence(self._session.config)
        manager.register(self._sender, "zygote_report_sender")
        self._sender.is_active = True
        if self._limits is not None:
            self._limits.raise_soon = self._channel.interrupts.raise_soon
        junit.send_properties(self._session.config, self._channel.send)
        manager.register(self, "zygote_worker")
        manager.register(self._debugger_lock, "zygote_debugger_lock")

        worker = os.getpid()

        def teardown_exact(nextitem: pytest.Item | None) -> None:
            if os.getpid() != worker:  # a plugin runs the test in a fork: the queue is not that one's
                tear_down(nextitem)
                return
            following = self._following()
            tear_down(None if following == END else self._session.items[following])

        tear_down = running.replace_tear_down(self._session, teardown_exact)

    def _following(self) -> int:
        """Return the next test, or `END`: decided once, as late as possible."""
        if self._next is None:
            self._count_failures()
            session = self._session
            if session.shouldstop or session.shouldfail or self._flags.is_stopped:
                self._next = END
            else:
                self._next = self._next_item()
        return self._next

    def _next_item(self) -> int:
        item = self._queue.pop()
        if item is None:
            self._channel.send(QueueEmpty(self._number, self._current))
            self._channel.flush()
            item = self._queue.wait_and_pop()
        return item

    def _count_failures(self) -> None:
        """Stop all workers at the last failure allowed: the parent learns about it too late."""
        while self._counted < self._session.testsfailed:
            self._counted += 1
            self._flags.count_failure(self._number)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Measure how long fixtures take that several tests share."""
        if fixturedef.scope == "function":
            return (yield)
        before, begun = self._fixtures_s, time.perf_counter()
        try:
            return (yield)
        finally:  # and not twice what fixtures cost that this one needs
            self._fixtures_s = before + time.perf_counter() - begun

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give a test another try if its environment has failed rather than the test.

        At once, in this worker: the teardown needs the next test and would wait for the parent. That might have
        nothing left, and end all workers before it learned that this test is to run again.
        """
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, TestError):
            if error.fatal:
                self._session.shouldstop = f"fatal: {error}"
            elif error.retry and call.when != "teardown" and self._flags.may_try_again(self._current):
                report.outcome = "rerun"  # type: ignore[assignment]  # as pytest-rerunfailures has it
                self._is_again, self._next = True, self._current
        return report

    def _run_all(self) -> None:
        current = self._next_item()
        while current != END and not self._flags.is_stopped:
            if self._flags.is_debugging:
                self._channel.flush()
            while self._flags.is_debugging:
                select.select([], [], [], LOOK_AGAIN_S)
            self._run(current)
            excess = self._limits.excess() if self._limits is not None and self._next != END else ""
            if excess:  # what it has popped, and what is in its queue, waits for another worker
                test = self._session.items[current].nodeid
                self._channel.send(WorkerOutgrown(self._number, test, excess))
                return
            current = self._next if self._next is not None else END

    def _run(self, index: int) -> None:
        item = self._session.items[index]
        self._current, self._next, self._fixtures_s = index, None, 0.0
        self._is_again = False
        self._channel.interrupts.forget()
        self._channel.send(ItemStarted(self._number, index))
        if self._has_begun:
            self._channel.commit()
        else:  # a worker that waits may have a share of these tests now
            self._has_begun = True
            self._channel.flush()
        begun = time.perf_counter()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._guess(index))
        seconds = time.perf_counter() - begun
        if self._is_again:
            return
        self._count_failures()
        self._following()
        session = self._session
        if session.shouldfail or session.shouldstop:
            self._channel.send(messages.SessionStopped(str(session.shouldfail or ""), str(session.shouldstop or "")))
        self._debugger_lock.end()
        self._output.finish()
        self._channel.send(ItemFinished(self._number, index, max(seconds - self._fixtures_s, 0.0), self._fixtures_s))

    def _guess(self, index: int) -> pytest.Item | None:
        """Return the test that probably comes next, for plugins that use it; the teardown gets the one that does."""
        items = self._session.items
        is_last = index + 1 == len(items) or (self._must_guess and not self._queue.has_items())
        return None if is_last else items[index + 1]

    def tear_down(self) -> None:
        """Tear down what is left of a test that did not end, or was kept for a next test that may not begin."""
        self._next = END
        if running.set_up_nodes(self._session):
            running.tear_down(self._session, None)


def _uses_nextitem(config: pytest.Config) -> bool:
    """Return whether a plugin uses ``nextitem``; pytest's own only pass it to the teardown, which is replaced here."""
    hook = config.hook
    implementations = (*hook.pytest_runtest_protocol.get_hookimpls(), *hook.pytest_runtest_teardown.get_hookimpls())
    return any(
        "nextitem" in implementation.argnames and not implementation.function.__module__.startswith("_pytest.")
        for implementation in implementations
    )


class Inherited(NamedTuple):
    """What a worker inherits on purpose."""

    session: pytest.Session
    handle: WorkerHandle
    flags: SharedFlags
    shared_fixtures: SharedFixtures
    basetemp: Path | None


def work(inherited: Inherited) -> int:
    """Be a worker, in a fresh fork of the run process; return the exit code."""
    processes.die_with_parent()
    session, end = inherited.session, inherited.handle.become()
    channel = WorkerChannel(end.link, end.ring, inherited.flags, is_verbose=session.config.option.verbose > 0)
    worker = Worker(session, end, inherited.flags, channel)
    try:
        if worker_end.guarded(channel, lambda: _begin(inherited, channel, end.dump)):
            worker_end.guarded(channel, worker.run)
        worker_end.guarded(channel, lambda: _finish(session, worker))
        channel.send(messages.OutputReturned(transfer.dump(getattr(session.config, "workeroutput", {}))))
        worker_end.clean_up(session.config, channel)
        worker_end.leave(channel, end.number)
    except ControllerGone:
        return 1
    return 0


def _begin(inherited: Inherited, channel: WorkerChannel, dump: int) -> None:
    session, config = inherited.session, inherited.session.config
    after_fork.detach(config, inherited.handle.node, inherited.basetemp, _seed(config))
    inherited.shared_fixtures.enter_worker(channel.request_fixture)
    channel.interrupts.replace_default()
    channel.share_descriptors(after_fork.adopt_output(config, dump)[:-1])
    coverage.start(config)
    with configured_twice.registered_anew(config):
        worker_hooks.call_worker_aware(config, "pytest_configure", config=config)
    worker_hooks.call_worker_aware(config, "pytest_sessionstart", session=session)


def _seed(config: pytest.Config) -> after_fork.RandomState | None:
    leftovers: CollectionLeftovers | None = config.pluginmanager.getplugin(collection_leftovers.NAME)
    return None if leftovers is None else leftovers.seed


def _finish(session: pytest.Session, worker: Worker) -> None:
    config = session.config
    try:
        worker.tear_down()
    finally:
        os.chdir(session.startpath)
        worker_hooks.call_worker_aware(config, "pytest_sessionfinish", session=session, exitstatus=0)
        worker_hooks.call_worker_aware(config, "pytest_unconfigure", config=config)
        coverage.finish(config)
