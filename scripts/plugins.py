"""Runs a project with each plugin that people have installed, warm and plain, and makes tables of it.

So it does with libraries that hold something when they are imported. Each has an environment of its own, in a cache
folder. Of each command line the plain run is made twice (what differs there already is chance), then some warm runs,
until there is nothing to learn for the daemon any more, and the last is compared: results, order, warnings, exit code,
every line of the output, and the files that the plugin writes. The tables stand in docs/plugins-and-libraries.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from pytest_zygote.core.cli.comparison import Difference, render
from scripts.differential import REPOSITORY, Project, Run, Runner, differences
from scripts.output_comparison import compare_output, unexplained
from scripts.plugin_cases import APP, CASES, LIBRARIES, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.cli.recording import Result

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pytest-zygote-plugins"
PAGE = REPOSITORY / "docs" / "plugins-and-libraries.md"
WORKERS = ("-n", "2")
BY_CHANCE = ("output", "run order", "collected order", "warning order")
"""What differs with workers anyhow: who is first, and lines that name a worker."""

WARM_RUNS = 4
"""A new project takes a few runs until its layers hold all that it imports."""

SHOWN = 8
MARKS = {"plugins": CASES, "libraries": LIBRARIES}
"""The tables in the page, and what stands in each."""


@dataclass
class Row:
    """What became of one case.

    Attributes:
        served: how the last run of each command was served.
        problems: what differs.
        parallel: what differs with workers; None if no command was run with them.
    """

    case: Case
    version: str = ""
    tests: int = 0
    served: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    parallel: list[str] | None = None

    @property
    def line(self) -> str:
        """Return the row of the table."""
        how = ", ".join(dict.fromkeys(self.served))
        name = f"{self.case.name} ({self.case.key})" if self.case.key else self.case.name
        result = f"**{len(self.problems)} differ**" if self.problems else f"equal {self.case.note}".strip()
        return f"| {name} {self.version} | {len(self.served)} | {how} | {result} | {self._with_workers} |"

    @property
    def _with_workers(self) -> str:
        if self.parallel is None:
            return ""
        return f"**{len(self.parallel)} differ**" if self.parallel else f"equal {self.case.note_of_workers}".strip()


def environment_of(case: Case) -> Path:
    """Return the folder in the cache for the environment of a case."""
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    return CACHE / "-".join(filter(None, (case.name, case.key, version)))


def install(folder: Path, *cases: Case) -> Path:
    """Make an environment for cases, unless it is there; return its commands' folder."""
    stamp = folder / "requirements"
    wanted = " ".join(("pytest", *(name for case in cases for name in (case.name, *case.requirements))))
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, symlinks=True, with_pip=False)
        _pip(folder, *wanted.split())
        stamp.write_text(wanted, encoding="utf-8")
    _pip(folder, "--force-reinstall", "--no-deps", str(REPOSITORY))
    _pip(folder, str(REPOSITORY))
    return folder / "bin"


