"""Walks through the history of a git repository, as an editor that saves each commit.

    python -m scripts.replay REPOSITORY HEAD~200..HEAD --package click
    python -m scripts.replay REPOSITORY HEAD~200..HEAD --package click --suite --scripts VENV/bin

Without ``--suite`` each changed module is tried by itself: imported as it was before the commit,
patched to what it became, and compared with a fresh import in everything that can be seen. Printed
are the share of saves that were kept or patched, and the reasons of the others.

With ``--suite`` one daemon lives through all commits. After each checkout the tests run plain and
warm at once, and everything that the user sees of the two runs is compared. ``VENV`` must have the
project installed editable, and this package.

With ``--affected`` the tests run plain and with that option after each commit, and the same ones must
fail (`affected_history`). ``--scripts`` names the environment as above, where the project need not be installed.

The exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import ast
import collections
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.core.cli.comparison import render
from scripts.affected_history import replay_affected
from scripts.differential import Project, Run, Runner, differences
from scripts.output_comparison import unexplained
from scripts.tally import Tally, kind_of
from tests.support.edits import Outcome, try_edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

VERDICT = re.compile(r"project layer \d+: (?:\S+: )?(kept|patched|not patched)(?:: | |$)(.*)")
"""What the daemon's log says of an edit."""


