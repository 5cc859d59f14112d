"""Runs tests in forks, alone or in small groups, so that what they need is known by functions.

The process that is forked has only imported and collected: it has run no test and no fixture (`fork_server`). Reports
come back in the form that pytest has for other processes. A fork that dies is a failed test, with the signal in its
report; without forks it would end the run. Tests that may not run in a fork run where plain pytest runs them.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeAlias, cast

import pytest

from pytest_zygote.adapters.pytest.private import running
from pytest_zygote.adapters.pytest.private.fixtures import info_of
from pytest_zygote.adapters.self_checks import why_lost
from pytest_zygote.affected.fork_server import Death, ForkServer
from pytest_zygote.core.affected.fork_groups import Candidate, groups_of
from pytest_zygote.core.internals import Feature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_zygote.adapters.pytest.private.running import Node

Warned: TypeAlias = "list[dict[str, object]]"
Result: TypeAlias = "tuple[list[dict[str, object]], Warned, object]"


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


_SETUP = ("_xunit_setup_module", "_xunit_setup_class", "_unittest_set")
"""Setup functions of modules and classes, and classes of unittest, are fixtures that pytest makes."""


def may_fork(config: pytest.Config, items: Sequence[pytest.Item]) -> bool:
    """Return whether tests of this run may have forks at all."""
    options = config.option
    if len(items) < 2 or not hasattr(os, "fork") or threading.active_count() > 1:  # noqa: PLR2004
        return False
    if config.pluginmanager.has_plugin("dsession"):  # workers are forks already
        return False
    is_watched = options.usepdb or getattr(options, "trace", False) or getattr(options, "cov_source", None)
    return not is_watched and not _has_other_runners(config) and not why_lost(Feature.ISOLATION)


def _has_other_runners(config: pytest.Config) -> bool:
    """Return whether a plugin runs tests in pytest's place: one that repeats them, say, would not do so in a fork."""
    implementations = config.hook.pytest_runtest_protocol.get_hookimpls()
    runners = (one for one in implementations if not one.wrapper and not one.hookwrapper)
    return any(not one.function.__module__.startswith(("_pytest.", "pytest_zygote.")) for one in runners)


def groups_among(items: Sequence[pytest.Item], last_s: Mapping[str, float], *, is_each: bool) -> dict[pytest.Item, int]:
    """Return the group of each test, 0 for none.

    Args:
        items: the tests.
        last_s: how long each took the last time, if it is known.
        is_each: whether each gets a fork of its own, at any cost.
    """
    numbers = range(1, len(items) + 1) if is_each else groups_of(_candidates(items, last_s))
    return dict(zip(items, numbers, strict=True))


def _candidates(items: Sequence[pytest.Item], last_s: Mapping[str, float]) -> list[Candidate]:
    scopes = [_wide_scopes(item) for item in items]
    modules = [_nodeid(item.getparent(pytest.Module) or item.parent) for item in items]
    bound = {module for module, wide in zip(modules, scopes, strict=True) if "module" in wide}
    units = [module if module in bound else _nodeid(item.parent) for item, module in zip(items, modules, strict=True)]
    return [
        Candidate(unit, bool(wide), wide <= {"class", "module"}, last_s.get(item.nodeid))
        for item, unit, wide in zip(items, units, scopes, strict=True)
    ]


def _nodeid(node: Node | None) -> str:
    return "" if node is None else node.nodeid


def _wide_scopes(item: pytest.Item) -> set[str]:
    """Return the scopes, wider than a function's, of fixtures that a test uses, but for pytest's own."""
    info = info_of(item)
    found = {} if info is None else info.name2fixturedefs
    return {
        definition.scope
        for name, definitions in found.items()
        for definition in definitions
        if definition.scope != "function"
        and (name.startswith(_SETUP) or not definition.func.__module__.startswith("_pytest."))
    }


