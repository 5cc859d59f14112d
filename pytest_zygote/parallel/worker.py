"""A worker: a fork of the run process that runs what is leased to it.

A test's fixtures are torn down as far as the next test does not need them, so pytest must know
the next test then, and no earlier: `Worker` asks for it when the teardown begins. Until that
moment the parent may give the test to another worker.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import atexit
import os
import select
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_zygote.adapters.system import processes, stdio
from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel import after_fork, coverage, debugger_lock, terminal, worker_hooks
from pytest_zygote.parallel.mproc_marks import TestError
from pytest_zygote.parallel.work_queue import END
from pytest_zygote.parallel.worker_channel import WorkerChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from pytest_zygote.fixtures.shared import SharedFixtures
    from pytest_zygote.parallel.shared_flags import SharedFlags
    from pytest_zygote.parallel.worker_handle import WorkerHandle

LOOK_AGAIN_S = 0.05
"""While another worker is debugged, it is looked this often whether it still is."""


class Worker:
    """Runs tests one after the other."""

    def __init__(self, session: pytest.Session, member: WorkerHandle, board: SharedFlags, line: WorkerChannel) -> None:
        """Prepare to run."""
        self._session = session
        self._lease = member.lease
        self._number = member.number
        self._board = board
        self._line = line
        self._output = terminal.WorkerOutput(session.config, member.name)
        self._turn = debugger_lock.DebuggerLock(line, self._output)
        self._teller = worker_hooks.EventSender(session.config, line.tell, line.commit)
        self._next: int | None = None
        self._current = END
        self._has_begun = False
        self._is_again = False
        self._is_guessing = _is_nextitem_used(session.config)
        self._counted = 0
        self._fixtures_s = 0.0

    def listen_and_run(self) -> None:
        """Run what is leased, in the place of all who listen to what happens."""
        self._listen()
        try:
            self._run_all()
        except pytest.exit.Exception:
            self._board.stop()
            raise
        finally:
            self._turn.end()
            self._line.commit()  # what is torn down next may end the process

    def _listen(self) -> None:
        manager = self._session.config.pluginmanager
        worker_hooks.silence(self._session.config)
        manager.register(self._teller, "zygote_teller")
        self._teller.is_listening = True
        manager.register(self, "zygote_worker")
        manager.register(self._turn, "zygote_turn")
        state = self._session._setupstate
        teardown = state.teardown_exact

        def teardown_exact(nextitem: pytest.Item | None) -> None:
            del nextitem
            following = self._following()
            teardown(None if following == END else self._session.items[following])

        state.teardown_exact = teardown_exact  # type: ignore[method-assign]

    def _following(self) -> int:
        """Return the next test; decide it now if that has not been done."""
        if self._next is None:
            self._count_failures()
            session = self._session
            if session.shouldstop or session.shouldfail or self._board.is_stopped:
                self._next = END
            else:
                self._next = self._pull()
        return self._next

    def _pull(self) -> int:
        item = self._lease.take()
        if item is None:
            self._line.tell(("waiting", self._current))
            self._line.flush()
            item = self._lease.wait()
        return item

    def _count_failures(self) -> None:
        """Have all workers stop at one failure too many: the parent hears of it too late."""
        while self._counted < self._teller.failures:
            self._counted += 1
            self._board.count_failure(self._number)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Measure what fixtures cost that several tests share."""
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
        """Give a test another try if not the test has failed but its surroundings.

        Here and now: to know what follows, its teardown must wait for the parent, who might have nothing
        else to give, and end all workers before it hears that this test comes back.
        """
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, TestError):
            if error.fatal:
                self._session.shouldstop = f"fatal: {error}"
            elif error.retry and call.when != "teardown" and self._board.may_try_again(self._current):
                report.outcome = "rerun"  # type: ignore[assignment]  # as pytest-rerunfailures has it
                self._is_again, self._next = True, self._current
        return report

    def _run_all(self) -> None:
        current = self._pull()
        while current != END and not self._board.is_stopped:
            if self._board.is_debugged:
                self._line.flush()
            while self._board.is_debugged:
                select.select([], [], [], LOOK_AGAIN_S)
            self._run(current)
            current = self._next if self._next is not None else END

    def _run(self, index: int) -> None:
        item = self._session.items[index]
        self._current, self._next, self._fixtures_s = index, None, 0.0
        self._is_again = False
        self._line.interrupts.forget()
        self._line.tell(("begin", index))
        if self._has_begun:
            self._line.commit()
        else:  # who waits for a share of our tests may have one now
            self._has_begun = True
            self._line.flush()
        begun = time.perf_counter()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._guess(index))
        seconds = time.perf_counter() - begun
        if self._is_again:
            return
        self._count_failures()
        self._following()
        session = self._session
        if session.shouldfail or session.shouldstop:
            self._line.tell(("should", str(session.shouldfail or ""), str(session.shouldstop or "")))
        self._turn.end()
        self._output.finish()
        self._line.tell(("done", index, max(seconds - self._fixtures_s, 0.0), self._fixtures_s))

    def _guess(self, index: int) -> pytest.Item | None:
        """Return what probably comes next, for plugins that look at it; pytest itself asks again."""
        items = self._session.items
        is_last = index + 1 == len(items) or (self._is_guessing and not self._lease.peek())
        return None if is_last else items[index + 1]

    def tear_down(self) -> None:
        """Tear down what is left: of a test that did not end, or that was bound next and may not begin."""
        self._next = END
        if self._session._setupstate.stack:
            self._session._setupstate.teardown_exact(None)


