"""Runs random suites with workers, and compares what each worker does with plain pytest that runs the same tests.

Each test must run once. What a worker has done, and in which order (set-ups, tests, tear-downs), must be what plain
pytest does that is given its tests in its order; and all results together must be what is reported.

Each suite follows from the seed and its number: `--seed 7 --only 12` makes one again. What differs is left in a folder.

    python -m scripts.random_suites --suites 250 --seed 7
"""

from __future__ import annotations

import collections
import random
import shutil
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import generated
from scripts.random_suite import TEARDOWN_FAILS, Suite
from tests.support.affected import AffectedProject, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.affected import Ran, Server

MODES = (
    (),
    ("--dist=load",),
    ("--dist=loadscope",),
    ("--dist=loadfile",),
    ("--dist=loadgroup",),
    ("--dist=worksteal",),
)
POINTS = ((), (), (), ("--fork-workers=configured",))
ENDS = ((), (), (), ("-x",), ("--maxfail=2",))
REPORTED = 25
"""After how many suites to say what came of them."""


@dataclass
class Done:
    """What a run has done.

    Attributes:
        ran: how pytest ended.
        lines: what was noted, by process.
        results: how often each test ended how.
    """

    ran: Ran
    lines: dict[str, list[str]]
    results: collections.Counter[tuple[str, str]]

    def started(self, process: str) -> list[str]:
        """Return the tests that a process has begun, in order."""
        return [line.removeprefix("start ") for line in self.lines[process] if line.startswith("start ")]

    def without_teardown(self) -> set[tuple[str, str]]:
        """Return results without errors of a tear-down, which belong to the last test before it."""
        return {(name, end) for name, end in self.results if "teardown" not in end}


def results_in(text: str) -> collections.Counter[tuple[str, str]]:
    """Return what a junit file says: test and end."""
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    for case in ET.fromstring(text).iter("testcase"):  # noqa: S314 - our own
        name = f"{case.get('classname')}::{case.get('name')}"
        ends = [one for one in case if one.tag in ("failure", "error", "skipped")]
        for end in ends:
            found[name, f"{end.tag} {end.get('message', '').splitlines()[:1]}"] += 1
        if not ends:
            found[name, "passed"] += 1
    return found


@dataclass
class Trial:
    """One suite and its runs."""

    project: AffectedProject
    words: tuple[str, ...]
    problems: list[str] = field(default_factory=list)

    def run(self, *args: str, order: Sequence[str] = ()) -> Done:
        """Run the suite, or some tests of it in this order."""
        log, report = self.project.root.with_name("log"), self.project.root.with_name("report.xml")
        log.write_text("")
        report.unlink(missing_ok=True)
        environ = {"SUITE_LOG": str(log)}
        if order:
            environ["SUITE_ORDER"] = str(self.project.root.with_name("order"))
            Path(environ["SUITE_ORDER"]).write_text("\n".join(order))
        ran = self.project.run(*args, f"--junitxml={report}", "-p", "no:cacheprovider", **environ)
        lines: dict[str, list[str]] = collections.defaultdict(list)
        for line in log.read_text().splitlines():
            process, _, text = line.partition(" ")
            lines[process].append(text)
        return Done(ran, lines, results_in(report.read_text()) if report.exists() else collections.Counter())

    def compare(self) -> None:
        """Run it, and note what differs."""
        ends = [word for word in self.words if word in ("-x", "--maxfail=2")]
        plain, parallel = self.run(*ends), self.run(*self.words)
        if plain.ran.status != parallel.ran.status:
            self.problems.append(f"exit code {parallel.ran.status}, not {plain.ran.status}")
        workers = [process for process in parallel.lines if process.startswith("gw")] or ["main"]
        begun = collections.Counter(name for worker in workers for name in parallel.started(worker))
        self.problems += [f"{name} ran {times} times" for name, times in begun.items() if times > 1]
        if not ends:
            missing = set(plain.started("main")) ^ set(begun)
            self.problems += [f"{name} ran in one of the two only" for name in missing]
        again = [(worker, self.run(order=order)) for worker in workers if (order := parallel.started(worker))]
        for worker, alone in again:
            self._compare_lines(worker, parallel.lines[worker], alone.lines["main"])
        self._compare_results(parallel, [alone for _, alone in again], is_whole=not ends)

    def _compare_lines(self, worker: str, found: list[str], wanted: list[str]) -> None:
        for number, (one, other) in enumerate(zip([*found, ""], [*wanted, ""], strict=False)):
            if one != other:
                self.problems.append(f"{worker}, step {number}: {one!r}, not {other!r}")
                return

    def _compare_results(self, parallel: Done, alone: list[Done], *, is_whole: bool) -> None:
        wanted = sum((one.results for one in alone), collections.Counter())
        found = parallel.results
        if not is_whole:
            wanted = collections.Counter(end for one in alone for end in one.without_teardown())
            found = collections.Counter(parallel.without_teardown())
        self.problems += [f"reported, not to be: {end}" for end in found - wanted]
        self.problems += [f"not reported: {end}" for end in wanted - found]


def try_suite(number: int, seed: int, server: Server, kept: Path) -> list[str]:
    """Make a suite and compare; return what differs."""
    chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - repeatable
    with tempfile.TemporaryDirectory(prefix="suites-") as name:
        project = AffectedProject(Path(name).resolve() / "p", server)
        files = Suite(chance).files
        words = ("-n", chance.choice("23"), *chance.choice(MODES), *chance.choice(POINTS), *chance.choice(ENDS))
        for path, text in files.items():
            # A run that ends early tears down after its last report: plain pytest ends with a traceback if that fails.
            project.write(path, text.replace(TEARDOWN_FAILS, "pass") if {*words} & {"-x", "--maxfail=2"} else text)
        trial = Trial(project, words)
        trial.compare()
        if trial.problems:
            folder = kept / f"{seed}-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(name, folder)
            print(
                f"DIFFERS {seed}:{number} {' '.join(words)}: {'; '.join(trial.problems[:4])}\n    {folder}", flush=True
            )
        return trial.problems


def main() -> int:
    """Run, and print what came of it."""
    options = generated.parse(__doc__, "suites")
    differing = 0
    for server in serve():
        for done, number in enumerate(options.numbers, 1):
            differing += bool(try_suite(number, options.seed, server, options.keep))
            if done % REPORTED == 0 or done == len(options.numbers):
                print(f"seed {options.seed}: {done} suites, {differing} differ", flush=True)
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
