"""Runs pytest-xdist's own acceptance tests with our workers in its place, and makes a table of the result.

    git clone --branch v3.8.0 https://github.com/pytest-dev/pytest-xdist FOLDER
    python -m scripts.acceptance FOLDER

None of them is part of this repository. They run where pytest-xdist and filelock are installed: what is about other
machines (`--tx`, `--dist=each`, `--rsyncdir`) goes to the real one by itself. Each test must either pass or stand in
`OTHERWISE`, with the reason.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FILE = "testing/acceptance_test.py"
COLLECTION = "errors while collecting end with exit code 2, as without workers, and no worker is started"
GROUPS = "`@group` is not added to ids"
BY_TIME = "each scope has one worker, but which one is decided by time"
SMALL = "by chance a worker runs two small files: who is free takes the next"
WORDS = "no nodes are brought up, created or scheduled, so nothing says so"
OTHERWISE = {
    "TestDistribution::test_n1_import_error": COLLECTION,
    "test_collection_crash": COLLECTION,
    "TestNodeFailure::test_max_worker_restart_die": "a module that ends the process when it is imported ends the run, "
    "as without workers",
    "TestDistribution::test_exitfirst_waits_for_workers_to_finish": "the exit code with `-x` is 1, as without workers",
    "test_issue_594_random_parametrize": "different collections cannot happen: there is one",
    "TestTerminalReporting::test_output_verbosity[-q]": WORDS,
    "TestTerminalReporting::test_output_verbosity[-v]": WORDS,
    "test_color_yes_collection_on_non_atty": WORDS,
    "TestLoadScope::test_workqueue_ordered_by_input": BY_TIME,
    "TestLoadScope::test_workqueue_ordered_by_size": BY_TIME,
    "TestLoadScope::test_module_single_start": SMALL,
    "TestFileScope::test_module_single_start": SMALL,
    "TestDistribution::test_keyboardinterrupt_hooks_issue79": "a KeyboardInterrupt in a test ends the run with "
    "pytest's own line, and fails no test",
    "TestNodeFailure::test_max_worker_restart_tests_queued": "by chance one more test fails: its worker dies before it "
    "hears that it is to stop",
    "TestGroupScope::test_multiple_group_marks": GROUPS,
    "TestGroupScope::test_multiple_group_order": GROUPS,
}
"""Test → why it speaks of something that is otherwise here."""

PLUGIN = """
import pytest


@pytest.fixture(autouse=True)
def _zygote(request):
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")._monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_zygote")
"""
OUTCOME = re.compile(rf"^(PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR) {re.escape(FILE)}::(\S+)")


def outcomes(folder: Path, python: str) -> dict[str, str]:
    """Run the tests of a checkout; return the outcome of each."""
    with tempfile.TemporaryDirectory(prefix="xa") as place:
        root = Path(place)
        shutil.copytree(folder / "testing", root / "testing")
        (root / "zygote_acceptance.py").write_text(PLUGIN, encoding="utf-8")
        (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        command = [python, "-m", "pytest", "-p", "pytester", "-p", "zygote_acceptance", "--runpytest=subprocess"]
        command += ["-rA", "-q", "--tb=no", "--show-capture=no", "--basetemp", str(root / "tmp"), FILE]
        environ = {key: value for key, value in os.environ.items() if key not in {"CI", "PYTEST_ADDOPTS"}}
        environ |= {"PYTHONPATH": place, "PYTEST_DAEMON_DISABLE": "1"}
        ended = subprocess.run(command, cwd=root, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    found = [match for line in ended.stdout.splitlines() if (match := OUTCOME.match(line))]
    if not found:
        sys.exit(f"no test ran:\n{ended.stdout}")
    return {match[2]: match[1] for match in found}


def main() -> int:
    """Run, print the table, and fail if a test fails that should not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a checkout of pytest-xdist")
    parser.add_argument("--python", default=sys.executable, help="where we, pytest-xdist and filelock are installed")
    options = parser.parse_args()
    found = outcomes(options.folder, options.python)
    failed = [name for name, outcome in found.items() if outcome in {"FAILED", "ERROR"}]
    passed = sum(outcome == "PASSED" for outcome in found.values())
    print(
        f"{len(found)} tests: {passed} passed, {len(found) - passed - len(failed)} skipped or expected to fail there,"
    )
    print(f"{len(set(failed) & set(OTHERWISE))} not applicable:\n\n| test | why |\n|---|---|")
    print("\n".join(f"| {name} | {OTHERWISE.get(name, '**a difference of which nobody knows**')} |" for name in failed))
    return int(not set(failed) <= set(OTHERWISE))


if __name__ == "__main__":
    sys.exit(main())