def _is_nextitem_used(config: pytest.Config) -> bool:
    """Tell whether a plugin looks at the test that comes next; those of pytest do not, as far as it is only a guess."""
    hook = config.hook
    implementations = (*hook.pytest_runtest_protocol.get_hookimpls(), *hook.pytest_runtest_teardown.get_hookimpls())
    return any(
        "nextitem" in implementation.argnames and not implementation.function.__module__.startswith("_pytest.")
        for implementation in implementations
    )


class Inherited(NamedTuple):
    """What a worker inherits on purpose."""

    session: pytest.Session
    member: WorkerHandle
    board: SharedFlags
    host: SharedFixtures
    basetemp: Path | None


def work(place: Inherited) -> int:
    """Be a worker, in a fresh fork of the run process; return the exit code."""
    processes.die_with_parent()
    session, member = place.session, place.member
    link, dump = member.become()
    line = WorkerChannel(link, member.tape, place.board, is_chatty=session.config.option.verbose > 0)
    worker = Worker(session, member, place.board, line)
    try:
        if _guarded(line, lambda: _begin(place, line, dump)):
            _guarded(line, worker.listen_and_run)
        _guarded(line, lambda: _finish(session, worker))
        line.tell(("down", transfer.dump(getattr(session.config, "workeroutput", {}))))
        line.flush()
        _end()
        line.leave()
    except (BrokenPipeError, EOFError):  # the parent is gone
        return 1
    return 0


def _begin(place: Inherited, line: WorkerChannel, dump: int) -> None:
    session, config = place.session, place.session.config
    after_fork.part(config, place.member.node, place.basetemp)
    place.host.enter_worker(line.ask)
    line.lend(after_fork.adopt_output(config, dump)[:-1])
    coverage.start(config)
    worker_hooks.call_those_that_ask(config, "pytest_configure", config=config)
    worker_hooks.call_those_that_ask(config, "pytest_sessionstart", session=session)


def _finish(session: pytest.Session, worker: Worker) -> None:
    config = session.config
    try:
        worker.tear_down()
    finally:
        os.chdir(session.startpath)
        worker_hooks.call_those_that_ask(config, "pytest_sessionfinish", session=session, exitstatus=0)
        worker_hooks.call_those_that_ask(config, "pytest_unconfigure", config=config)
        coverage.finish(config)


def _guarded(line: WorkerChannel, run: Callable[[], None]) -> bool:
    """Run; tell the parent what it must hear of; return whether all went well."""
    try:
        run()
    except (BrokenPipeError, EOFError):
        raise
    except pytest.exit.Exception as error:
        line.tell(("exit", str(error.msg), error.returncode))
    except KeyboardInterrupt:
        line.tell(("interrupt",))
    except BaseException as error:  # noqa: BLE001 - an internal error, also of a plugin
        text = str(pytest.ExceptionInfo.from_exception(error).getrepr(style="native", chain=True))
        line.tell(("internal", text))
    else:
        return True
    return False


def _end() -> None:
    """Do what an interpreter does at its end."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    stdio.flush_streams()