class Isolation:
    """Hooks of a run in which tests have forks."""

    def __init__(
        self, groups: Mapping[pytest.Item, int], begin: Callable[[], None], store: Callable[[pytest.Item, object], None]
    ) -> None:
        """Take part.

        Args:
            groups: the group of each test, 0 for none.
            begin: called in each fork before its first test.
            store: called with each test that ran in a fork, and the record that was made there.
        """
        self._groups = groups
        self._begin = begin
        self._store = store
        self._items: Sequence[pytest.Item] = ()
        self._places: dict[pytest.Item, int] = {}
        self._next: dict[pytest.Item, pytest.Item | None] = {}
        self._is_pristine = True
        self._fork_server: ForkServer | None = None
        self._listener: _Listener | None = None
        self._record: object = None

    @property
    def is_fork(self) -> bool:
        """Whether this process is a fork."""
        return self._listener is not None

    def set_record(self, record: object) -> None:
        """Let the parent of this fork store a record."""
        self._record = record

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run one test, here or in a fork; its reports are shown and counted here."""
        if self.is_fork:
            running.run_phases(item, nextitem)
            return True
        if not self._items:
            self._look_at(item.session.items)
        if self._fork_server is None and self._is_pristine:
            self._fork_server = ForkServer(self._run_here, self._leave)
        if self._groups[item] and self._fork_server is not None:
            self._show(item, self._run_there(item))
            return True
        self._is_pristine = False
        return running.run_protocol(item, self._next[item])

    def _look_at(self, items: Sequence[pytest.Item]) -> None:
        self._items = tuple(items)
        self._places = {item: place for place, item in enumerate(self._items)}
        following: dict[int, pytest.Item] = {}
        for item in reversed(self._items):
            self._next[item] = following.get(self._groups[item])
            following[self._groups[item]] = item

    def _show(self, item: pytest.Item, result: Result) -> None:
        hook, config = item.ihook, item.config
        sent, warned, recorded = result
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in sent:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            hook.pytest_runtest_logreport(report=report)
        for message in warned:
            hook.pytest_warning_recorded.call_historic(kwargs=message)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self._store(item, recorded)

    def _run_there(self, item: pytest.Item) -> Result:
        server, self._fork_server = self._fork_server, None
        assert server is not None  # noqa: S101 - the caller has made it
        dump = item.config.hook.pytest_report_to_serializable
        try:
            result = server.run(self._places[item], is_last=self._next[item] is None)
        except pytest.fail.Exception as failure:  # a time limit, by a signal
            return [dump(config=item.config, report=_failure(item, str(failure)))], [], None
        self._fork_server = server
        if isinstance(result, Stopped):
            result.be_raised()
        if isinstance(result, Death):
            return [dump(config=item.config, report=_failure(item, result.text))], [], None
        return cast("Result", result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End the last fork, with the fixtures that it has set up."""
        if self._fork_server is not None and not self.is_fork:
            self._fork_server.close()

    # In a fork

    def _run_here(self, place: int, is_last: bool) -> Result | Stopped:  # noqa: FBT001 - the form that orders have
        item = self._items[place]
        if self._listener is None:
            self._listener = _Listener(item.config)
            self._begin()
        self._listener.reports.clear()
        self._listener.warned.clear()
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None if is_last else self._next[item])
        except KeyboardInterrupt:
            return Stopped()
        except pytest.exit.Exception as leaving:
            return Stopped(str(leaving.msg), leaving.returncode)
        dump = item.config.hook.pytest_report_to_serializable
        sent = [dump(config=item.config, report=report) for report in self._listener.reports]
        return sent, self._listener.picklable(), self._record

    def _leave(self) -> None:
        """Tear down what is still set up."""
        with contextlib.suppress(Exception):  # there is no test left to report it
            running.tear_down(self._items[0].session, None)  # as pytest does when it is interrupted


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
        """Return the reports that can be pickled."""
        found = []
        for message in self.warned:
            with contextlib.suppress(Exception):  # a class that is defined in a test, say
                pickle.dumps(message)
                found.append(message)
        return found


def _failure(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
