"""A worker that configures and collects by itself, as those of pytest-xdist do: a plugin of its session.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import exit_handlers
from pytest_zygote.adapters.interpreter.private.state import show_warnings_by
from pytest_zygote.adapters.system import processes
from pytest_zygote.core.parallel.worker_pool import name_of
from pytest_zygote.fixtures import transfer
from pytest_zygote.fixtures.shared import SharedFixtures
from pytest_zygote.parallel import after_fork, collection_leftovers, messages, worker, worker_end
from pytest_zygote.parallel.collection_leftovers import CollectionLeftovers
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.worker_channel import ControllerGone, WorkerChannel
from pytest_zygote.parallel.worker_handle import opened_end

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_zygote.parallel.worker_handle import WorkerEnd
    from pytest_zygote.parallel.worker_zygote import WorkerOrder

NAME = "zygote_configured_worker"
_current: list[ConfiguredWorker] = []


def claim() -> ConfiguredWorker | None:
    """Return the worker that this process is, to its own session only: sessions that tests start are plain."""
    return _current.pop() if _current else None


def be_worker(args: Sequence[str], plugins: Sequence[object], order: WorkerOrder, descriptors: list[int]) -> int:
    """Be a worker, in a fork of the zygote; return the exit code."""
    *files, memory, flags_memory = descriptors
    exit_handlers.forget()
    show_warnings_by(_print_warning)  # the zygote was forked where pytest records those of its own start
    os.environ.update(order.environ)
    end = opened_end(order.number, name_of(order.number), files, memory)
    flags = SharedFlags(order.max_failures, order.tests, flags_memory)
    for descriptor in (memory, flags_memory):
        os.close(descriptor)
    this = ConfiguredWorker(order, end, flags)
    _current.append(this)
    try:
        this.run_session(args, plugins)
        worker_end.leave(this.channel, end.number)
    except ControllerGone:
        return 1
    return 0


def _print_warning(found: warnings.WarningMessage) -> None:
    stream = found.file or sys.stderr
    if stream is not None:
        stream.write(warnings.formatwarning(found.message, found.category, found.filename, found.lineno, found.line))


class ConfiguredWorker:
    """Takes the place of pytest's loop over the tests.

    Attributes:
        channel: to the controller.
    """

    def __init__(self, order: WorkerOrder, end: WorkerEnd, flags: SharedFlags) -> None:
        """Have collected nothing yet."""
        self._order = order
        self._end = end
        self._flags = flags
        self._errors: list[str] = []
        self._pid = os.getpid()
        self.channel = WorkerChannel(end.link, end.ring, flags, is_verbose=False)

    def run_session(self, args: Sequence[str], plugins: Sequence[object]) -> None:
        """Run pytest; report what ends it in an unusual way, as plain pytest's process would end with a traceback."""
        try:
            pytest.main(list(args), list(plugins))
        except ControllerGone:
            raise
        except BaseException:  # noqa: BLE001 - of a plugin, after its session
            self.channel.send(messages.EndReported(traceback.format_exc(), is_failed=True))

    def join(self, config: pytest.Config) -> None:
        """Make a session that begins to configure this worker's."""
        config.workerinput = self._order.workerinput  # type: ignore[attr-defined]
        config.workeroutput = {}  # type: ignore[attr-defined]
        config.pluginmanager.set_blocked("terminalreporter")  # the run process has it
        config.pluginmanager.register(self, NAME)

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> None:
        """Have the options of a worker."""
        after_fork.set_worker_options(config)
        if self._order.basetemp:
            config.option.basetemp = self._order.basetemp

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._errors.append(f"{report.nodeid}: {report.longreprtext}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run tests as a worker, if this one has collected the same as the others."""
        ids = [item.nodeid for item in session.items]
        if self.channel.report_collected(ids, "\n".join(self._errors)):
            worker_end.guarded(self.channel, lambda: self._run(session))
        return True

    def _run(self, session: pytest.Session) -> None:
        self.channel.interrupts.replace_default()
        self.channel.share_descriptors(after_fork.adopt_output(session.config, self._end.dump)[:-1])
        shared_fixtures = SharedFixtures(session)
        shared_fixtures.enter_worker(self.channel.request_fixture, self._order.own_fixtures)
        tests = worker.Worker(session, self._end, self._flags, self.channel)
        try:
            tests.run()
        finally:
            tests.tear_down()

    @pytest.hookimpl
    def pytest_internalerror(self, excrepr: object) -> None:
        """Report an error of pytest or a plugin."""
        if os.getpid() == self._pid:
            self.channel.send(messages.InternalErrorRaised(str(excrepr)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Send what plugins have left for the run process."""
        result = yield
        output = getattr(session.config, "workeroutput", {})
        self.channel.send(messages.OutputReturned(transfer.dump(output)))
        return result


def _fork_zygote(config: pytest.Config) -> None:
    """Fork, before conftest files are imported, a process for workers that configure by themselves."""
    from pytest_zygote.parallel.worker_zygote import NAME as ZYGOTE
    from pytest_zygote.parallel.worker_zygote import WorkerZygote

    if processes.strangers():
        return
    given = config.invocation_params
    args, plugins = tuple(map(str, given.args)), tuple(given.plugins or ())
    zygote = WorkerZygote(lambda order, descriptors: be_worker(args, plugins, order, descriptors))
    config.pluginmanager.register(zygote, ZYGOTE)
    config.add_cleanup(zygote.close)


def prepare(config: pytest.Config, *, may_fork: bool) -> None:
    """Be ready for workers, before conftest files are imported.

    Args:
        config: of the session.
        may_fork: whether workers may configure by themselves.
    """
    if may_fork:
        _fork_zygote(config)
    leftovers = CollectionLeftovers()
    config.pluginmanager.register(leftovers, collection_leftovers.NAME)
    config.add_cleanup(leftovers.pytest_unconfigure)
