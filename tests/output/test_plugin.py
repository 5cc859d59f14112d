"""Which events a run has, and when they are printed."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.output.events import KIND, served
from pytest_zygote.output.plugin import FORMS, NAME, Nowhere, OutputPlugin, begin
from tests.parallel.fakes import make_config, make_items

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_zygote.core.output.events import Event


class Writer:
    """What the reporter writes by."""

    def __init__(self) -> None:
        """Write to a stream of the test's own."""
        self._file = io.StringIO()


class Reporter:
    """pytest's terminal reporter: it counts, and has a writer."""

    def __init__(self) -> None:
        """Have counted nothing."""
        self.stats: dict[str, list[object]] = {"": [1], "failed": [1]}
        self._tw = Writer()


class Serialiser:
    """The hook by which reports become data."""

    def pytest_report_to_serializable(self, report: object) -> Event:
        """Return the little that is asked for here."""
        return {KIND: "TestReport", "nodeid": vars(report)["nodeid"]}


class Run:
    """A run with the plugin, as JSON.

    Attributes:
        config: of the run.
        cleanups: what is called at its end.
        plugin: ours.
        session: the session.
    """

    def __init__(self, folder: Path, *plugins: object) -> None:
        """Begin it."""
        self.reporter = Reporter()
        self.stream = self.reporter._tw._file  # noqa: SLF001 - a name of pytest's
        self.config = make_config(Serialiser(), *plugins)
        self.config.pluginmanager.register(self.reporter, "terminalreporter")
        self.cleanups: list[Callable[[], None]] = []
        arguments = SimpleNamespace(ARGS=1)
        vars(self.config).update(
            rootpath=folder,
            invocation_params=SimpleNamespace(dir=folder, args=("-q", "a.py")),
            args=["a.py"],
            args_source=1,
            ArgsSource=arguments,
            add_cleanup=self.cleanups.append,
        )
        begin(self.config, "jsonl", served("project", None))
        self.plugin = cast("OutputPlugin", self.config.pluginmanager.get_plugin(NAME))
        items = make_items(self.config, "a.py::x")
        self.session = cast("pytest.Session", SimpleNamespace(config=self.config, items=items, exitstatus=1))

    def report(self, nodeid: str, outcome: str) -> pytest.TestReport:
        """Return a report."""
        found = SimpleNamespace(nodeid=nodeid, failed=outcome == "failed", passed=outcome == "passed")
        return cast("pytest.TestReport", found)

    @property
    def events(self) -> list[Event]:
        """What was printed."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def kinds(self) -> list[object]:
        """The kinds of what was printed."""
        return [event[KIND] for event in self.events]


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_nothing_is_printed_before_all_is_collected(run: Run) -> None:
    """A warm run may start over until then."""
    run.plugin.pytest_sessionstart(run.session)
    run.plugin.pytest_collectreport(cast("pytest.CollectReport", run.report("a.py", "failed")))
    run.plugin.pytest_collectreport(cast("pytest.CollectReport", run.report("b.py", "passed")))
    assert run.kinds == []
    run.plugin.pytest_collection_finish(run.session)

    assert run.kinds == ["SessionStart", "TestReport", "Selection"]
    run.plugin.pytest_runtest_logreport(run.report("a.py::x", "passed"))
    assert run.kinds[3:] == ["TestReport"]


def test_what_the_reporter_writes_goes_nowhere_but_lines_of_ours(run: Run) -> None:
    """They are events; so is what plugins add to the summary."""
    run.plugin.pytest_sessionstart(run.session)
    run.plugin.pytest_collection_finish(run.session)
    writer = run.reporter._tw  # noqa: SLF001 - a name of pytest's
    writer._file.write("collected 1 item")  # noqa: SLF001 - a name of pytest's
    writer._file.write("zygote: the store is damaged\n")  # noqa: SLF001 - a name of pytest's
    summary = run.plugin.pytest_terminal_summary()
    next(summary)
    writer._file.write("TOTAL 90%")  # noqa: SLF001 - a name of pytest's
    with pytest.raises(StopIteration):
        next(summary)

    assert [event["text"] for event in run.events[2:]] == ["zygote: the store is damaged", "TOTAL 90%"]
    assert isinstance(writer._file, Nowhere)  # noqa: SLF001 - a name of pytest's


def test_the_last_event_has_counts_and_the_command_that_repeats(run: Run) -> None:
    """Once, whatever else ends."""
    run.plugin.pytest_sessionstart(run.session)
    run.plugin.pytest_deselected(run.session.items)
    run.plugin.pytest_collection_finish(run.session)
    run.plugin.pytest_runtest_logreport(run.report("a.py::x", "failed"))
    run.plugin.pytest_unconfigure()
    run.cleanups[0]()

    assert run.kinds[-2:] == ["TestReport", "SessionFinish"]
    assert (run.events[-1]["counts"], run.events[-1]["exitstatus"]) == ({"failed": 1}, 1)
    assert str(run.events[-1]["rerun"]).endswith(" -q a.py::x")
    assert run.events[1]["deselected"] == 1


def test_notes_of_plugins_stand_in_the_selection(run: Run) -> None:
    """Those that pytest prints below the count of tests; with reasons, where changes select."""
    chosen = {"a.py::x": SimpleNamespace(kind="changed", reason="b.py")}
    run.config.pluginmanager.register(SimpleNamespace(selected=chosen), "zygote_affected")
    run.plugin.pytest_sessionstart(run.session)
    notes = run.plugin.pytest_report_collectionfinish()
    next(notes)
    with pytest.raises(StopIteration) as ended:
        notes.send(["one", ["two", "three"]])
    run.session.config.option.collectonly = True
    run.plugin.pytest_collection_finish(run.session)

    assert ended.value.value == ["one", ["two", "three"]]
    assert run.events[1]["notes"] == ["one", "two", "three"]
    assert run.events[1]["why"] == {"a.py::x": {"kind": "changed", "reason": "b.py"}}
    assert run.events[1]["tests"] == ["a.py::x"]


def test_pytest_that_cannot_begin_is_an_error_of_usage(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Told while the error is on its way; `--help` is none."""
    run.cleanups[0]()
    assert capsys.readouterr().out == ""
    run.plugin._stream = run.stream  # noqa: SLF001 - it has kept the real one
    with contextlib.suppress(pytest.UsageError), contextlib.ExitStack() as stack:
        stack.callback(run.cleanups[0])
        message = "no such option"
        raise pytest.UsageError(message)

    assert run.kinds == ["UsageError", "SessionFinish"]
    assert (run.events[0]["text"], run.events[1]["exitstatus"]) == ("no such option", 4)


