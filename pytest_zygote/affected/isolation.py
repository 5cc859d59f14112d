"""Runs tests in forks, alone or in small groups, so that what they need is known by functions.

The process that is forked has only imported and collected: it has run no test and no fixture (`fork_server`). Reports
come back in the form that pytest has for other processes. A fork that dies is a failed test, with the signal in its
report; without forks it would end the run. Tests that may not run in a fork run where plain pytest runs them.
"""

from __future__ import annotations

import contextlib
import mmap
import pickle
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeAlias, cast

import pytest

from pytest_zygote.adapters.interpreter.private import ending
from pytest_zygote.adapters.pytest.private import running
from pytest_zygote.affected.fork_server import Death, ForkServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


Warned: TypeAlias = "list[dict[str, object]]"
Result: TypeAlias = "tuple[list[dict[str, object]], Warned, object, tuple[bool | str, bool | str]]"
"""Reports, warnings, what was recorded, and why the session is to stop (`shouldstop`, `shouldfail`)."""


class Stopped(NamedTuple):
    """Sent by a fork in which `pytest.exit` or Ctrl-C stopped the run.

    Attributes:
        message: of `pytest.exit`; None if it was KeyboardInterrupt.
        returncode: of `pytest.exit`.
    """

    message: str | None = None
    returncode: int | None = None

    def be_raised(self) -> NoReturn:
        """Raise here what was raised there."""
        if self.message is None:
            raise KeyboardInterrupt
        pytest.exit(self.message, self.returncode)


