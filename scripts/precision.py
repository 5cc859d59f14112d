"""How many tests an edit of one function selects: `--affected` beside pytest-testmon, on the same edits.

Both record the project, each in its own store: pytest-testmon in one run, we by ``--affected=exact``, in one
process, and as by default: in a first run, and a second one that a change of everything has led to. Each edit adds
a statement to one function, which changes nothing that it does, so the tests that a selector names are those it
believes to depend on the function. Asked is who would run, as each of them asks itself when a run begins; nothing runs.

    python -m scripts.precision /path/to/click src --count 100 --pytest="-o pythonpath=src"

pytest-testmon must be installed beside us. One fault of it is mended: it ends the run (IndexError) where code
has a file name without an extension.
"""

from __future__ import annotations

import argparse
import ast
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.mutants import RECORDING_S, Check, Mutant, everything_edited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EDIT = "_edited = 0"
RECORDINGS = {"exact": "exact", "one process": "all", "second run": ""}
"""What is recorded, and what follows ``--affected=`` for it."""

MENDED = """
import inspect, sys, textwrap
from testmon import testmon_core
text = textwrap.dedent(inspect.getsource(testmon_core.SourceTree.get_file))
exec(text.replace('rsplit(".", 1)[1]', 'rsplit(".", 1)[-1]'), vars(testmon_core))
testmon_core.SourceTree.get_file = testmon_core.get_file
"""
RECORD = f"""{MENDED}
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
ASK = f"""{MENDED}
data = testmon_core.TestmonData.for_local_run(sys.argv[1])
data.determine_stable()
print(len(data.unstable_test_names), len(data.all_tests))
"""


class Testmon:
    """The peer."""

    def __init__(self, check: Check, folder: Path) -> None:
        """Keep its data in this folder."""
        self._check = check
        self._data = folder / "testmondata"

    def record(self) -> None:
        """Run all tests."""
        arguments = [*self._check.arguments, "--testmon"]
        self._run(self._data, RECORD, *arguments)

    def selected(self) -> tuple[int, int]:
        """Return how many tests it would run now, and how many it knows. The data are left as they are."""
        copy = self._data.with_suffix(".copy")
        shutil.copy(self._data, copy)
        selected, total = map(int, self._run(copy, ASK, str(self._check.root)).split()[-2:])
        return selected, total

    def _run(self, data: Path, script: str, *args: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", script, *args],
            cwd=self._check.root,
            env={**self._check.environ, "TESTMON_DATAFILE": str(data)},
            capture_output=True,
            text=True,
            timeout=RECORDING_S,
            check=False,
        )
        return ended.stdout


def edits_of(path: Path) -> Iterator[Mutant]:
    """Give one edit for each function of a file that has a body of its own lines."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                first = node.body[min(1, len(node.body) - 1)]
            if first.lineno > node.lineno and not isinstance(
                first, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            ):
                at = starts[first.lineno - 1] + first.col_offset
                yield Mutant(path, at, at, f"{EDIT}; ".encode() if _is_simple(first) else
                             f"{EDIT}\n{' ' * first.col_offset}".encode(), node.lineno)  # fmt: skip


def _is_simple(statement: ast.stmt) -> bool:
    return not hasattr(statement, "body")


def compare(checks: dict[str, Check], testmon: Testmon, edits: list[Mutant]) -> dict[str, list[float]]:
    """Make each edit and ask both; return the shares that they select."""
    shares: dict[str, list[float]] = {name: [] for name in (*checks, "testmon")}
    always, _ = testmon.selected()  # those that were deselected by other means, as it has never seen them run
    for edit in edits:
        source = edit.path.read_bytes()
        try:
            edit.path.write_bytes(edit.apply(source))
            for name, check in checks.items():
                selected, total = check.selected()
                shares[name].append(len(selected) / total)
            count, total = testmon.selected()
            shares["testmon"].append((count - always) / (total - always))
        finally:
            edit.path.write_bytes(source)
        told = ", ".join(f"{name} {found[-1]:.3f}" for name, found in shares.items())
        print(f"{edit.path.name}:{edit.line} {told}", flush=True)
    return shares


def main() -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("sources", help="folder of the code to change, in the root")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pytest", default="", help="options for pytest, in one word")
    options = parser.parse_args()
    root = options.root.resolve()
    chosen = random.Random(options.seed)  # noqa: S311 - not a secret
    with tempfile.TemporaryDirectory() as folder, everything_edited(root / options.sources) as edit_everything:
        checks = {name: Check(root, shlex.split(options.pytest), Path(folder) / name) for name in RECORDINGS}
        testmon = Testmon(checks["exact"], Path(folder))
        _timed("first run", lambda: checks["second run"].record(""))
        edit_everything()
        for name, word in RECORDINGS.items():
            _timed(name, partial(checks[name].record, word))
        _timed("testmon", testmon.record)
        found = [edit for path in sorted((root / options.sources).rglob("*.py")) for edit in edits_of(path)]
        shares = compare(checks, testmon, chosen.sample(found, min(options.count, len(found))))
    for name, selected in shares.items():
        reached = [share for share in selected if share]
        print(f"{name}: of {len(selected)} edits median {statistics.median(selected):.4f}, "
              f"mean {statistics.mean(selected):.4f}; of those {len(reached)} that select any median "
              f"{statistics.median(reached or [0]):.4f}")  # fmt: skip


def _timed(name: str, record: Callable[[], None]) -> None:
    started = time.monotonic()
    record()
    print(f"recorded {name}: {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