def _pip(folder: Path, *args: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "--quiet", "install", *args]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def version_of(scripts: Path, name: str) -> str:
    """Return the version of an installed distribution."""
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run([scripts / "python", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def write_project(case: Case, root: Path) -> None:
    """Write the files of a case's project."""
    for path, text in {**APP, **case.files}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    (root / "pytest.ini").write_text(f"[pytest]\npythonpath = .\n{case.ini}", encoding="utf-8")
    if case.needs:
        (root / case.needs).write_text(os.environ[case.needs], encoding="utf-8")


class Trial:
    """The runs of one case."""

    def __init__(self, case: Case, root: Path, runner: Runner) -> None:
        self._case = case
        self._root = root
        self._runner = runner
        self._masks = [re.compile(mask) for mask in case.masks]
        self._kept = root.with_name("kept")

    def run(self, row: Row) -> None:
        """Run all commands, and note in the row what becomes of them."""
        for command in self._case.commands:
            self._keep()
            plain, artifacts = self._run(command, is_plain=True)
            again, more = self._run(command, is_plain=True)
            noise = self._differences(plain, again) + self._compare_files(artifacts, more)
            warm, ours = self._settle(command)
            row.tests += len(_results(warm))
            row.served.append(_served(warm))
            found = unexplained(self._differences(plain, warm) + self._compare_files(artifacts, ours), noise)
            if warm.recording is not None and not any(
                phase.outcome == "passed" for result in _results(warm) for phase in result.phases
            ):
                row.problems.append(f"{' '.join(command)}: no test passed:\n{warm.text}")
            if found:
                row.problems.append("\n".join([f"{' '.join(command) or '(no options)'}:", *render(found, SHOWN)]))
            if {"-n", "-n0"}.isdisjoint(command) and command not in self._case.without_workers:
                self._try_workers(row, command, (plain, artifacts), noise)

    def _try_workers(
        self, row: Row, command: tuple[str, ...], alone: tuple[Run, dict[str, str]], noise: tuple[Difference, ...]
    ) -> None:
        """Run a command with workers, and note what differs from one process beside order and lines."""
        plain, artifacts = alone
        run, ours = self._run((*command, *WORKERS), is_plain=False)
        found = self._differences(plain, run) + self._compare_files(artifacts, ours)
        by_chance = {*BY_CHANCE, *self._case.in_order}
        found = tuple(difference for difference in unexplained(found, noise) if difference.kind not in by_chance)
        row.parallel = row.parallel or []
        if found:
            row.parallel.append("\n".join([f"{' '.join((*command, *WORKERS))}:", *render(found, SHOWN)]))

    def _settle(self, command: tuple[str, ...]) -> tuple[Run, dict[str, str]]:
        for _ in range(WARM_RUNS - 1):
            self._run(command, is_plain=False)
        return self._run(command, is_plain=False)

    def _run(self, command: tuple[str, ...], *, is_plain: bool) -> tuple[Run, dict[str, str]]:
        """Run a command in the project as the commands before have left it."""
        self._restore()
        run = self._runner.plain(*command) if is_plain else self._runner.warm(*command)
        paths = [(name, self._root / name) for name in self._case.artifacts]
        return run, {name: path.read_text(encoding="utf-8") for name, path in paths if path.exists()}

    def _keep(self) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self._root, self._kept)

    def _restore(self) -> None:
        """Give back what a run has written, except what the daemon learned: files that are equal stay as they are."""
        for path in sorted(self._root.rglob("*"), reverse=True):
            other = self._kept / path.relative_to(self._root)
            if "__pycache__" in path.parts or "zygote" in path.parts or path.is_dir():
                continue
            if not other.exists():
                path.unlink()
            elif other.read_bytes() != path.read_bytes():
                path.write_bytes(other.read_bytes())

    def _differences(self, plain: Run, warm: Run) -> tuple[Difference, ...]:
        found = differences(replace(plain, text=self._mask(plain.text)), replace(warm, text=self._mask(warm.text)))
        chance = ("output", "run order", "collected order") if self._case.is_unordered else ()
        return tuple(difference for difference in found if difference.kind not in chance)

    def _compare_files(self, plain: dict[str, str], warm: dict[str, str]) -> tuple[Difference, ...]:
        found: list[Difference] = []
        for name in sorted({*plain, *warm}):
            pair = [self._sorted(texts.get(name, "(no such file)")) for texts in (plain, warm)]
            found += [
                Difference(name, one.subject, one.plain[:300], one.warm[:300])
                for one in compare_output(pair[0], pair[1])
            ]
        return tuple(found)

    def _sorted(self, text: str) -> str:
        """Sort lines: what is written from a set has the order of hashes, which differ in each plain run."""
        return "\n".join(sorted(self._mask(text).replace(",\n", "\n").splitlines()))

    def _mask(self, text: str) -> str:
        for mask in self._masks:
            text = mask.sub("#", text)
        return text


def _results(run: Run) -> tuple[Result, ...]:
    return run.recording.results if run.recording is not None else ()


def _served(run: Run) -> str:
    """Say how; what ends by `os._exit` leaves no recording to tell it by."""
    return next((line.removeprefix("zygote: ") for line in run.told if "cold" in line), "warm")


@contextmanager
def made_project(case: Case, version: str, scripts: Path) -> Iterator[tuple[Path, Runner]]:
    """Write the project of a case for a while; give its folder, and what runs commands in it."""
    # A short path: the name of a unix socket has little more than a hundred characters.
    with tempfile.TemporaryDirectory(prefix="pz") as runtime, tempfile.TemporaryDirectory(prefix="pj") as home:
        root = Path(home) / "project"
        write_project(case, root)
        yield root, Runner(Project(case.name, version, root, scripts, (), ()), Path(runtime))


def examine(case: Case, scripts: Path) -> Row:
    """Run a case in an environment."""
    row = Row(case, version_of(scripts, case.name))
    with made_project(case, row.version, scripts) as (root, runner):
        try:
            Trial(case, root, runner).run(row)
            print(runner.told_of_sessions(), flush=True)
        finally:
            runner.stop()
    return row


def table(what: str, rows: list[Row]) -> str:
    """Return a table for the page."""
    head = [f"| {what} | commands | served | warm and plain | with `-n 2` |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(row.line for row in rows)])


def write_table(name: str, text: str) -> None:
    """Replace a table in the page."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(f"<!-- {name} -->")
    end = f"<!-- /{name} -->"
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def examine_all(cases: tuple[Case, ...]) -> list[Row]:
    """Examine cases one after the other, and say how each went."""
    rows = []
    for case in cases:
        if case.needs and case.needs not in os.environ:
            print(f"{case.name} ({case.key}) is left out: {case.needs} is not set", flush=True)
            continue
        rows.append(examine(case, install(environment_of(case), case)))
        print(rows[-1].line, *rows[-1].problems, *(rows[-1].parallel or ()), sep="\n", flush=True)
    return rows


def main() -> int:
    """Examine the chosen plugins and libraries, and print the tables."""
    parser = argparse.ArgumentParser(description="Run projects with plugins warm and plain, and compare.")
    parser.add_argument("--only", metavar="NAME", action="append", help="this one; may be given several times")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/plugins-and-libraries.md")
    options = parser.parse_args()
    problems = 0
    for name, cases in MARKS.items():
        rows = examine_all(tuple(case for case in cases if case.name in (options.only or [case.name])))
        problems += sum(len(row.problems) + len(row.parallel or ()) for row in rows)
        if options.write:
            write_table(name, table(name.replace("ies", "y").removesuffix("s"), rows))
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main())
