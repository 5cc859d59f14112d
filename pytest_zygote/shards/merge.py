"""``pz merge``: shows the results of shards as one run."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.shards import junit
from pytest_zygote.core.shards.durations import measured_durations, write_durations
from pytest_zygote.core.shards.errors import NoSourcesError, ShardError
from pytest_zygote.core.shards.result import ShardResult, check_whole, listed, status_of
from pytest_zygote.shards import artifacts
from pytest_zygote.shards.recorded_events import RecordedEvents
from pytest_zygote.shards.replay import Replay
from pytest_zygote.shards.result_folder import RESULT, ResultFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

INTO = "merged-shards"
JUNIT = "junit.xml"


def merge(args: Sequence[str]) -> int:
    """Show shards as one run, and write what such a run would have written; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="pz merge",
        description="Show the results of all shards as one run, and exit as that would have.",
        epilog="Other options go to pytest: -v, -rA, --color=yes …",
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="of --shard-result, or a folder of such folders")
    parser.add_argument(
        "--into",
        default=INTO,
        metavar="DIR",
        help="for junit.xml, durations.json, coverage, affected.json (%(default)s)",
    )
    options, others = parser.parse_known_args(args)
    try:
        shards = {str(folder.path): (folder, folder.read()) for folder in _folders(options.folders)}
        check_whole({name: result for name, (_, result) in shards.items()})
        return _Merge(shards.values(), Path(options.into)).show(others)
    except ShardError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return int(pytest.ExitCode.USAGE_ERROR)


def _folders(names: Sequence[str]) -> Iterator[ResultFolder]:
    """Give the folders of results: a CI service puts those of all jobs into one."""
    for name in names:
        inner = sorted(path.parent for path in Path(name).glob(f"*/{RESULT}"))
        if inner and not (Path(name) / RESULT).exists():
            yield from (ResultFolder(path) for path in inner)
        else:
            yield ResultFolder(name)


class _Merge:
    """Several shards that are a whole."""

    def __init__(self, shards: Iterable[tuple[ResultFolder, ShardResult]], into: Path) -> None:
        """Read what they have reported."""
        self._shards = sorted(shards, key=lambda shard: shard[1].number)
        self._folders = [folder for folder, _ in self._shards]
        self._results = [result for _, result in self._shards]
        self._first = self._results[0]
        reported = [list(folder.reported()) for folder in self._folders]
        of_shards = [RecordedEvents([events]) for events in reported]
        self._measured = [events.measured() for events in of_shards]
        self._missing = [
            (result, events.unfinished(result.selected))
            for result, events in zip(self._results, of_shards, strict=True)
        ]
        self._events = RecordedEvents(reported)
        self._into = into

    def show(self, args: Sequence[str]) -> int:
        """Print the whole, write its files, and return its exit code.

        Raises:
            ShardError: reports are missing of a shard that has succeeded, or other files cannot be read.
        """
        for result, missing in self._missing:
            if missing and result.status in {0, int(pytest.ExitCode.NO_TESTS_COLLECTED)}:
                message = f"shard {result.position} has succeeded, but reports of {listed(missing)} are missing"
                raise ShardError(message)
        os.environ.pop("PYTEST_ADDOPTS", None)
        selected = {nodeid for result in self._results for nodeid in result.selected}
        collected = [nodeid for nodeid in dict.fromkeys(self._first.collected) if nodeid in selected]
        left_out = self._first.left_out + len(set(self._first.collected)) - len(collected)
        replay = Replay(self._events, collected, left_out, self._summary())
        # The shards' own ini-file and conftest files have had their say: here there may be no project to import.
        here = ("-c", os.devnull, "--rootdir", str(Path.cwd()), "--noconftest", f"--junitxml={self._into / JUNIT}")
        status = int(pytest.main([*here, *self._first.display, *args], plugins=[replay]))
        self._into.mkdir(parents=True, exist_ok=True)
        self._merge_junit(collected)
        self._write("durations.json", write_durations(measured_durations(self._measured)))
        maps = [(folder.affected, result.selected) for folder, result in self._shards]
        artifacts.merge_maps(maps, self._into / "affected.json")
        status = status_of(self._results, status)
        return status if self._is_covered() else status or int(pytest.ExitCode.TESTS_FAILED)

    def _summary(self) -> list[str]:
        ended = [
            f"zygote: shard {result.position} ended with exit code {result.status} before {listed(missing)} ran"
            for result, missing in self._missing
            if missing
        ]
        seconds = [sum(test.setup_s + test.other_s for test in tests) for tests in self._measured]
        longest = f"of which the longest ran tests for {max(seconds):.1f} s, and all together for {sum(seconds):.1f} s"
        return [*ended, f"zygote: {counted(len(seconds), 'shard')}, {longest}"]

    def _write(self, name: str, text: str) -> None:
        (self._into / name).write_text(text, encoding="utf-8")

    def _merge_junit(self, collected: Sequence[str]) -> None:
        """Put together what tests have written into the junit files of the shards, if they had any."""
        if all(folder.junit.exists() for folder in self._folders):
            texts = [folder.junit.read_text(encoding="utf-8") for folder in self._folders]
            self._write(JUNIT, junit.merged(texts, collected))

    def _is_covered(self) -> bool:
        """Put coverage together and print it; return whether it is enough."""
        data = [folder.coverage for folder in self._folders if folder.coverage.exists()]
        roots = [str(Path.cwd()), *(result.root for result in self._results)]
        wanted = self._first.wanted_coverage
        try:
            total = artifacts.merge_coverage(data, roots, self._into / "coverage")
        except NoSourcesError as error:
            sys.stderr.write(f"{'ERROR' if wanted else 'zygote'}: {error}\n")
            return not wanted
        if total is None or total >= wanted:
            return True
        sys.stderr.write(f"ERROR: {total:.2f} % of the code are covered, and {wanted:.2f} % are wanted\n")
        return False
