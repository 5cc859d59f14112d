"""Counts what ``--zygote-output=compact`` costs a reader that pays by the token, against pytest's own output.

Each fault is a random change of one place of a project (`scripts.mutants`). All tests run twice with it: the tokens of
both outputs are counted by the tokenizer of the package bpe-openai, which holds its data.

    python -m scripts.output_tokens /path/to/jinja2 src --count 10 --pytest="-o pythonpath=src"
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.mutants import mutants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scripts.mutants import Mutant

ENCODING = "o200k_base"
COMPACT = "--zygote-output=compact"
TIMEOUT_S = 120
SOME_FAILED = 1


def tokenizer() -> Callable[[str], int]:
    """Return what counts the tokens of a text."""
    encoding = import_module("bpe_openai").get_encoding(ENCODING)
    return lambda text: len(encoding.encode(text))


def outcome(root: Path, args: Sequence[str]) -> tuple[int, str]:
    """Return exit code and output of a run of all tests; -1 if it takes too long."""
    environ = {key: value for key, value in os.environ.items() if key not in ("CI", "COLUMNS")}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DAEMON_DISABLE": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "pytest_zygote", *args]
    try:
        ended = subprocess.run(
            command, cwd=root, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, ""
    return ended.returncode, ended.stdout


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="a project with tests, of which a copy that may be changed")
    parser.add_argument("sources", nargs="+", help="its files and folders of sources, relative to it")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pytest", default="", help="arguments of all runs")
    return parser.parse_args()


def measured(root: Path, fault: Mutant, args: Sequence[str]) -> tuple[str, str] | None:
    """Return pytest's output with a fault, and the compact one; None if no test finds it."""
    original = fault.path.read_bytes()
    try:
        fault.path.write_bytes(fault.apply(original))
        status, plain = outcome(root, args)
        return (plain, outcome(root, [*args, COMPACT])[1]) if status == SOME_FAILED else None
    finally:
        fault.path.write_bytes(original)


def main() -> None:
    """Plant faults, and print the tokens of each, and of all."""
    options = arguments()
    count_tokens, args = tokenizer(), shlex.split(options.pytest)
    folders = [options.root / name for name in options.sources]
    files = sorted(path for folder in folders for path in ([folder] if folder.is_file() else folder.rglob("*.py")))
    faults = [fault for path in files for fault in mutants_of(path)]
    random.Random(options.seed).shuffle(faults)  # noqa: S311 - repeatable
    found = ((fault, outputs) for fault in faults if (outputs := measured(options.root, fault, args)) is not None)
    totals = [0, 0]
    for fault, outputs in islice(found, options.count):
        plain, compact = map(count_tokens, outputs)
        totals = [totals[0] + plain, totals[1] + compact]
        name = f"{fault.path.relative_to(options.root)}:{fault.line}"
        print(f"{plain:8} {compact:7}  {compact / plain:.2f}  {name}: {outputs[1].splitlines()[-2]}", flush=True)
    print(f"{totals[0]:8} {totals[1]:7}  {totals[1] / max(totals[0], 1):.2f}  all")


if __name__ == "__main__":
    main()
