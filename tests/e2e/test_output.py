"""``--zygote-output``: what programs read of runs of all kinds."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.json_schema import problems
from tests.support.suites import OTHER_OUTCOMES

if TYPE_CHECKING:
    from tests.support.daemon import Project, Result

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text(encoding="utf-8"))
SUITE = """
    import warnings

    import pytest

    import shop

    def test_passes(): ...

    def test_fails():
        print("shown")
        assert shop.price(2) == 5
"""
VOLATILE = ("time", "start", "stop", "duration", "phases", "args", "served", "rerun", "keywords", "longrepr")
"""What differs from run to run, or with the command line; and what is long."""
OF_WORKERS = ("worker_id", "testrun_uid", "item_index", "node")


@pytest.fixture(name="suite")
def _suite(project: Project) -> Project:
    """Give tests of all outcomes."""
    project.write("shop.py", "def price(pieces):\n    return pieces * 2\n")
    project.write("test_shop.py", SUITE + OTHER_OUTCOMES)
    return project


def events(result: Result) -> list[dict[str, object]]:
    """Return the events of a run, each of which is as the schema says."""
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [problem for event in found for problem in problems(event, SCHEMA)] == []
    assert found[-1]["$report_type"] == "SessionFinish"
    return found


def stable(found: list[dict[str, object]]) -> list[str]:
    """Return events without what is different in each run, in an order of their own."""
    kept = [{name: value for name, value in event.items() if name not in (*VOLATILE, *OF_WORKERS)} for event in found]
    return sorted(json.dumps(event, sort_keys=True) for event in kept)


@pytest.mark.measured
def test_each_line_is_an_event_however_the_run_is_served(suite: Project) -> None:
    """Warm, cold, by workers: the same events; how it was served stands in the first."""
    warm = suite.warm_up("--zygote-output=jsonl")
    cold = events(suite.plain("-p", "pytest_zygote", "--zygote-output=jsonl"))
    workers = events(suite.plain("-p", "pytest_zygote", "--zygote-output=jsonl", "-n2"))

    assert stable(events(warm)) == stable(cold) == stable(workers)
    assert events(warm)[0]["served"] == {"how": "warm", "layer": "project"}
    code = {"code": "switched-off", "reason": "warm runs are switched off"}
    assert cold[0]["served"] == {"how": "cold", "layer": "", **code}
    assert cold[-1]["counts"] == {"failed": 1, "passed": 3, "skipped": 1, "xfailed": 1, "warnings": 1, "error": 1}
    assert warm.returncode == cold[-1]["exitstatus"] == 1


def test_the_rerun_line_repeats_what_failed(suite: Project) -> None:
    """From the folder of the command, in a shell."""
    (suite.root / "sub").mkdir()
    command = [str(suite.bin / "pytest"), "--zygote-output=compact", ".."]
    first = suite.run(command, {"PYTEST_DAEMON_DISABLE": "1"}, cwd=suite.root / "sub")
    (line,) = re.findall(r"^rerun: (.*)", first.stdout, re.MULTILINE)
    program, *args = shlex.split(line)
    again = suite.run([str(suite.bin / program), *args], {"PYTEST_DAEMON_DISABLE": "1"}, cwd=suite.root / "sub")

    assert args[1:] == ["../test_shop.py::test_fails", "../test_shop.py::TestTearDown::test_broken"]
    assert "1 failed, 1 error, 1 passed in " in again.stdout


def test_compact_says_what_is_needed(suite: Project) -> None:
    """One line if all is well; else place, values, message, output."""
    well = suite.plain("--zygote-output=compact", "-k", "passes")
    failed = suite.plain("--zygote-output=compact", "-k", "test_fails")

    assert re.fullmatch(r"ok: 1 passed, 5 deselected in [0-9.]+ s\n", well.stdout)
    assert re.sub(r"in [0-9.]+ s", "in … s", failed.stdout).splitlines() == [
        "FAILED test_shop.py::test_fails",
        "12: assert shop.price(2) == 5",
        "assert 4 == 5",
        "+  where 4 = shop.price(2)",
        "stdout call: shown",
        "1 failed, 5 deselected in … s",
        "rerun: pytest --zygote-output=compact -k test_fails test_shop.py::test_fails",
    ]


def test_what_changes_select_has_its_reasons(suite: Project) -> None:
    """With ``--affected``; tests in forks are reported once."""
    suite.plain("--affected")
    suite.write("shop.py", "def price(pieces):\n    return pieces * 3\n")
    found = events(suite.plain("--affected", "--zygote-output=jsonl"))
    (selection,) = (event for event in found if event["$report_type"] == "Selection")
    why = selection["why"]
    calls = [event["nodeid"] for event in found if event.get("when") == "call"]

    assert isinstance(why, dict)
    assert why["test_shop.py::test_fails"]["kind"] == "changed"
    assert "shop.py" in why["test_shop.py::test_fails"]["reason"]
    assert len(calls) == len(set(calls))


@pytest.mark.parametrize(
    ("files", "args", "kinds", "status"),
    [
        ({}, ["--unknown"], ["UsageError"], 4),
        ({}, ["gone.py"], ["SessionStart", "Selection", "UsageError"], 4),
        ({"conftest.py": "import gone\n"}, [], ["UsageError"], 4),
        ({"test_bad.py": "import gone\n"}, [], ["SessionStart", "CollectReport", "Selection", "Interrupted"], 2),
        ({"conftest.py": "def pytest_sessionstart():\n    1 / 0\n"}, [], ["SessionStart", "InternalError"], 3),
    ],
    ids=["option", "path", "conftest", "collection", "internal"],
)
def test_a_run_that_cannot_begin_says_so(
    suite: Project, files: dict[str, str], args: list[str], kinds: list[str], status: int
) -> None:
    """In the same form, with pytest's exit code."""
    for name, text in files.items():
        suite.write(name, text)
    result = suite.plain("--zygote-output=jsonl", *args)
    found = events(result)

    assert [event["$report_type"] for event in found] == [*kinds, "SessionFinish"]
    assert result.returncode == found[-1]["exitstatus"] == status


def test_the_timeline_has_all_processes(suite: Project) -> None:
    """Warm and cold: each event is one of the Chrome trace event format, within the time of the run."""
    suite.warm_up()
    for run in (suite.pz, suite.plain):
        result = run("-n2", "--zygote-trace=trace.json")
        found = json.loads((suite.root / "trace.json").read_text(encoding="utf-8"))
        processes = {event["pid"]: event["args"]["name"] for event in found if event["ph"] == "M"}
        spans = [event for event in found if event["ph"] == "X"]
        (whole,) = (event for event in spans if event["name"] == "pytest")
        names = [event["name"] for event in spans if event["cat"] == "test"]

        assert result.returncode == 1
        workers = {name for name in processes.values() if name != "run"}
        assert "run" in processes.values()
        assert workers  # one may have run all tests before the other was there
        assert workers <= {"worker gw0", "worker gw1"}
        assert {event["ph"] for event in found} == {"M", "X", "i"}
        assert all(type(event[key]) is int for event in spans for key in ("ts", "dur", "pid", "tid"))
        assert all(event["pid"] in processes and event["dur"] >= 0 for event in spans)
        assert all(event["ts"] >= whole["ts"] for event in spans)
        assert len(names) == len(set(names)) == 6
