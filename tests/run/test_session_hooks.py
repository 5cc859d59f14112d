"""What a collected session does in the hooks of pytest, and what each of its runs renews."""

from __future__ import annotations

import os
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.run.collected_session import CollectedPlugin, PytestSession, renew_file
from pytest_zygote.run.recollection import Recollection

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_zygote.core.reasons import Reason


class FakeHost:
    """The process that collects.

    Attributes:
        aborted: why it has ended.
        marks: how often it was asked to note what was written.
        waited: sessions with which it has waited for orders.
    """

    def __init__(self) -> None:
        """Have nothing to do yet."""
        self.aborted: list[str] = []
        self.marks = 0
        self.waited: list[PytestSession] = []

    def abort(self, reason: Reason) -> None:
        """Note why; the real one ends the process."""
        self.aborted.append(reason.text)

    def mark(self) -> None:
        """Count."""
        self.marks += 1

    def wait(self, pytest_session: PytestSession) -> None:
        """Be a run at once."""
        self.waited.append(pytest_session)


class FakeManager:
    """pytest's plugins."""

    def __init__(self) -> None:
        """Have none but pytest's own."""
        self.plugins: dict[str, object] = {"main": ModuleType("_pytest.main")}

    def list_name_plugin(self) -> list[tuple[str, object]]:
        """Return all."""
        return [*self.plugins.items()]

    def get_hookcallers(self, _plugin: object) -> list[SimpleNamespace]:
        """Return no hooks."""
        return []

    def getplugin(self, name: str) -> object:
        """Return a plugin."""
        return self.plugins.get(name)


class FakeSession:
    """A session that was collected."""

    def __init__(self) -> None:
        """Collect no tests, with usual options."""
        self.options: dict[str, object] = {}
        self.ini: dict[str, object] = {"norecursedirs": [".*"], "log_file": ""}
        self.manager = FakeManager()
        self.config = SimpleNamespace(
            getoption=self.options.get,
            getini=self.ini.get,
            pluginmanager=self.manager,
        )
        self.items: list[object] = []
        self.testsfailed = 0
        self.shouldstop = self.shouldfail = False


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """Provide a session."""
    monkeypatch.setattr(configuration, "has_basetemp", lambda _config: False)
    return FakeSession()


def through(hook: Generator[None, object, object]) -> None:
    """Call a wrapper, and the hook that it wraps."""
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(None)


def test_a_session_that_cannot_be_ends_before_its_plugins_are_configured(session: FakeSession) -> None:
    """They may begin there what is a run's business."""
    host = FakeHost()
    session.options["cacheclear"] = True

    CollectedPlugin(host).pytest_configure(cast("pytest.Config", session.config))

    assert host.aborted == ["--cache-clear removes the cache"]


def test_the_opening_is_marked_once(session: FakeSession) -> None:
    """A run that collects again calls the hook, too."""
    host, items = FakeHost(), cast("list[pytest.Item]", [object()])
    plugin = CollectedPlugin(host)

    for _ in range(2):
        through(plugin.pytest_collection_modifyitems(items))

    assert host.marks == 1
    assert not session.items


def test_it_waits_before_the_first_test(session: FakeSession) -> None:
    """What comes back is a run."""
    host = FakeHost()

    through(CollectedPlugin(host).pytest_runtestloop(cast("pytest.Session", session)))

    assert len(host.waited) == 1
    assert host.aborted == []


def test_it_never_ends_as_a_session(session: FakeSession) -> None:
    """Nobody may take that for the end of a run."""
    del session
    host = FakeHost()

    through(CollectedPlugin(host).pytest_sessionfinish())

    assert host.aborted == ["pytest ends before the first test"]


class FailedPlugin:
    """What pytest's `lfplugin` and `nfplugin` are: they read the cache when they are made."""

    cache: dict[str, bool]

    def __init__(self, config: object) -> None:
        """Read the cache."""
        del config
        self.lastfailed = dict(self.cache)
        self.cached_nodeids = {*self.cache}

    def pytest_collectreport(self, report: SimpleNamespace) -> None:
        """Forget failures of a module that was collected."""
        self.lastfailed.pop(report.nodeid)


def test_a_run_reads_the_cache_again(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other runs have written it since; but modules were collected before."""
    FailedPlugin.cache = {}
    failed, names = FailedPlugin(None), FailedPlugin(None)
    session.manager.plugins |= {"lfplugin": failed, "nfplugin": names}
    session.items = [SimpleNamespace(nodeid="b.py::test_it")]
    monkeypatch.setattr("pytest_zygote.run.collected_session.terminal.reporter_of", lambda _config: None)
    reports = {"a.py": cast("pytest.CollectReport", SimpleNamespace(nodeid="a.py"))}
    FailedPlugin.cache = {"a.py": True, "b.py::test_it": True}

    PytestSession(cast("pytest.Session", session), reports, Recollection()).renew(is_changed=False)

    assert failed.lastfailed == {"b.py::test_it": True}
    assert names.cached_nodeids == {"a.py", "b.py::test_it"}


def test_workers_are_prepared_unless_the_tests_are_very_many(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so many a run is seldom asked for at once."""
    prepared: list[object] = []
    session.manager.plugins["dsession"] = SimpleNamespace(prepare=prepared.append)
    made = PytestSession(cast("pytest.Session", session), {}, Recollection())

    made.prepare()
    assert prepared == [session]

    monkeypatch.setattr("pytest_zygote.run.collected_session.MOST_PREPARED", -1)
    made.prepare()
    assert len(prepared) == 1
    assert made.count() == 0


def test_files_of_the_cache_are_no_inputs(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each run reads them again."""
    made = PytestSession(cast("pytest.Session", session), {}, Recollection())

    monkeypatch.setattr(configuration, "cache_folder", lambda _config: tmp_path)
    assert str(tmp_path / "v" / "cache" / "lastfailed") in made.cache_files()
    monkeypatch.setattr(configuration, "cache_folder", lambda _config: None)
    assert made.cache_files() == ()


def test_a_file_is_exchanged_under_its_descriptor(tmp_path: Path) -> None:
    """Other runs of the session have the old one."""
    file = tmp_path / "captured"
    file.write_bytes(b"from collection")
    descriptor = os.open(file, os.O_RDWR)
    try:
        renew_file(descriptor)
        os.write(descriptor, b"from a run")
        os.lseek(descriptor, 0, os.SEEK_SET)
        assert os.read(descriptor, 99) == b"from a run"
    finally:
        os.close(descriptor)
    assert file.read_bytes() == b"from collection"
