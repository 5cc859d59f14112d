"""Runs a project with each plugin that people have installed, by our workers and by pytest-xdist's, and compares.

Each plugin has an environment of its own, in a cache folder, with pytest-xdist. Of each command line the run by
pytest-xdist is made twice, since what differs there already is chance, and the run by our workers is compared with it:
the outcome of each phase of each test, the exit code, and the files that the plugin writes, line by line, in any order.
The table stands in docs/plugins.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scripts.differential import REPOSITORY
from scripts.plugins import Trial, environment_of, install, made_project, version_of
from scripts.worker_plugin_cases import ALL, SENTENCES

if TYPE_CHECKING:
    from scripts.differential import Run
    from scripts.plugin_cases import Case

PAGE = REPOSITORY / "docs" / "plugins.md"
WORKERS = ("-n", "2")
NOTHING = "pytest did not begin"
XDIST = "--no-zygote-workers"
HEAD = """\
# Plugins, with workers

`make worker-plugins` installs each of these plugins beside pytest-xdist, runs a small project that uses it with `-n 2`,
by our workers and by those of pytest-xdist, and compares the outcomes of all tests, the exit codes, and the files that
the plugin writes. How plugins do in warm runs is on [another page](plugins-and-libraries.md).

| plugin | commands | tests | against pytest-xdist |
|---|---|---|---|
"""


@dataclass
class Row:
    """What became of a plugin.

    Attributes:
        case: its project.
        version: of the plugin.
        tests: how many have run with our workers, in all commands.
        refused: how many commands the plugin refuses where there are workers, whosever they are.
        problems: what differs, a line each.
    """

    case: Case
    version: str
    tests: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return the row of the table."""
        name = f"{self.case.name} ({self.case.key})" if self.case.key else self.case.name
        sentence = SENTENCES.get(self.case.name, "")
        result = f"differs: {sentence or self.problems[0]}" if self.problems else f"equal{sentence and f': {sentence}'}"
        refused = f", of which the plugin refuses {self.refused} with workers" if self.refused else ""
        commands = f"{len(self.case.commands)}{refused}"
        return f"| {name} {self.version} | {commands} | {self.tests} | {' '.join(result.split())} |"


class WorkerTrial(Trial):
    """The runs of one case with workers."""

    def compare(self, row: Row) -> None:
        """Run all commands, and note in the row what differs."""
        for command in self._case.commands:
            words = command if any(word.startswith("-n") for word in command) else (*command, *WORKERS)
            self._keep()
            theirs, again, ours = (self._look((*words, *extra)) for extra in ((XDIST,), (XDIST,), ()))
            if not _has_begun(theirs) and not _has_begun(ours):
                row.refused += 1
                continue
            if not _has_begun(ours):
                row.problems.append(f"`{' '.join(words)}`: {'; '.join(ours['outcomes'])}")
            row.tests += len({line.rsplit(maxsplit=2)[0] for line in ours["outcomes"]})
            for what, found in ours.items():
                noise = (theirs[what] - again[what]) + (again[what] - theirs[what])
                missing, more = theirs[what] - found - noise, found - theirs[what] - noise
                if missing or more:
                    texts = (
                        f"{sign} {line}" for sign, lines in (("-", missing), ("+", more)) for line in sorted(lines)
                    )
                    row.problems.append(f"`{' '.join(words)}`: {what}: {'; '.join(list(texts)[:6])}")

    def _look(self, words: tuple[str, ...]) -> dict[str, Counter[str]]:
        """Run a command, and return its outcomes, exit code and files, in a form that can be compared."""
        self._restore()
        for pattern in self._case.artifacts:
            for path in self._root.glob(pattern):
                if "*" in pattern:
                    path.unlink()
        run = self._runner.plain(*words)
        files: Counter[str] = Counter()
        for pattern in self._case.artifacts:
            for path in self._root.glob(pattern):
                text = path.read_text(encoding="utf-8", errors="replace")
                name = pattern if "*" in pattern else path.name
                files.update(f"{name}: {line[:200]}" for line in self._sorted(text).splitlines())
        return {"outcomes": _outcomes(run), "exit code": Counter([str(run.code)]), "files": files}


def _has_begun(found: dict[str, Counter[str]]) -> bool:
    return not any(line.startswith(NOTHING) for line in found["outcomes"])


def _outcomes(run: Run) -> Counter[str]:
    if run.recording is None:
        return Counter([f"{NOTHING}: {run.text[-300:]}"])
    return Counter(
        f"{result.nodeid} {phase.when} {phase.outcome}" for result in run.recording.results for phase in result.phases
    )


def examine(case: Case) -> Row:
    """Run a case, in an environment of its own."""
    wanted = replace(case, requirements=(*case.requirements, "pytest-xdist"))
    scripts = install(environment_of(wanted), wanted)
    row = Row(case, version_of(scripts, case.name))
    with made_project(case, row.version, scripts) as (root, runner):
        WorkerTrial(case, root, runner).compare(row)
    return row


def main() -> int:
    """Examine the chosen plugins, and print or write the table."""
    parser = argparse.ArgumentParser(description="Run projects with plugins by our workers and by pytest-xdist's.")
    parser.add_argument("--only", metavar="NAME", action="append", help="this one; may be given several times")
    parser.add_argument("--write", action="store_true", help="write docs/plugins.md")
    options = parser.parse_args()
    rows = []
    for case in ALL:
        if case.name not in (options.only or [case.name]):
            continue
        try:
            rows.append(examine(case))
        except subprocess.CalledProcessError as error:
            print(f"{case.name} cannot be installed: {error}", flush=True)
            continue
        print(rows[-1].line, *rows[-1].problems, sep="\n", flush=True)
        if options.write:
            PAGE.write_text(HEAD + "".join(f"{row.line}\n" for row in rows), encoding="utf-8")
    return int(any(row.problems and row.case.name not in SENTENCES for row in rows))


if __name__ == "__main__":
    sys.exit(main())
