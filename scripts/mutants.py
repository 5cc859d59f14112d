"""Checks that `--affected` leaves out no test that a change makes fail: by random changes of real projects.

Each mutant changes one place of one source file. All tests run with plain pytest; those that fail
must be among the tests that a recorded store selects for the mutant. A test that fails only because of
the tests that ran before it (alone it passes, or fails without the change as well) is counted by itself.
Where all tests are selected, none can be missing: nothing is run.

    python -m scripts.mutants /path/to/jinja2 src --count 100 --pytest="-o pythonpath=src"
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import json
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.affected.current_tree import CurrentTree
from pytest_zygote.affected.selection import Selection
from pytest_zygote.affected.store import Store, store_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)
TIMEOUT_S = 120
RECORDING_S = 1200
COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.GtE(),
    ast.Gt: ast.LtE(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
SWAPS: dict[type[ast.AST], ast.AST] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Add(),
    ast.Mod: ast.Add(),
    ast.And: ast.Or(),
    ast.Or: ast.And(),
}


@dataclass(frozen=True)
class Mutant:
    """A change: what stands between two places of a file, and what comes instead."""

    path: Path
    start: int
    end: int
    text: bytes
    line: int

    def apply(self, source: bytes) -> bytes:
        """Return the changed source."""
        return source[: self.start] + self.text + source[self.end :]


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Give all mutants of a file."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    skipped = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    skipped |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = _changed(node) if id(node) not in skipped else None
        if text is not None and isinstance(node, (ast.expr, ast.stmt)):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
            yield Mutant(path, start, end, text.encode(), node.lineno)


def _changed(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return _other_constant(node.value)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        other = ast.Compare(node.left, [COMPARISONS[type(node.ops[0])], *node.ops[1:]], node.comparators)
        return f"({ast.unparse(other)})"
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SWAPS:
        swapped = copy.copy(node)
        swapped.op = SWAPS[type(node.op)]  # type: ignore[assignment]  # of the same kind
        return f"({ast.unparse(swapped)})"
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.Raise)):
        return "pass"
    return None


def _other_constant(value: object) -> str | None:
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int):
        return repr(value + 1)
    if isinstance(value, str):
        return repr(f"{value}x")
    return None


class Check:
    """One project."""

    def __init__(self, root: Path, arguments: list[str], store: Path) -> None:
        """Record it, if that has not been done."""
        self.root = root
        self.arguments = ["-p", "no:randomly", "-q", "-rfE", "--tb=no", "--no-header", *arguments]
        self.cache = store
        self.roots: tuple[str, ...] = ()
        environ = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTHONPATH")}
        self.environ = {**environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DAEMON_DISABLE": "1", "COLUMNS": "500"}

    def record(self, word: str) -> None:
        """Run all tests and store what they need."""
        options = ("-p", "pytest_zygote", "-o", f"cache_dir={self.cache}")
        self.pytest(*options, f"--affected={word}" if word else "--affected", timeout_s=RECORDING_S)
        self.learn_roots(*options)

    def learn_roots(self, *options: str) -> None:
        """Have pytest note in which folders imports are searched: names lead elsewhere from others.

        Raises:
            LookupError: it selects tests although nothing has changed, so nothing is noted.
        """
        self.pytest(*options, "--affected")
        store = Store(store_path(str(self.cache)), print)
        with store.using() as connection:
            found = connection.execute("SELECT roots FROM unchanged ORDER BY id DESC").fetchone()
        store.close()
        if found is None:
            message = "tests are selected although nothing has changed: some fail, or depend on what changes by itself"
            raise LookupError(message)
        self.roots = tuple(json.loads(found[0]))

    def pytest(self, *args: str, timeout_s: float = TIMEOUT_S) -> str:
        """Run the tests; return what pytest wrote."""
        command = [sys.executable, "-m", "pytest", *self.arguments, *args]
        ended = subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return ended.stdout

    def selected(self) -> tuple[set[str], int]:
        """Return the tests that the store selects now, and how many there are."""
        store = Store(store_path(str(self.cache)), print)
        tree = CurrentTree(str(self.root), self.environ, self.roots, store.cache)
        selection = Selection(store, tree, store.rows(1))
        selected = selection.select(selection.rows)
        store.close()
        return set(selected), len(selection.rows)

    def failed(self, *args: str) -> set[str]:
        """Return the tests that fail."""
        return set(FAILED.findall(self.pytest(*args)))


@contextlib.contextmanager
def everything_edited(sources: Path) -> Iterator[Callable[[], None]]:
    """Give what adds a line to each file, so that a second run has all tests to run; take the lines away in the end."""
    texts = {path: path.read_bytes() for path in sources.rglob("*.py")}

    def edit() -> None:
        for path, text in texts.items():
            path.write_bytes(text + b"\n_again = 0\n")

    try:
        yield edit
    finally:
        for path, text in texts.items():
            path.write_bytes(text)


def check(project: Check, mutants: list[Mutant]) -> tuple[int, list[float]]:
    """Try all mutants; return how many tests were missing, and the share that each selected."""
    missing_count, shares = 0, []
    before, _ = project.selected()
    usual = project.failed()
    print(f"unchanged: {len(before)} selected, {len(usual)} fail", flush=True)
    for mutant in mutants:
        source = mutant.path.read_bytes()
        try:
            mutant.path.write_bytes(mutant.apply(source))
            with contextlib.suppress(subprocess.TimeoutExpired):
                selected, total = project.selected()
                failed = project.failed() - usual if len(selected) < total else set()
                missing = failed - selected
                alone = {nodeid for nodeid in missing if nodeid in project.failed(nodeid)}
                mutant.path.write_bytes(source)
                alone -= {nodeid for nodeid in alone if nodeid in project.failed(nodeid)}
                missing_count += len(alone)
                shares.append(len(selected) / total)
                where = f"{mutant.path.name}:{mutant.line} {mutant.text.decode()[:40]!r}"
                print(f"{where}: {len(failed)} fail, {len(selected)} of {total} selected, {len(alone)} missing, "
                      f"{len(missing) - len(alone)} fail only together", flush=True)  # fmt: skip
                for nodeid in sorted(alone)[:5]:
                    print(f"    missing: {nodeid}")
        finally:
            mutant.path.write_bytes(source)
    return missing_count, shares


def main() -> None:
    """Read the command line and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("sources", help="folder of the code to change, in the root")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--exact", action="store_true", help="record each test in a fork of its own")
    parser.add_argument("--second-run", action="store_true", help="record as by default: again, after an edit of all")
    parser.add_argument("--pytest", default="", help="options for pytest, in one word")
    options = parser.parse_args()
    root = options.root.resolve()
    chosen = random.Random(options.seed)  # noqa: S311 - not a secret
    with tempfile.TemporaryDirectory() as folder, everything_edited(root / options.sources) as edit_everything:
        project = Check(root, shlex.split(options.pytest), Path(folder))
        project.record("exact" if options.exact else "")
        if options.second_run:
            edit_everything()
            project.record("")
        found = [mutant for path in sorted((root / options.sources).rglob("*.py")) for mutant in mutants_of(path)]
        missing, shares = check(project, chosen.sample(found, min(options.count, len(found))))
    print(f"{len(shares)} mutants ({shares.count(1.0)} of them selected all tests), {missing} tests missing, "
          f"median share selected {statistics.median(shares):.3f}")  # fmt: skip
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
