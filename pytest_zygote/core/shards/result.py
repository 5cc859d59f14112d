"""What a shard says of itself, as text that another machine reads; and whether several results make a whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from pytest_zygote.core.documents import read_document
from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.position import Position

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

FORMAT = "pytest-zygote shard"
VERSION = 1
SHOWN = 5
"""Tests that a message names, at most."""
INTERRUPTED = 2
NO_TESTS = 5
"""`pytest.ExitCode.NO_TESTS_COLLECTED`"""


@dataclass(frozen=True)
class ShardResult:
    """What one shard was asked for, where it ran, and how it ended.

    Attributes:
        number: of the shard, from 1.
        total: of shards.
        plan: digest of the plan that it followed.
        durations: digest of the durations that the plan rests on; '' for none.
        collected: ids of all tests of the whole, in the order in which they were collected here.
        share: ids of the tests that the plan gives to this shard.
        selected: ids of those of them that were to run, in their order.
        left_out: how many tests other options had left out before.
        args: the command line, without our options about shards and without `paths`.
        paths: what the command line asked for: files, folders, node ids.
        folder: where it was run, relative to `root`.
        root: pytest's rootdir.
        seeds: option → value, of plugins that draw a seed for each run.
        environ: the environment keys that decide how an interpreter behaves.
        surroundings: name → value, of what can make a difference: versions, platform.
        packages: name of a distribution → version.
        files: path → checksum, of test files, conftest files and the ini-file.
        display: options that show results elsewhere as they are shown there.
        wanted_coverage: per cent that all tests together must cover; 0 for none.
        status: the exit code; None if the run has not come to its end.
    """

    number: int
    total: int
    plan: str
    durations: str
    collected: tuple[str, ...]
    share: tuple[str, ...]
    selected: tuple[str, ...]
    left_out: int = 0
    args: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    folder: str = "."
    root: str = ""
    seeds: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    surroundings: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    display: tuple[str, ...] = ()
    wanted_coverage: float = 0.0
    status: int | None = None

    @property
    def position(self) -> Position:
        """Which shard it is."""
        return Position(self.number, self.total)

    def ended(self, status: int) -> ShardResult:
        """Return the result of a run that has come to its end."""
        return replace(self, status=status)


def encode(result: ShardResult) -> str:
    """Return a result as text."""
    return json.dumps({"format": FORMAT, "version": VERSION, **asdict(result)}, indent=1) + "\n"


def decode(text: str) -> ShardResult:
    """Return the result that a text holds.

    Raises:
        ShardError: it holds none, one of another version, or a damaged one.
    """
    try:
        found = read_document(text, FORMAT, VERSION, "--shard-result")
    except ValueError as error:
        raise ShardError(str(error)) from error
    wanted_coverage, status = found.get("wanted_coverage"), found.get("status")
    return ShardResult(
        number=_count(found, "number"),
        total=_count(found, "total"),
        plan=_text(found, "plan"),
        durations=_text(found, "durations"),
        collected=_texts(found, "collected"),
        share=_texts(found, "share"),
        selected=_texts(found, "selected"),
        left_out=_count(found, "left_out"),
        args=_texts(found, "args"),
        paths=_texts(found, "paths"),
        folder=_text(found, "folder"),
        root=_text(found, "root"),
        seeds=_table(found, "seeds"),
        environ=_table(found, "environ"),
        surroundings=_table(found, "surroundings"),
        packages=_table(found, "packages"),
        files=_table(found, "files"),
        display=_texts(found, "display"),
        wanted_coverage=float(wanted_coverage) if isinstance(wanted_coverage, (int, float)) else 0.0,
        status=status if isinstance(status, int) else None,
    )


def _count(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    return value if type(value) is int else _refuse(name)


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else _refuse(name)


def _texts(found: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = found.get(name)
    is_right = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return tuple(map(str, value)) if is_right and isinstance(value, list) else _refuse(name)


def _table(found: Mapping[str, object], name: str) -> dict[str, str]:
    value = found.get(name)
    return {str(key): str(one) for key, one in value.items()} if isinstance(value, dict) else _refuse(name)


def _refuse(name: str) -> NoReturn:
    message = f"it is damaged at {name!r}"
    raise ShardError(message)


def check_whole(results: Mapping[str, ShardResult]) -> None:
    """Check that some shards are a whole: each there once, all of one plan, each test run once.

    Args:
        results: name of a shard's folder → what it says.

    Raises:
        ShardError: they are not; a line for each thing that is wrong.
    """
    problems = [
        *_of_numbers(results),
        *_of_plans(list(results.values())),
        *(
            f"shard {one.position} has not come to its end: repeat it by `pz rerun {name}`"
            for name, one in results.items()
            if one.status is None
        ),
    ]
    if not problems:
        problems = _of_tests(list(results.values()))
    if problems:
        raise ShardError("\n".join(problems))


def _of_numbers(results: Mapping[str, ShardResult]) -> list[str]:
    totals = sorted({one.total for one in results.values()})
    if len(totals) > 1:
        return [f"they are shards of different runs: {listed(str(one.position) for one in results.values())}"]
    folders: dict[int, list[str]] = {number + 1: [] for number in range(totals[0])}
    for name, one in results.items():
        folders.setdefault(one.number, []).append(name)
    problems = []
    for number, names in sorted(folders.items()):
        position = Position(number, totals[0])
        if not names:
            problems.append(f"shard {position} is missing: name its folder, too")
        elif len(names) > 1:
            problems.append(f"shard {position} is there more than once: {listed(names)}")
    return problems


def _of_plans(results: Sequence[ShardResult]) -> list[str]:
    first = results[0]
    problems = []
    for other in results[1:]:
        names = f"shards {first.position} and {other.position}"
        here, there = set(first.collected) - set(other.collected), set(other.collected) - set(first.collected)
        if here or there:
            sides = [f"only {one.position} has {listed(ids)}" for one, ids in ((first, here), (other, there)) if ids]
            problems.append(f"{names} have collected different tests: {'; '.join(sides)}")
        elif first.plan != other.plan:
            why = "different durations" if first.durations != other.durations else "different options"
            problems.append(f"{names} follow different plans: they had {why}")
    return problems


def _of_tests(results: Sequence[ShardResult]) -> list[str]:
    runs = Counter(nodeid for one in results for nodeid in set(one.share))
    collected = dict.fromkeys(nodeid for one in results for nodeid in one.collected)
    twice = [nodeid for nodeid, count in runs.items() if count > 1]
    never = [nodeid for nodeid in collected if not runs[nodeid]]
    problems = [f"{len(twice)} tests belong to two shards: {listed(twice)}"] if twice else []
    return [*problems, f"{len(never)} tests belong to no shard: {listed(never)}"] if never else problems


def listed(names: Collection[str] | Iterable[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    found = sorted(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


def status_of(results: Iterable[ShardResult], whole: int) -> int:
    """Return the exit code of a whole.

    Args:
        results: of the shards.
        whole: the exit code of a session that has shown all reports.
    """
    statuses = [one.status or 0 for one in results]
    worst = max((status for status in statuses if status != NO_TESTS), default=0)
    if not worst and whole not in {0, NO_TESTS}:
        return 0  # a hook of the project's has made light of failures
    return worst if worst >= INTERRUPTED or (worst and whole in {0, NO_TESTS}) else whole


def differences(result: ShardResult, here: ShardResult) -> list[str]:
    """Return what is different here from where a shard ran, a line for each."""
    lines = [
        f"{name}: {value} there, {here.surroundings.get(name, 'unknown')} here"
        for name, value in result.surroundings.items()
        if here.surroundings.get(name) != value
    ]
    for name in sorted(result.packages.keys() | here.packages.keys()):
        there_has, here_has = result.packages.get(name, "none"), here.packages.get(name, "none")
        if there_has != here_has:
            lines.append(f"package {name}: {there_has} there, {here_has} here")
    changed = [path for path, digest in result.files.items() if here.files.get(path) != digest]
    return [*lines, f"files that differ: {listed(changed)}"] if changed else lines