class History:
    """A git repository, read only."""

    def __init__(self, repository: Path) -> None:
        """Read this one, bare or not."""
        self._repository = repository

    def git(self, *arguments: str) -> str:
        """Return what git says."""
        command = ["git", "-C", str(self._repository), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout

    def commits(self, selection: str, paths: Sequence[str] = ()) -> list[str]:
        """Return the commits of a range along the first parents, oldest first; only those that touch the paths."""
        return self.git("rev-list", "--reverse", "--first-parent", selection, "--", *paths).split()

    def sources(self, commit: str, package: str) -> dict[str, str]:
        """Return path → text of a package's modules."""
        found = {}
        for line in self.git("ls-tree", "-r", commit).splitlines():
            facts, _, path = line.partition("\t")
            if re.match(rf"(src/)?({package})/.*\.py$", path):
                found[path.removeprefix("src/")] = self.git("cat-file", "blob", facts.split()[2])
        return found


def saves(old: dict[str, str], new: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give the modules that a commit changed, with their new text."""
    for path, text in new.items():
        if path in old and old[path] != text:
            yield path, text


def hunks(old: str, new: str) -> Iterator[str]:
    """Give the texts that differ from the old one in one place each: closer to what people save."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    changes = [change for change in difflib.SequenceMatcher(None, before, after).get_opcodes() if change[0] != "equal"]
    for _, start, end, new_start, new_end in changes if len(changes) > 1 else ():
        yield "".join([*before[:start], *after[new_start:new_end], *before[end:]])


def is_of_one_function(old: str, new: str) -> bool:
    """Return whether one function or method is all that differs: its head, its body, or both."""
    try:
        before, after = _Functions(old), _Functions(new)
    except SyntaxError:
        return False
    if before.rest != after.rest or len(before.texts) != len(after.texts):
        return False
    return sum(one != other for one, other in zip(before.texts, after.texts, strict=True)) == 1


class _Functions(ast.NodeTransformer):
    """Takes a module apart into its functions and the rest."""

    def __init__(self, text: str) -> None:
        """Take this text apart."""
        self.texts: list[str] = []
        self.rest = ast.dump(self.visit(ast.parse(text)))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Cut a function out; its name stays."""
        self.texts.append(ast.dump(node))
        return ast.Expr(ast.Constant(node.name))

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 - the name that ast wants


def replay_saves(history: History, commits: list[str], package: str) -> bool:
    """Try each changed module of each commit by itself; tell whether all was right."""
    whole, parts, single = Tally(), Tally(), Tally()
    old: dict[str, str] | None = None
    for commit in commits:
        new = history.sources(commit, package)
        for path, text in saves(old, new) if old is not None else ():
            before = (old or {})[path]
            tries = [(whole, text), *((parts, part) for part in hunks(before, text))]
            for tally, saved in tries:
                outcome = _try(old or {}, path, saved)
                for one in (tally, single) if is_of_one_function(before, saved) else (tally,):
                    one.count(f"{commit[:9]} {path}", outcome)
        old = new
    titles = ("whole files of commits", "single hunks of them", "those of both that change one function")
    for title, tally in zip(titles, (whole, parts, single), strict=True):
        print(f"== {title}")
        tally.show()
    return not whole.wrong and not parts.wrong


def _try(files: dict[str, str], path: str, text: str) -> Outcome:
    module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    folder = Path(tempfile.mkdtemp())
    try:
        return try_edit(folder, files, module, [text])
    finally:
        shutil.rmtree(folder)


def replay_suite(history: History, commits: list[str], checkout: Path, scripts: Path, options: Iterable[str]) -> bool:
    """Check out each commit where one daemon lives, and compare a plain and a warm run; tell whether all was right."""
    project = Project("replay", "", checkout, scripts, tuple(options), ())
    wrong = cold = 0
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="z") as runtime:
        runner = Runner(project, Path(runtime))
        try:
            for number, commit in enumerate(commits):
                # Not "checkout COMMIT -- .": that leaves behind what the commit no longer has.
                history.git(f"--work-tree={checkout}", "checkout", "--quiet", "--force", "--detach", commit)
                warm, plain = runner.warm(*options), runner.plain(*options)
                found = differences(plain, warm)
                found = unexplained(found, differences(plain, runner.plain(*options))) if found else found
                wrong += bool(found)
                cold += not warm.is_warm and number > 0
                print(
                    f"{number:4} {commit[:9]} {_count(plain)}: plain {plain.seconds:.2f} s, warm {warm.seconds:.2f} s",
                    *warm.told,
                    flush=True,
                )
                print("".join(f"      {line}\n" for line in render(found)), end="", flush=True)
        finally:
            runner.stop()
        print(f"{len(commits)} commits: {wrong} different, {cold} cold")
        _show_verdicts(Path(runtime))
    return not wrong


def _count(run: Run) -> str:
    """Say how many tests ran: an agreement about nothing is none."""
    count = len(run.recording.results) if run.recording is not None else 0
    return f"{count} tests, exit {run.code}"


def _show_verdicts(runtime: Path) -> None:
    """Say what the daemon did about the edits, and rank the reasons why it did not patch."""
    lines = [line for log in runtime.glob("*/*.log") for line in log.read_text(errors="replace").splitlines()]
    told = [match.groups() for line in lines if (match := VERDICT.search(line))]
    counts = collections.Counter(word for word, _ in told)
    print(", ".join(f"{word} {count}" for word, count in counts.most_common()))
    reasons = collections.Counter(kind_of(rest) for word, rest in told if word == "not patched")
    for reason, times in reasons.most_common(25):
        print(f"{times:5}  {reason}")


def main() -> int:
    """Replay a range of commits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("range")
    parser.add_argument("--package", default="[a-z_]+", help="a pattern of the packages whose modules count")
    parser.add_argument("--touching", nargs="+", default=(), metavar="PATH", help="only commits that change these")
    parser.add_argument("--suite", type=Path, metavar="CHECKOUT", help="run the tests in this folder at each commit")
    parser.add_argument("--scripts", type=Path, help="where the environment's pytest is")
    parser.add_argument("--affected", action="store_true", help="compare --affected with full runs")
    args, options = parser.parse_known_args()
    history = History(args.repository)
    commits = history.commits(args.range, args.touching)
    if args.affected:
        python = str(args.scripts / "python") if args.scripts else sys.executable
        return not replay_affected(args.repository, commits, python, options)
    if args.suite is None:
        return not replay_saves(history, commits, args.package)
    return not replay_suite(history, commits, args.suite, args.scripts or Path(sys.executable).parent, options)


if __name__ == "__main__":
    sys.exit(main())
