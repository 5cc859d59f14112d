"""Shards: each test on one machine, and all results as one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.support.suites import OTHER_OUTCOMES

if TYPE_CHECKING:
    from tests.support.daemon import Project, Result

SUITE = """
    import os
    import warnings

    import pytest

    @pytest.fixture(scope="module")
    def database():
        yield "up"

    @pytest.mark.parametrize("value", ["a/x", "b::y", *range(6)])
    def test_value(value, database):
        print("shown", value)
        assert value != 3
"""
OUTCOMES = {"passed": 10, "failed": 1, "skipped": 1, "xfailed": 1, "error": 1, "warning": 1}
DURATIONS = {"two.py::test_late": 100.0, "one.py::test_warns": 1.0, "one.py::test_skipped": 1.0}
COLD = {"PYTEST_DAEMON_DISABLE": "1"}


def outcomes(result: Result) -> dict[str, int]:
    """Return the counts of pytest's closing line; shards differ in the tests that they leave out."""
    (line,) = re.findall(r"^=* ?(\d+ .*) in [0-9.]+s", result.stdout, re.MULTILINE)
    counts = {name.rstrip("s"): int(number) for number, name in re.findall(r"(\d+) (\w+)", line)}
    return {name: count for name, count in counts.items() if name != "deselected"}


def without_times(result: Result) -> list[str]:
    """Return what pytest printed, without what is different in each run."""
    lines = [
        line for line in result.stdout.splitlines() if not line.startswith(("zygote: ", "plugins: ", "configfile: "))
    ]
    return [re.sub(r"in [0-9.]+s|0x[0-9a-f]+|/\S+\.xml", "…", line).strip("= ") for line in lines]


@pytest.fixture(name="suite")
def _suite(project: Project) -> Project:
    project.write("tests/test_one.py", SUITE + OTHER_OUTCOMES)
    project.write("tests/test_two.py", "def test_late():\n    pass\n")
    return project


def run_shards(project: Project, total: int, *args: str) -> list[Result]:
    """Run all shards, in a folder for all results."""
    return [
        project.plain("tests", f"--shard={number}/{total}", f"--shard-result=results/{number}", *args)
        for number in range(1, total + 1)
    ]


@pytest.mark.measured
def test_the_whole_is_shown_as_one_run(suite: Project) -> None:
    """As if all tests had run here: output, exit code, junit file; without the project's code."""
    whole = suite.plain("tests", "-rA", "--junitxml=whole.xml")
    shards = run_shards(suite, 3, "-rA")
    suite.write("conftest.py", "raise RuntimeError('merging runs nothing of the project')\n")
    merged = suite.pz("merge", "results", **COLD)

    assert merged.returncode == whole.returncode == 1
    assert outcomes(merged) == outcomes(whole) == OUTCOMES
    assert sum(outcomes(shard).get("passed", 0) for shard in shards) == OUTCOMES["passed"]
    assert without_times(merged) == without_times(whole)
    assert "zygote: 3 shards, of which the longest ran tests for" in merged.stdout
    assert cases(suite, "merged-shards/junit.xml") == cases(suite, "whole.xml")


def cases(project: Project, name: str) -> list[tuple[str | None, str | None, list[str]]]:
    """Return the cases of a junit file, with what happened to them."""
    found = ET.parse(project.root / name).iter("testcase")  # noqa: S314 - it is our own
    return [(case.get("classname"), case.get("name"), [part.tag for part in case]) for case in found]


def test_durations_of_a_whole_are_those_of_the_next_plan(suite: Project) -> None:
    """One slow test has a shard for itself."""
    suite.write(
        "durations.json",
        json.dumps({f"tests/test_{name}": seconds for name, seconds in DURATIONS.items()}),
    )
    result = suite.plain(
        "--shard=1/2", "--shard-durations=durations.json", "-q", "tests/test_two.py", "tests/test_one.py"
    )
    assert "zygote: shard 1/2 has 1 of 13 tests, about 100.0 of 112.0 s" in result.stdout
    assert outcomes(result) == {"passed": 1}

    run_shards(suite, 2)
    suite.pz("merge", "results", "--into", "out", **COLD)
    known = json.loads((suite.root / "out/durations.json").read_text())["tests"]
    assert len(known) == sum(OUTCOMES.values()) - 2  # the error is a second outcome of one test, a warning is none


