"""Runs a fast part of the tests on Pythons other than the one that the gate runs on: CI does it last.

What each version may break is read here: bytecode, annotations, private names, what the interpreter reports, and one
way from a command to its answer. `make test-all` runs all tests on all of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("3.15", "3.11", "3.14", "3.13", "3.12")
"""Those that the package is for, what differs most first."""

UNITS = (
    *("tests/core/patching", "tests/core/affected", "tests/core/test_bytecode.py"),
    *("tests/adapters/interpreter", "tests/adapters/test_self_checks.py", "tests/affected"),
)

WAYS = (
    "tests/e2e/test_preload.py::test_a_run_finds_our_modules_imported",
    "tests/e2e/test_hot_reload.py::test_two_files_that_only_work_together",
    "tests/e2e/test_affected.py::TestCode::test_a_function_body",
    "tests/e2e/test_workers.py::test_results_equal_those_of_one_process",
    "tests/e2e/test_sessions.py::test_one_session_serves_many_runs",
)

BUDGET_S = 90.0
"""No version is begun after this: the gate is long enough."""

ENOUGH_S = 240.0
"""No step takes a tenth of this."""


@dataclass(frozen=True)
class Outcome:
    """How the tests ended on one version.

    Attributes:
        version: such as '3.14'.
        said: how they ended, or why they were not run.
        has_failed: whether a test failed.
    """

    version: str
    said: str
    has_failed: bool = False


def main() -> int:
    """Return 1 if a test failed on any version; one that cannot be had counts as missing, and is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", help="interpreters, at most one of each version")
    found = {_version(python): python for python in parser.parse_args().pythons}
    own = _version(sys.executable)
    started = time.monotonic()
    outcomes = [
        _try(version, found.get(version), is_late=time.monotonic() - started > BUDGET_S)
        for version in VERSIONS
        if version != own
    ]
    print(summary(own, outcomes))
    return int(any(outcome.has_failed for outcome in outcomes))


def summary(own: str, outcomes: list[Outcome]) -> str:
    """Return one line that names each version, those that are missing too."""
    return "; ".join([f"Pythons: {own} the gate", *(f"{one.version} {one.said}" for one in outcomes)])


def _version(python: str) -> str:
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", question], check=False, capture_output=True, text=True).stdout.strip()


def _try(version: str, python: str | None, *, is_late: bool) -> Outcome:
    if python is None:
        return Outcome(version, "MISSING: no interpreter")
    if is_late:
        return Outcome(version, "NOT RUN: no time left")
    folder = Path(tempfile.mkdtemp(prefix="zygote-other-"))
    try:
        if not _is_installed(python, folder):
            return Outcome(version, "MISSING: no environment could be made")
        return _run(version, folder / "bin" / "python")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_installed(python: str, folder: Path) -> bool:
    """Make an environment with what the tests need; return whether that worked."""
    made = str(folder / "bin" / "python")
    options = ("--quiet", "--disable-pip-version-check", "--no-compile", "--editable", ".[test]")
    for command in (
        [python, "-m", "venv", str(folder)],
        [made, "-m", "pip", "install", *options],
        [made, "-c", "import pytest, xdist, hypothesis, pytest_zygote.plugin"],
    ):
        try:
            ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=ENOUGH_S)
        except subprocess.TimeoutExpired:
            return False
        if ended.returncode:
            print(ended.stdout, ended.stderr, sep="\n")
            return False
    return True


def _run(version: str, python: Path) -> Outcome:
    started = time.monotonic()
    units = ["-n", "auto", "-m", "not integration", "--hypothesis-profile=fast", *UNITS]
    failures = _failures(python, units, {"PYTEST_DAEMON_DISABLE": "1"}) + _failures(python, list(WAYS), {})
    print(failures)
    took = f"{time.monotonic() - started:.0f} s"
    return Outcome(version, f"{'FAILED' if failures else 'a fast part'} ({took})", bool(failures))


def _failures(python: Path, arguments: list[str], environ: dict[str, str]) -> str:
    """Return what pytest prints about failures; '' if there are none."""
    command = [str(python), "-m", "pytest", "-p", "pytest_zygote", "-p", "no:cacheprovider", "-q", *arguments]
    try:
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=ENOUGH_S, env={**os.environ, **environ}
        )
    except subprocess.TimeoutExpired as error:
        return f"{error}\n{error.stdout!r}"
    return ended.stdout + ended.stderr if ended.returncode else ""


if __name__ == "__main__":
    raise SystemExit(main())
