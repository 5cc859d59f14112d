"""What a timeline has of a run, and which process writes it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote import output
from pytest_zygote.core.output import chrome_trace
from pytest_zygote.output import trace
from pytest_zygote.output.trace import NAME, TracePlugin
from tests.parallel.fakes import make_config, make_items

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def ended(hook: Generator[None, object, object], result: object = None) -> object:
    """Go through a hook around something that has this result; return what the hook returns."""
    next(hook)
    with pytest.raises(StopIteration) as stopped:
        hook.send(result)
    return stopped.value.value


class Clock:
    """A clock that goes on by a second each time somebody looks."""

    def __init__(self) -> None:
        """Start at 100."""
        self.now = 99.0

    def time(self) -> float:
        """Return the time."""
        self.now += 1
        return self.now


@pytest.fixture(name="plugin")
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TracePlugin:
    monkeypatch.setattr(trace, "time", Clock())
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return TracePlugin(tmp_path / "t.json", {"how": "warm", "layer": "base"})


def session_of(*ids: str, **fields: object) -> pytest.Session:
    """Return a session with these tests."""
    config = make_config()
    vars(config).update(fields)
    return cast("pytest.Session", SimpleNamespace(config=config, items=make_items(config, *ids)))


def spans(folder: Path) -> list[tuple[str, str]]:
    """Return category and name of what was written to a whole file."""
    found = json.loads((folder / "t.json").read_text())
    return [(event["cat"], event["name"]) for event in found if event["ph"] == "X"]


def test_a_run_in_one_process(plugin: TracePlugin, tmp_path: Path) -> None:
    """Phases, files, fixtures and tests; the list is closed at the end."""
    session = session_of("a.py::x")
    plugin.pytest_sessionstart(session)
    collector = cast("pytest.Collector", SimpleNamespace(nodeid="a.py"))
    assert ended(plugin.pytest_make_collect_report(collector), "report") == "report"
    plugin.pytest_collection_finish(session)
    protocol = plugin.pytest_runtest_protocol(session.items[0], None)
    next(protocol)
    fixture = cast("pytest.FixtureDef[object]", SimpleNamespace(argname="db", scope="module"))
    assert ended(plugin.pytest_fixture_setup(fixture), 1) == 1
    plugin.pytest_runtest_makereport(cast("pytest.CallInfo[None]", SimpleNamespace(when="call", start=1, duration=2)))
    plugin.pytest_runtest_makereport(cast("pytest.CallInfo[None]", SimpleNamespace(when="setup", start=1, duration=0)))
    with pytest.raises(StopIteration):
        protocol.send(True)  # noqa: FBT003 - the hook's result
    assert ended(plugin.pytest_sessionfinish()) is None
    plugin.pytest_unconfigure(session.config)

    assert spans(tmp_path) == [
        ("session", "configure"),
        ("collect", "collect a.py"),
        ("session", "collect"),
        ("fixture", "db"),
        ("phase", "call"),
        ("test", "a.py::x"),
        ("session", "tests"),
        ("session", "finish"),
        ("session", "pytest"),
    ]


def test_a_worker_appends(plugin: TracePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither begins nor ends the file, and bears its name."""
    (tmp_path / "t.json").write_text(chrome_trace.HEAD)
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    session = session_of("a.py::x", workerinput={})
    plugin.pytest_sessionstart(session)
    plugin.pytest_unconfigure(session.config)
    text = (tmp_path / "t.json").read_text()

    assert text.startswith(chrome_trace.HEAD)
    assert "worker gw1" in text
    assert text.endswith(",\n")


def test_a_fork_writes_only_what_happens_in_it(
    plugin: TracePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be written is written by the process where it happened."""
    session = session_of("a.py::x", "a.py::y")
    plugin.pytest_sessionstart(session)
    plugin.pytest_collection_finish(session)
    ended(plugin.pytest_runtest_protocol(session.items[0], session.items[1]))
    monkeypatch.setattr("os.getpid", lambda: 1)
    ended(plugin.pytest_runtest_protocol(session.items[1], session.items[0]))  # nobody tells it that this is the last
    text = (tmp_path / "t.json").read_text()

    assert "fork of the run" in text
    assert "a.py::x" not in text
    assert "a.py::y" in text


def test_each_option_has_its_plugin(tmp_path: Path) -> None:
    """A file in a folder that is not there is an error of usage."""
    config = make_config()
    cleanups: list[object] = []
    folder = SimpleNamespace(dir=tmp_path)
    options = SimpleNamespace(zygote_output="jsonl", zygote_trace="t.json")
    vars(config).update(known_args_namespace=options, invocation_params=folder, add_cleanup=cleanups.append)
    output.begin(config, {})

    assert config.pluginmanager.has_plugin(NAME)
    assert config.pluginmanager.has_plugin("zygote_output")
    options.zygote_output, options.zygote_trace = "", "gone/t.json"
    with pytest.raises(pytest.UsageError, match="--zygote-trace: there is no folder"):
        output.begin(config, {})