def test_what_makes_no_whole_is_named(suite: Project) -> None:
    """Nothing is shown that could be taken for the whole."""
    run_shards(suite, 2)
    alone = suite.pz("merge", "results/1", **COLD)
    assert (alone.returncode, alone.stdout) == (4, "")
    assert "ERROR: shard 2/2 is missing: name its folder, too" in alone.stderr

    suite.write("tests/test_two.py", "def test_other():\n    pass\n")
    suite.plain("tests", "--shard=2/2", "--shard-result=results/2")
    changed = suite.pz("merge", "results", **COLD)
    assert changed.returncode == 4
    assert "only 1/2 has tests/test_two.py::test_late; only 2/2 has tests/test_two.py::test_other" in changed.stderr


@pytest.mark.measured
def test_a_shard_is_repeated_elsewhere(suite: Project) -> None:
    """What failed there fails here, and what is different is said."""
    run_shards(suite, 1, "-v")
    suite.write("tests/test_two.py", "def test_late():\n    assert True\n")
    again = suite.pz("rerun", "results/1", "--failed", **COLD)
    assert again.returncode == 1
    assert outcomes(again) == {"failed": 1, "passed": 1, "error": 1}
    assert "zygote: not as it was there: files that differ: tests/test_two.py" in again.stderr

    suite.write("tests/test_one.py", "def test_good():\n    pass\n")
    suite.plain("--shard-result=good", "tests/test_one.py")
    nothing = suite.pz("rerun", "good", "--failed", **COLD)
    assert (nothing.returncode, nothing.stderr) == (0, "zygote: no test of shard 1/1 has failed\n")


def test_a_shard_that_died_is_known_as_far_as_it_came(suite: Project) -> None:
    """What it had not finished is what is to be repeated."""
    suite.write("tests/test_one.py", "import os\ndef test_a(): pass\ndef test_b(): os._exit(3)\ndef test_c(): pass\n")
    suite.plain("tests/test_one.py", "--shard-result=results")
    merged = suite.pz("merge", "results", **COLD)
    assert "shard 1/1 has not come to its end: repeat it by `pz rerun results`" in merged.stderr

    suite.write("tests/test_one.py", "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n")
    assert outcomes(suite.pz("rerun", "results", "--failed", **COLD)) == {"passed": 2}


def test_coverage_and_its_limit_are_those_of_the_whole(suite: Project) -> None:
    """No shard fails for what other shards cover."""
    suite.write("conftest.py", "")  # puts this folder on sys.path
    suite.write("calc.py", "def one():\n    return 1\n\ndef two():\n    return 2\n")
    suite.write("tests/test_one.py", "import calc\ndef test_one():\n    assert calc.one() == 1\n")
    suite.write("tests/test_two.py", "import calc\ndef test_two():\n    assert calc.two() == 2\n")
    options = ("--cov=calc", "--cov-fail-under=100")
    assert [shard.returncode for shard in run_shards(suite, 2, *options)] == [0, 0]
    merged = suite.pz("merge", "results", **COLD)
    assert merged.returncode == 0
    assert re.search(r"calc\.py +4 +0 +100%", merged.stdout)


@pytest.mark.measured
def test_a_warm_run_with_workers_is_a_shard(suite: Project) -> None:
    """The plan is the same, however the tests are run."""
    suite.warm_up("tests")
    served = suite.runs_served()
    result = suite.pytest("tests", "-n2", "--shard=1/2", "--shard-result=results/1")
    assert suite.runs_served() == served + 1
    cold = suite.plain("tests", "--shard=2/2", "--shard-result=results/2")
    merged = suite.pz("merge", "results", **COLD)
    assert result.returncode in {0, 1}
    assert cold.returncode in {0, 1}
    assert outcomes(merged) == OUTCOMES


def test_what_is_not_understood(suite: Project) -> None:
    """It is a usage error that says what to do, and nothing is removed."""
    result = suite.plain("--shard=3/2")
    assert (result.returncode, "--shard is '3/2': the shards are 1 to 2" in result.stderr) == (4, True)
    result = suite.plain("--shard=1/2", "-o", "zygote_shard_by=size")
    assert (result.returncode, "--shard-by is 'size': use one of auto, test, file" in result.stderr) == (4, True)
    result = suite.plain("--shard-result=tests")
    expected = "tests is not empty, and holds no result of a shard: name another folder"
    assert (result.returncode, expected in result.stderr) == (4, True)