def test_other_ends_are_events(run: Run) -> None:
    """An error of pytest's own, a keyboard; and warnings."""
    run.plugin.pytest_sessionstart(run.session)
    run.plugin.pytest_collection_finish(run.session)
    run.plugin.pytest_internalerror("trace")
    with pytest.raises(KeyboardInterrupt) as interrupt:
        raise KeyboardInterrupt
    run.plugin.pytest_keyboard_interrupt(interrupt)
    warning = warnings.WarningMessage(UserWarning("careful"), UserWarning, "a.py", 3)
    run.plugin.pytest_warning_recorded(warning, "runtest", "a.py::x", None)

    assert [event.get("text") or event.get("message") for event in run.events[2:]] == [
        "trace",
        "KeyboardInterrupt",
        "careful",
    ]


def test_workers_and_forks_print_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The run reports for them."""
    run.plugin.pytest_sessionstart(run.session)
    run.plugin.pytest_collection_finish(run.session)
    monkeypatch.setattr("os.getpid", lambda: -1)
    run.plugin.pytest_runtest_logreport(run.report("a.py::x", "passed"))
    monkeypatch.undo()
    worker = Run(tmp_path)
    vars(worker.config)["workerinput"] = {}
    worker.plugin.pytest_sessionstart(worker.session)
    worker.plugin.pytest_runtest_logreport(worker.report("a.py::x", "passed"))
    worker.plugin.pytest_unconfigure()

    assert run.kinds == ["SessionStart", "Selection"]
    assert worker.kinds == []


def test_only_known_forms_are_accepted(run: Run) -> None:
    """The message names them."""
    with pytest.raises(pytest.UsageError, match="--zygote-output is 'xml': use one of jsonl, compact"):
        begin(run.config, "xml", {})
    assert list(FORMS["compact"]()({KIND: "Notice", "text": "zygote: a"})) == ["zygote: a"]


def test_without_a_reporter_events_go_to_standard_output(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with ``-p no:terminal``."""
    run.config.pluginmanager.unregister(name="terminalreporter")
    monkeypatch.setattr(run.plugin, "_stream", sys.stdout)
    run.plugin.pytest_sessionstart(run.session)
    run.plugin.pytest_collection_finish(run.session)
    summary = run.plugin.pytest_terminal_summary()
    next(summary)
    with pytest.raises(StopIteration):
        next(summary)

    assert len(capsys.readouterr().out.splitlines()) == 2
