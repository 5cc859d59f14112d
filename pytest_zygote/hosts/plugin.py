"""The run on several machines, as a plugin of the client's session: it collects here, and tests run on hosts.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.hosts.specs import parse_hosts
from pytest_zygote.core.protocol.errors import UsageError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.hosts import engine
from pytest_zygote.parallel.plan import why_not_parallel

if TYPE_CHECKING:
    from pytest_zygote.core.hosts.specs import HostSpec
    from pytest_zygote.hosts.host_group import HostGroup

NAME = "dsession"
"""The name by which plugins find what shares tests out."""


def begin(config: pytest.Config) -> None:
    """Have the tests of this run run on the hosts that its options name.

    Raises:
        pytest.UsageError: the options are not understood, or what they need is not installed.
    """
    options = config.known_args_namespace
    if options.hosts_serve:
        from pytest_zygote.hosts import hosted_session

        hosted_session.begin(config)
        return
    engine.check_installed()
    try:
        specs = parse_hosts(options.hosts)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(HostsPlugin(config, specs), NAME)


class HostsPlugin:
    """Runs the tests of a session on hosts."""

    def __init__(self, config: pytest.Config, specs: list[HostSpec]) -> None:
        """Belong to this session."""
        self._config = config
        self._specs = specs
        self._group: HostGroup | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuse what hosts do not bring back.

        Raises:
            pytest.UsageError: it is asked for.
        """
        what = missing(config)
        if what:
            raise pytest.UsageError(f"--hosts does not have {what}")
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.showfspath = False

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin to reach the hosts, while the tests are collected."""
        if not session.config.option.collectonly:
            from pytest_zygote.hosts.host_group import HostGroup

            self._group = HostGroup(session.config, self._specs, self.print_line)

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Leave the hosts, if there was nothing to run."""
        if self._group is not None:
            self._group.close()
            self._group = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all tests, or leave it to pytest."""
        if not _has_work(session):
            return None
        reason = why_not_parallel(session) or outside_root(session)
        if reason is not None:
            self.print_line(f"zygote: one process [{reason.code}]: {reason.text}")
            return None
        self._run_all(session)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def _run_all(self, session: pytest.Session) -> None:
        from pytest_zygote.hosts.dispatcher import Dispatcher

        group, self._group = self._group, None
        assert group is not None  # noqa: S101 - the session has started
        try:
            dispatcher = Dispatcher(session, group, self.print_line)
        except BaseException:
            group.close()
            raise
        dispatcher.run()

    def print_line(self, line: str) -> None:
        """Print a line, unless the user wants it quiet."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(line)


def _has_work(session: pytest.Session) -> bool:
    option = session.config.option
    has_failed = session.testsfailed and not option.continue_on_collection_errors
    return bool(session.items) and not has_failed and not option.collectonly


def missing(config: pytest.Config) -> str:
    """Return what this run is asked for that hosts do not bring back; '' if that is nothing."""
    option = config.option
    asked = (
        (config.pluginmanager.hasplugin("_cov"), "coverage (--cov): use --shard for that"),
        (option.affected, "what --affected records: use --shard for that"),
        (option.usepdb, "a debugger (--pdb)"),
        (option.capture == "no", "output of tests as it is printed (-s)"),
        (option.dist in {"each", "fixed"}, f"--dist={option.dist}"),
    )
    return next((what for is_asked, what in asked if is_asked), "")


def outside_root(session: pytest.Session) -> Reason | None:
    """Return why this run stays here: pytest was started in a folder that hosts do not have."""
    folder = session.config.invocation_params.dir
    if os.path.commonpath((folder, session.config.rootpath)) != str(session.config.rootpath):
        return Reason("outside-root", f"pytest was started in {folder}, outside of {session.config.rootpath}")
    return None
