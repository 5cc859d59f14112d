"""Whether the last result of a test still holds, and if not, why: a function of stored rows and the current tree.

Theory of operation. A *row* says how a test ended, and what that depended on: pairs of a *need* and its
checksum. A row *holds* if each need has the same checksum now. Nothing is ever marked as changed:
rows of other branches stay, and hold again once their tree is back.

A cache that an earlier test of the process has filled may hide what a test depends on (in jinja2, 802 of
909 tests hide something). A row is *exact* if nothing ran in the process before the test but imports and
collection, or if all that ran there counts as run by the test (`core.affected.fork_groups`). An inexact row needs whole
files: all that the test's module imports, directly or not, and all in which the test ran code.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.affected.dependency import describe
from pytest_zygote.core.affected.outcomes import FAILED, PASSED, SKIPPED, UNSURE
from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.reachable import reachable
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pytest_zygote.core.affected.dependency import Need
    from pytest_zygote.core.reasons import Reason

GOOD = frozenset({PASSED, SKIPPED})
"""Outcomes after which a test need not run while the row holds."""

NEW = "new"
TOGETHER = "another test finds what it leaves, or it finds what another leaves"
AMBIGUOUS = "several tests have this name"
FAILED_BEFORE = "failed the last time"
SKIPPED_ITSELF = "skipped itself the last time"


class Row(NamedTuple):
    """How a test ended once.

    Attributes:
        outcome: one of `core.affected.outcomes`.
        is_exact: whether it is known which functions the test needs, and not only which files.
        sets: numbers of the sets of needs, with their checksums, that it holds for.
        duration_s: of the test.
    """

    outcome: str
    is_exact: bool
    sets: tuple[int, ...]
    duration_s: float


class Selected(Record):
    """A test that must run, and why."""

    nodeid: str
    kind: str
    reason: str


def judge(nodeid: str, rows: Sequence[Row], broken: Callable[[int], Need | None]) -> Selected | None:
    """Return why a test must run; None if a row holds by which it did not fail.

    Args:
        nodeid: of the test.
        rows: its rows, the newest first.
        broken: returns the first need of a set that has changed.
    """
    reason = ""
    for row in rows:
        need = next((found for number in row.sets if (found := broken(number)) is not None), None)
        if need is None:
            return None if row.outcome in GOOD else _again(nodeid, row.outcome)
        reason = reason or describe(need)
    return Selected(nodeid, "changed", reason) if rows else Selected(nodeid, NEW, NEW)


def _again(nodeid: str, outcome: str) -> Selected:
    return Selected(nodeid, outcome, SKIPPED_ITSELF if outcome == UNSURE else FAILED_BEFORE)


def new_tests(nodeids: Iterable[str], reason: str = NEW) -> dict[str, Selected]:
    """Return tests of which nothing is known, as selected."""
    return {nodeid: Selected(nodeid, NEW, reason) for nodeid in nodeids}


def with_companions(
    selected: Mapping[str, Selected], nodeids: Iterable[str], makers: Mapping[str, Collection[str]]
) -> dict[str, Selected]:
    """Return the selected tests with those that must run with them.

    These are the tests that find what a changed one leaves, and the ones that leave what any of these finds. A new test
    may find all that tests of its file leave.

    Args:
        selected: the tests that must run.
        nodeids: of all tests.
        makers: test → the tests that leave what it finds.
    """
    finders: dict[str, set[str]] = {}
    of_file: dict[str, set[str]] = {}
    for finder, found in makers.items():
        of_file.setdefault(finder.partition("::")[0], set()).update(found)
        for maker in found:
            finders.setdefault(maker, set()).add(finder)
    changed = (nodeid for nodeid, entry in selected.items() if entry.kind == "changed")
    starts = {*selected, *reachable(changed, lambda nodeid: finders.get(nodeid, ()))}
    new = [nodeid for nodeid, entry in selected.items() if entry.kind == NEW]
    starts.update(*(of_file.get(nodeid.partition("::")[0], ()) for nodeid in new))
    together = set(reachable(starts, lambda nodeid: makers.get(nodeid, ())))
    more = (nodeid for nodeid in nodeids if nodeid in together and nodeid not in selected)
    return {**selected, **{nodeid: Selected(nodeid, "changed", TOGETHER) for nodeid in more}}


def ambiguous(nodeids: Iterable[str]) -> dict[str, Selected]:
    """Return the tests whose name others have too, as selected: their rows cannot be told apart."""
    return new_tests((nodeid for nodeid, count in Counter(nodeids).items() if count > 1), AMBIGUOUS)


def summary(selected: Iterable[Selected], total: int) -> str:
    """Return 'affected: 3 of 909 tests (2 changed, 1 failed the last time)'."""
    counts: dict[str, int] = {}
    for entry in selected:
        counts[entry.kind] = counts.get(entry.kind, 0) + 1
    words = {"changed": "by changes", NEW: "new", FAILED: FAILED_BEFORE, UNSURE: SKIPPED_ITSELF}
    parts = [f"{counts[kind]} {text}" for kind, text in words.items() if counts.get(kind)]
    tests = counted(total, "test")
    return f"affected: {sum(counts.values())} of {tests}" + (f" ({', '.join(parts)})" if parts else "")


def widened(reason: Reason) -> str:
    """Return the line that says why more tests are affected than the changes reach."""
    return f"affected: more tests [{reason.code}]: {reason.text}"
