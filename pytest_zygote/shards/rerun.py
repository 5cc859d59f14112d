"""``pz rerun``: repeats here what a shard has run elsewhere."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.core.output.rerun import CHOOSING
from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.result import ShardResult, differences
from pytest_zygote.shards import facts
from pytest_zygote.shards.recorded_events import RecordedEvents
from pytest_zygote.shards.result_folder import ResultFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def rerun(args: Sequence[str]) -> int:
    """Repeat a shard in a new process, in this one's place; return an exit code only if that is not possible."""
    parser = argparse.ArgumentParser(
        prog="pz rerun",
        description="Run here what a shard has run elsewhere: the same tests in the same order, with the same options.",
        epilog="Other options go to pytest: -x, --pdb, -n 4 …",
    )
    parser.add_argument("folder", metavar="DIR", help="of --shard-result")
    parser.add_argument("--failed", action="store_true", help="only what has failed, and what did not come to its end")
    options, others = parser.parse_known_args(args)
    folder = ResultFolder(options.folder)
    try:
        result = folder.read()
        tests = chosen(folder, result, only_failed=options.failed)
        words = command_line(result, tests, Path.cwd())
    except ShardError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 4  # pytest.ExitCode.USAGE_ERROR
    if not tests:
        sys.stderr.write(f"zygote: no test of shard {result.position} has failed\n")
        return 0
    for line in _differences(result):
        sys.stderr.write(f"zygote: not as it was there: {line}\n")
    sys.stderr.flush()
    return _become_pytest([*words, *others], result.environ)


def chosen(folder: ResultFolder, result: ShardResult, *, only_failed: bool) -> list[str]:
    """Return the node ids to run, in the order in which they ran."""
    if not only_failed:
        return list(result.selected)
    events = RecordedEvents([folder.reported()])
    again = {*events.failed(), *events.unfinished(result.selected)}
    files = [nodeid for nodeid in events.failed() if nodeid not in result.selected]
    return [*files, *(nodeid for nodeid in result.selected if nodeid in again)]


def command_line(result: ShardResult, tests: Sequence[str], here: Path) -> list[str]:
    """Return the options there, and the tests as they are called from this folder.

    Raises:
        ShardError: a file of the tests is not here.
    """
    root = Path(os.path.normpath(here / os.path.relpath(".", result.folder)))
    paths = {nodeid.partition("::")[0] for nodeid in tests}
    missing = sorted(path for path in paths if not (root / path).exists())
    if missing:
        where = "" if result.folder == "." else f" It was run in the folder {result.folder}."
        message = f"{missing[0]} is not here: use this command where the shard was run.{where}"
        raise ShardError(message)
    base = os.path.relpath(root, here)
    names = [nodeid if base == "." else os.path.join(base, nodeid) for nodeid in tests]
    args = [word for word in result.args if word not in CHOOSING]
    return [*args, *_same_order(result.seeds), *_as_a_whole(result), *names]


def _same_order(seeds: Mapping[str, str]) -> list[str]:
    """Return the options that have plugins draw what they drew there, and keep the order, which has been drawn."""
    order = ["--randomly-dont-reorganize"] if "--randomly-seed" in seeds else []
    return [*(f"{flag}={seed}" for flag, seed in seeds.items() if seed), *order]


def _as_a_whole(result: ShardResult) -> list[str]:
    """Return the options by which this is no shard, whatever `addopts` says, and no coverage is asked of a part."""
    return ["--shard=1/1", "--shard-result=", *(["--cov-fail-under=0"] if result.wanted_coverage else [])]


def _differences(result: ShardResult) -> list[str]:
    root = Path.cwd() / os.path.relpath(".", result.folder)
    here = ShardResult(
        *(1, 1, "", "", (), (), ()),
        surroundings=facts.surroundings(),
        packages=facts.packages(),
        files=facts.checksums(root, result.files),
    )
    return differences(result, here)


def _become_pytest(args: Sequence[str], environ: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest_zygote", *args]
    try:
        os.execve(sys.executable, command, {**os.environ, **environ})  # noqa: S606 - no shell is wanted
    except OSError as error:  # E2BIG: too many tests for one command line
        sys.stderr.write(f"ERROR: pz rerun: {error.strerror}\n")
        return 4