def test_more_shards_than_tests(suite: Project) -> None:
    """A job that has nothing to do has not failed."""
    off = ("-p", "no:cacheprovider", "-p", "no:junitxml")  # nothing of them is needed
    result = suite.plain("tests/test_two.py", "--shard=2/2", "--shard-result=results", *off)
    assert result.returncode == 0
    assert "zygote: shard 2/2 has 0 of 1 tests" in result.stdout


PAGE = Path(__file__).parents[2] / "docs" / "shards.md"


def commands_of(service: str) -> list[str]:
    """Return the commands about tests in the workflow that the documents have for a service."""
    workflow = (
        PAGE.read_text(encoding="utf-8").partition(f"\n{service}:\n")[2].partition("```yaml")[2].partition("```")[0]
    )
    return re.findall(r"(?:- |run: )((?:pytest|pz|test|touch|cp) .*)", workflow)


def run_as_job(project: Project, service: str, *, number: int, total: int) -> Result:
    """Run the commands of a job before its results are brought together."""
    lines = [line for line in commands_of(service) if not line.startswith(("pz", "cp"))]
    script = "\n".join(lines).replace("${{ matrix.shard }}/4", f"{number}/{total}")
    keys = {
        "CI_NODE_INDEX": number,
        "CI_NODE_TOTAL": total,
        "CIRCLE_NODE_INDEX": number - 1,
        "CIRCLE_NODE_TOTAL": total,
    }
    chosen = {key: str(value) for key, value in keys.items() if key.startswith("CIRCLE") == (service == "CircleCI")}
    return project.run(["bash", "-ec", script], {**chosen, "CI": "true"})


def test_the_workflows_of_the_documents(suite: Project) -> None:
    """Each service's job runs its part; GitLab's are brought together as the page says."""
    for service in ("GitHub", "CircleCI"):
        job = run_as_job(suite, service, number=2, total=2)
        assert "zygote: shard 2/2 has" in job.stdout

    for number in (1, 2):
        run_as_job(suite, "GitLab", number=number, total=2)
    ending = "\n".join(line for line in commands_of("GitLab") if line.startswith(("pz", "cp")))
    merged = suite.run(["bash", "-c", ending], COLD)
    assert outcomes(merged) == OUTCOMES
    assert (suite.root / "durations.json").exists()


def test_reports_that_are_missing_are_no_success(suite: Project) -> None:
    """They are named; nothing is shown that could be taken for the whole."""
    suite.plain("tests/test_two.py", "--shard-result=results")
    (suite.root / "results/reports.jsonl").write_text("")
    merged = suite.pz("merge", "results", **COLD)
    assert (merged.returncode, merged.stdout) == (4, "")
    assert "shard 1/1 has succeeded, but reports of tests/test_two.py::test_late are missing" in merged.stderr


def test_what_did_not_run_is_named(suite: Project) -> None:
    """An interrupted shard is repeated by what it had left."""
    suite.write("tests/test_two.py", "def test_bad(): assert 0\ndef test_late(): pass\n")
    suite.plain("tests/test_two.py", "-x", "--shard-result=results")
    merged = suite.pz("merge", "results", **COLD)
    assert merged.returncode == 1
    assert "zygote: shard 1/1 ended with exit code 1 before tests/test_two.py::test_late ran" in merged.stdout
    assert outcomes(suite.pz("rerun", "results", "--failed", "--maxfail=9", **COLD)) == {"failed": 1, "passed": 1}


def test_selection_by_changes_within_shards(suite: Project) -> None:
    """What is left out is no hole in the whole, and the maps are put together."""
    options = ("--affected", "-k", "not value and not broken")
    run_shards(suite, 2, *options)
    results = run_shards(suite, 2, *options)
    assert [result.returncode for result in results] == [0, 0]
    merged = suite.pz("merge", "results", **COLD)
    assert merged.returncode in {0, 5}
    assert (suite.root / "merged-shards/affected.json").exists()