class Isolation:
    """Hooks of a run in which tests have forks."""

    def __init__(
        self,
        groups: Mapping[pytest.Item, int],
        prepare: Callable[[Iterable[pytest.Item]], None],
        begin: Callable[[], None],
        store: Callable[[pytest.Item, object], None],
    ) -> None:
        """Take part.

        Args:
            groups: the group of each test, 0 for none.
            prepare: called with all tests before the first runs.
            begin: called in each fork before its first test.
            store: called with each test that ran in a fork, and the record that was made there.
        """
        self._groups = groups
        self._prepare = prepare
        self._begin = begin
        self._store = store
        self._items: Sequence[pytest.Item] = ()
        self._places: dict[pytest.Item, int] = {}
        self._next: dict[pytest.Item, pytest.Item | None] = {}
        self._is_pristine = True
        self._fork_server: ForkServer | None = None
        self._listener: _Listener | None = None
        self._record: object = None
        self._has_left = False
        self._debugged = mmap.mmap(-1, 1)  # whether a fork is at the prompt of a debugger

    @property
    def is_fork(self) -> bool:
        """Whether this process is a fork."""
        return self._listener is not None

    def set_record(self, record: object, *, has_left: bool) -> None:
        """Let the parent of this fork store a record.

        Args:
            record: of the test that has ended.
            has_left: whether the test has left something for those after it: they must run in this fork, too.
        """
        self._record, self._has_left = record, has_left

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run one test, here or in a fork; its reports are shown and counted here."""
        if self.is_fork:
            running.run_phases(item, nextitem)
            return True
        if not self._items:
            self._look_at(item.session.items)
        if self._fork_server is None and self._is_pristine:
            self._fork_server = ForkServer(self._run_here, self._leave, lambda: self._debugged[0] != 0)
        if self._groups[item] and self._fork_server is not None:
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            self._show(item, self._run_there(item))
            return True
        self._is_pristine = False
        return running.run_protocol(item, self._next[item])

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Have Ctrl-C be the debugger's: the terminal sends it to the process that waits for this fork, too."""
        self._debugged[0] = self.is_fork

    @pytest.hookimpl(trylast=True)
    def pytest_leave_pdb(self) -> None:
        """Have it end the run again."""
        self._debugged[0] = 0

    def _look_at(self, items: Sequence[pytest.Item]) -> None:
        self._prepare(items)
        self._items = tuple(items)
        self._places = {item: place for place, item in enumerate(self._items)}
        following: dict[int, pytest.Item] = {}
        for item in reversed(self._items):
            self._next[item] = following.get(self._groups[item])
            following[self._groups[item]] = item

    def _show(self, item: pytest.Item, result: Result) -> None:
        hook, config = item.ihook, item.config
        sent, warned, recorded, stops = result
        for data in sent:
            hook.pytest_runtest_logreport(report=running.report_from(config, item, data))
        for message in warned:
            hook.pytest_warning_recorded.call_historic(kwargs=message)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        item.session.shouldstop = stops[0] or item.session.shouldstop
        item.session.shouldfail = stops[1] or item.session.shouldfail
        self._store(item, recorded)

    def _run_there(self, item: pytest.Item) -> Result:
        server, self._fork_server = self._fork_server, None
        assert server is not None  # noqa: S101 - the caller has made it
        dump = item.config.hook.pytest_report_to_serializable
        self._debugged[0] = 0  # a fork that was ended at the prompt has not said so
        try:
            result = server.run(self._places[item], is_last=self._next[item] is None)
        except pytest.fail.Exception as failure:  # a time limit, by a signal
            return [dump(config=item.config, report=_failure(item, str(failure)))], [], None, _stops(item)
        self._fork_server = server
        if isinstance(result, Stopped):
            result.be_raised()
        if isinstance(result, Death):
            return [dump(config=item.config, report=_failure(item, result.text))], [], None, _stops(item)
        return cast("Result", result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End the last fork, with the fixtures that it has set up."""
        if self._fork_server is not None and not self.is_fork:
            self._fork_server.close()

    # In a fork

    def _run_here(self, place: int, is_last: bool) -> tuple[Result | Stopped, bool]:  # noqa: FBT001 - as orders are
        """Run a test; return what to send, and whether this fork must run what follows too: the test left a trace."""
        item = self._items[place]
        if self._listener is None:
            self._listener = _Listener(item.config)
            ending.clear_exit_handlers()
            ending.disarm_finalizers()
            self._begin()
        self._listener.reports.clear()
        self._listener.warned.clear()
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None if is_last else self._next[item])
        except KeyboardInterrupt:
            return Stopped(), False
        except pytest.exit.Exception as leaving:
            return Stopped(str(leaving.msg), leaving.returncode), False
        dump = item.config.hook.pytest_report_to_serializable
        sent = [_picklable(dump(config=item.config, report=report)) for report in self._listener.reports]
        result = (sent, self._listener.picklable(), self._record, _stops(item))
        return result, self._has_left

    def _leave(self) -> None:
        """Tear down what is still set up, and end as a process of its own does."""
        with contextlib.suppress(Exception):  # there is no test left to report it
            running.tear_down(self._items[0].session, None)  # as pytest does when it is interrupted
        ending.wait_for_threads()
        ending.run_exit_functions()


def _stops(item: pytest.Item) -> tuple[bool | str, bool | str]:
    return item.session.shouldstop, item.session.shouldfail


def _picklable(data: dict[str, object]) -> dict[str, object]:
    """Return a report in which properties that cannot be pickled have their text: reports print no more."""
    properties = cast("list[tuple[str, object]]", data.get("user_properties") or [])
    shown = [(name, value if _can_pickle(value) else str(value)) for name, value in properties]
    return {**data, "user_properties": shown} if shown else data


def _can_pickle(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - whatever its own methods raise
        return False
    return True


class _Listener:
    """Collects reports of tests, and their warnings, in a fork: the run must show them."""

    def __init__(self, config: pytest.Config) -> None:
        self.reports: list[pytest.TestReport] = []
        self.warned: Warned = []
        caller = config.hook.pytest_runtest_logreport
        for implementation in caller.get_hookimpls():  # but for us, nobody is to show or count anything in the fork
            if not implementation.function.__module__.startswith("pytest_zygote.affected"):
                running.remove_hook(caller, implementation)
        config.pluginmanager.register(self)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the report of a phase, or of a subtest."""
        self.reports.append(report)

    def pytest_warning_recorded(
        self, warning_message: object, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        """Collect a warning."""
        self.warned.append({"warning_message": warning_message, "when": when, "nodeid": nodeid, "location": location})

    def picklable(self) -> Warned:
        """Return the warnings that can be pickled: their class may be defined in a test, say."""
        return [message for message in self.warned if _can_pickle(message)]


def _failure(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
