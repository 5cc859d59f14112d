"""Changes generated projects at random, and checks that `--affected` leaves out no test that a change reaches.

Each project has tests of several kinds, drawn at random: where their values come from (`change_sources`), and how tests
come by them (`change_channels`). It is recorded; then come changes, one after the other. After each, all tests run with
plain pytest, which is the truth, and `--affected` runs on the stored map. A *miss* is a test that was left out though
the truth is a failure, or no outcome that a recorded run has seen. Tests that ran and ended otherwise count as well.

Each project follows from the seed and its number: `--seed 7 --only 12` makes one again. What was missed is left in a
folder, with the files before and after the change.

    python -m scripts.changes --projects 250 --seed 7
"""

from __future__ import annotations

import collections
import random
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import generated
from scripts.change_project import AGAIN, Project, write_file
from scripts.change_sources import Key
from tests.support.affected import serve

if TYPE_CHECKING:
    from scripts.change_sources import Files
    from tests.support.affected import Server

GOOD = ("PASSED", "SKIPPED", "XFAIL", "XPASS")
REPORTED = 10
"""After how many projects to say what came of them."""

STEPS = 5
"""How often a project is changed."""


@dataclass
class Tally:
    """What came of all changes."""

    runs: int = 0
    changes: int = 0
    misses: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))

    def count(self, kind: str, old: Files, project: Project, truth: dict[str, str], found: dict[str, str]) -> None:
        """Add one change, or several made at once; what runs beside the tests that they concern is the share."""
        self.runs += 1
        kinds = kind.removeprefix("sources ").split(", ")
        self.changes += len(kinds)
        concerned = {pair.number for pair in project.pairs if any(old.get(p) != c for p, c in pair.files().items())}
        beside = [name for name in truth if int(name[1]) not in concerned]
        for one in kinds if beside else []:
            self.shares[one].append(sum(name in found for name in beside) / len(beside))

    def show(self) -> None:
        """Print it."""
        for kind, shares in sorted(self.shares.items(), key=lambda pair: -statistics.median(pair[1])):
            print(
                f"{statistics.median(shares):6.2f} of the tests that it does not concern, {len(shares):4} times: {kind}"
            )
        self.show_counts("")

    def show_counts(self, start: str) -> None:
        """Print how many there were."""
        ends = f"{len(self.misses)} with a miss, {len(self.differing)} that ended otherwise"
        print(f"{start}{self.changes} changes in {self.runs} runs, {ends}", flush=True)


def judge(before: Project, truth: dict[str, str], found: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the tests that were missed, and those that ended otherwise than with plain pytest."""
    left_out = truth.keys() - found.keys()
    missed = [name for name in left_out if not truth[name].startswith(GOOD) or truth[name] not in before.seen[name]]
    other = [name for name in found if truth.get(name) != found[name]]
    return sorted(missed), sorted(other)


def try_change(project: Project, title: str, tally: Tally, kept: Path) -> None:
    """Make one change, and compare."""
    old = project.written
    weights, makers = zip(*AGAIN, strict=True)
    kind = project.chance.choices(makers, weights)[0](project)
    project.write()
    truth, plain = project.run("-p", "no:cacheprovider")
    found, ran = project.affected()
    missed, other = judge(project, truth, found)
    if plain.status != ran.status and not missed:
        other.append(f"exit code {ran.status}, not {plain.status}")
    tally.count(kind, old, project, truth, found)
    for names, known, word in ((missed, tally.misses, "MISSED"), (other, tally.differing, "DIFFERS")):
        if names:
            known.append(title)
            report = f"{word} {title} [{project}] after {kind}: {', '.join(names[:5])}"
            folder = kept / title.replace(":", "-")
            keep(folder, {"before": old, "after": project.written}, [report, plain.output, ran.output])
            print(f"{report}\n    {folder}", flush=True)


def keep(folder: Path, trees: dict[str, Files], texts: list[str]) -> None:
    """Leave the files before and after a change, with what was printed."""
    for name, files in trees.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        for path, content in files.items():
            write_file(folder / name / path, content.value if isinstance(content, Key) else content)
    (folder / "report.txt").write_text("\n".join(texts))


def try_project(number: int, seed: int, server: Server, tally: Tally, kept: Path) -> None:
    """Make a project and change it."""
    chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - repeatable
    with tempfile.TemporaryDirectory(prefix="changes-") as name:
        project = Project(Path(name).resolve() / "p", server, chance)
        if not project.record():
            _, plain = project.run("-p", "no:cacheprovider")
            ends = [line for line in plain.output.splitlines() if line.startswith("E ")]
            print(f"not usable {seed}:{number} [{project}]: {plain.status} with plain pytest, {ends[:2]}", flush=True)
            return
        for step in range(STEPS):
            try_change(project, f"{seed}:{number}:{step}", tally, kept)


def main() -> int:
    """Run, and print what came of it."""
    options = generated.parse(__doc__, "projects")
    print(f"seed {options.seed}", flush=True)
    tally = Tally()
    for server in serve():
        for number in options.numbers:
            try_project(number, options.seed, server, tally, options.keep)
            if (number + 1) % REPORTED == 0:
                tally.show_counts(f"{number + 1} projects: ")
    tally.show()
    return bool(tally.misses or tally.differing)


if __name__ == "__main__":
    sys.exit(main())
