"""Files of durations: pytest-split's, ours from pytest's cache, or a junit file."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.shards import junit
from pytest_zygote.core.shards.errors import ShardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DIGITS = 6
LONGEST_S = 1e9
"""What takes longer, or has no end, is no duration."""
WORTH_KNOWING_S = 0.05
"""What shared fixtures cost, at least, to be told from noise."""


class Durations(NamedTuple):
    """What earlier runs took.

    Attributes:
        tests: node id → seconds.
        fixtures: unit → seconds that setting up its fixtures takes.
    """

    tests: dict[str, float]
    fixtures: dict[str, float]


class Measured(NamedTuple):
    """How long a test has taken.

    Attributes:
        nodeid: of the test.
        setup_s: its set-up, with that of the fixtures that it was the first to ask for.
        other_s: the test itself, and its tear-down.
    """

    nodeid: str
    setup_s: float
    other_s: float


def measured_durations(shards: Iterable[Sequence[Measured]]) -> Durations:
    """Return what shards tell of durations; the tests of each are in the order in which they ran.

    The first test of a file sets up what its tests share: by so much its set-up takes longer than that of the others.
    """
    found = Durations({}, {})
    for tests in shards:
        of_files: dict[str, list[Measured]] = {}
        for test in tests:
            of_files.setdefault(test.nodeid.partition("::")[0], []).append(test)
        for path, (first, *others) in of_files.items():
            usual_s = statistics.median(test.setup_s for test in others) if others else first.setup_s
            cost_s = max(0.0, first.setup_s - usual_s)
            found.tests[first.nodeid] = first.setup_s - cost_s + first.other_s
            found.tests.update({test.nodeid: test.setup_s + test.other_s for test in others})
            if cost_s >= WORTH_KNOWING_S:
                found.fixtures[path] = max(cost_s, found.fixtures.get(path, 0.0))
    return found


def read_durations(text: str, ids: Iterable[str]) -> Durations:
    """Return what a file says about some tests.

    JSON is either pytest-split's (node id → seconds; once a list of pairs), or ours, with the keys ``tests`` and
    ``fixtures``.

    Raises:
        ShardError: it is none of these.
    """
    if text.lstrip().startswith("<"):
        return Durations(junit.durations_in(text, ids), {})
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"it is neither JSON nor XML ({error})"
        raise ShardError(message) from error
    if isinstance(found, list):
        found = _from_pairs(found)
    if not isinstance(found, dict):
        message = "it is JSON, but says nothing about tests"
        raise ShardError(message)
    if isinstance(found.get("tests"), dict):
        return Durations(_seconds(found["tests"]), _seconds(found.get("fixtures")))
    return Durations(_seconds(found), {})


def write_durations(durations: Durations) -> str:
    """Return durations as the text of a file that `read_durations` reads, in an order that never changes."""
    tests, fixtures = ({name: round(seconds, DIGITS) for name, seconds in sorted(one.items())} for one in durations)
    return json.dumps({"tests": tests, "fixtures": fixtures}, indent=0) + "\n"


def _from_pairs(found: list[object]) -> dict[str, object]:
    pairs = [pair for pair in found if isinstance(pair, list) and len(pair) == 2]  # noqa: PLR2004 - name and seconds
    return {str(name): seconds for name, seconds in pairs}


def _seconds(found: object) -> dict[str, float]:
    entries: Mapping[object, object] = found if isinstance(found, dict) else {}
    return {
        str(name): float(seconds)
        for name, seconds in entries.items()
        if isinstance(seconds, (int, float)) and 0 <= seconds <= LONGEST_S
    }
