"""The part of a collected session that knows pytest: whether it is eligible, and what a run renews.

PYTEST_DONT_REWRITE: a session finds this module already imported.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.adapters.pytest import plugins
from pytest_zygote.adapters.pytest.private import configuration, terminal
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions import eligibility
from pytest_zygote.run.recollection import Recollection

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from pytest_zygote.run.inherited_layer import InheritedLayer


DECLARATION = "pytest_zygote_session_safe"
"""What a plugin sets to True in its module if runs may be forked from sessions in which it was configured."""

MOST_PREPARED = 20_000
"""Of more tests a run is seldom asked for at once."""


class CollectingProcess(Protocol):
    """The process that a session is collected in."""

    def abort(self, reason: Reason) -> None:
        """End this process, unless it is a run by now."""

    def mark(self) -> None:
        """Note what was written so far: a run may write what follows itself."""

    def wait(self, pytest_session: PytestSession) -> None:
        """Wait for orders to fork; return in each run."""


class CollectedPlugin:
    """Stops a session before its first test, and lets the runs go on from there."""

    def __init__(self, host: CollectingProcess) -> None:
        """Belong to this process."""
        self._host = host
        self._reports: dict[str, pytest.CollectReport] = {}
        self._renewal = Recollection()
        self._is_marked = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """End before a plugin does here what may be a run's business."""
        reason = _option_ineligibility(config) or next(_plugin_ineligibilities(config.pluginmanager), None)
        if reason:
            self._host.abort(reason)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Have no counts in between on a terminal: for the runs, collection takes no time."""
        with terminal.no_counting():
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what was collected: a run forgets failures of modules that have been collected since."""
        self._reports[report.nodeid] = report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Remember all tests before any is left out."""
        if not self._is_marked:
            self._is_marked = True
            self._renewal.items = list(items)
            self._host.mark()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Wait here, before anybody else's part in this hook."""
        reason = ineligibility(session)
        if reason:
            self._host.abort(reason)
        self._host.wait(PytestSession(session, self._reports, self._renewal))
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """End before anybody takes this for the end of a run."""
        self._host.abort(Reason("session-failed", "pytest ends before the first test"))
        return (yield)


def ineligibility(session: pytest.Session) -> Reason | None:
    """Return why no run may be forked from this session; None if nothing speaks against it."""
    config = session.config
    if session.testsfailed or session.shouldstop or session.shouldfail:
        return Reason("session-failed", "tests cannot be collected")
    if configuration.has_basetemp(config):
        return Reason("session-side-effect", "collection makes a temporary folder")
    return _option_ineligibility(config) or next(_plugin_ineligibilities(config.pluginmanager), None)


def _option_ineligibility(config: pytest.Config) -> Reason | None:
    if config.getini("log_file"):
        return Reason("session-option", eligibility.OPTIONS["log_file"])
    return eligibility.option_ineligibility({name: config.getoption(name, None) for name in eligibility.OPTIONS})


def _plugin_ineligibilities(manager: pytest.PytestPluginManager) -> Iterator[Reason]:
    for plugin in plugins.registered(manager):
        is_safe = (dict_of(plugin.home) or {}).get(DECLARATION) is True
        reason = eligibility.plugin_ineligibility(plugin.module, plugin.hooks, is_declared_safe=is_safe)
        if reason:
            yield reason


class PytestSession:
    """A session that was collected, as its runs must find it."""

    def __init__(
        self, session: pytest.Session, reports: dict[str, pytest.CollectReport], renewal: Recollection
    ) -> None:
        """Belong to this session."""
        self._session = session
        self._reports = reports
        self._renewal = renewal

    def count(self) -> int:
        """Return how many tests there are."""
        return len(self._session.items)

    def admits_hidden_folders(self) -> bool:
        """Return whether pytest collects from folders whose names begin with a dot, as the ini-file may say."""
        return ".*" not in self._session.config.getini("norecursedirs")

    def prepare(self) -> None:
        """Find out ahead where the tests are, which each report says, and which of them workers run together.

        Only functions of modules are located: looking for a method would make an instance of its class.
        """
        session = self._session
        if len(session.items) > MOST_PREPARED:
            return
        for item in session.items:
            if type(item) is pytest.Function and item.cls is None:
                item.location  # noqa: B018 - it is remembered
        prepare = getattr(session.config.pluginmanager.getplugin("dsession"), "prepare", None)
        if prepare is not None:
            prepare(session)

    def capture_files(self) -> list[int]:
        """Return the descriptors of the files in which pytest keeps what tests write.

        A run needs its own: others that are forked from the same session would share the position in them.
        """
        return configuration.capture_files(self._session.config)

    def cache_files(self) -> tuple[str, ...]:
        """Return the files of pytest's cache that `renew` reads again."""
        folder = configuration.cache_folder(self._session.config)
        names = ("lastfailed", "nodeids", "stepwise")
        return () if folder is None else tuple(str(folder / "v" / "cache" / name) for name in names)

    def renewable(self, identities: Mapping[str, tuple[int, ...]], layer: InheritedLayer) -> tuple[str, ...]:
        """Return the test files that a run may collect again by itself."""
        return self._renewal.look(self._session, identities, layer)

    def why_not_recollectable(self, paths: Sequence[str]) -> str:
        """Return why a run could not collect these files again, as far as their texts show it."""
        return self._renewal.why_not_recollectable(paths)

    def collect(self, paths: Sequence[str]) -> str:
        """Collect these files again; return why that is not exact, '' if it is."""
        with terminal.no_counting():
            return self._renewal.collect(paths)

    def renew(self, *, is_changed: bool) -> None:
        """Have what pytest would have now, had this run begun now.

        Args:
            is_changed: files were collected again, and what follows collection is to be done again.
        """
        if is_changed:
            self._renewal.select()
        self._renew_state()
        if is_changed:
            self._renewal.finish()

    def _renew_state(self) -> None:
        manager = self._session.config.pluginmanager
        reporter = terminal.reporter_of(self._session.config)
        if reporter is not None:
            terminal.restart_clock(reporter)
        self._renew_failures(manager.getplugin("lfplugin"))
        self._renew_names(manager.getplugin("nfplugin"))

    def _renew_failures(self, plugin: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - a private class
        if plugin is None:
            return
        plugin.lastfailed = type(plugin)(self._session.config).lastfailed
        for failed in [str(name) for name in plugin.lastfailed]:
            if failed in self._reports:
                plugin.pytest_collectreport(self._reports[failed])

    def _renew_names(self, plugin: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - a private class
        if plugin is not None:
            plugin.cached_nodeids = type(plugin)(self._session.config).cached_nodeids
            plugin.cached_nodeids.update(getattr(item, "id", item.nodeid) for item in self._session.items)


def renew_file(descriptor: int) -> None:
    """Put a new, empty temporary file in the place of one that is open."""
    with tempfile.TemporaryFile(buffering=0) as file:
        os.dup2(file.fileno(), descriptor, os.get_inheritable(descriptor))
