"""What is known about tests at one moment, as text that can be committed or copied to another machine.

The text is JSON, with each test, set and checksum on a line of its own, in an order that depends on the
content alone: two of them can be compared. It comes from another machine, so nothing in it is trusted: one value
of a wrong type or range, and the whole text is refused.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING

from pytest_zygote.core.affected.dependency import KINDS, Need
from pytest_zygote.core.affected.impact import Row
from pytest_zygote.core.affected.outcomes import OUTCOMES
from pytest_zygote.core.documents import read_document
from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import TypeVar

    T = TypeVar("T")

FORMAT = "pytest-zygote affected"
VERSION = 1
LONGEST = 64
"""Bytes of a checksum, at most."""


class BaselineError(ZygoteError):
    """A text is no baseline; the message says why, for the user."""


class Baseline(Record):
    """Rows of one moment.

    Attributes:
        name: '' if it has none.
        digest: of the surroundings that the tests ran in.
        parts: of the surroundings: name → checksum.
        versions: all needs with their checksums.
        sets: of needs: places in `versions`, in order.
        tests: name → row; `Row.sets` are places in `sets`.
    """

    name: str
    digest: bytes
    parts: dict[str, str]
    versions: tuple[tuple[Need, bytes], ...]
    sets: tuple[tuple[int, ...], ...]
    tests: dict[str, Row]


def encode(baseline: Baseline) -> str:
    """Return a baseline as text."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "baseline": baseline.name,
        "digest": baseline.digest.hex(),
        "parts": baseline.parts,
    }
    lists: dict[str, Iterable[object]] = {
        "versions": ([*need, found.hex()] for need, found in baseline.versions),
        "sets": baseline.sets,
        "tests": (
            [nodeid, row.outcome, row.is_exact, *row.sets, round(row.duration_s, 4)]
            for nodeid, row in sorted(baseline.tests.items())
        ),
    }
    parts = [f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in head.items()]
    parts += [f"{json.dumps(name)}: [\n{_lines(values)}\n]" for name, values in lists.items()]
    return "{" + ",\n".join(parts) + "}\n"


def _lines(values: Iterable[object]) -> str:
    return ",\n".join(json.dumps(value) for value in values)


def decode(text: str) -> Baseline:
    """Return the baseline that a text holds.

    Raises:
        BaselineError: it holds none, or a damaged one.
    """
    try:
        found = read_document(text, FORMAT, VERSION, "--affected-export")
    except ValueError as error:
        raise BaselineError(str(error)) from error
    return _decoded(found)


def _decoded(found: dict[str, object]) -> Baseline:
    parts = found.get("parts")
    if not isinstance(parts, dict) or not all(isinstance(value, str) for value in parts.values()):
        message = "it is damaged at 'parts'"
        raise BaselineError(message)
    versions = _each(found, "versions", _version)
    sets = _each(found, "sets", lambda value: _set(value, len(versions)))
    tests = _each(found, "tests", lambda value: _test(value, len(sets)))
    return Baseline(
        name=_one(found, "baseline", _text),
        digest=_one(found, "digest", _bytes),
        parts={str(name): value for name, value in parts.items()},
        versions=tuple(versions),
        sets=tuple(sets),
        tests=dict(tests),
    )


def joined(parts: Sequence[tuple[Baseline, Collection[str]]]) -> Baseline:
    """Return one baseline with the rows of several, each of these tests.

    Raises:
        BaselineError: they were made in different surroundings, so that no run could use all of them.
    """
    first = parts[0][0]
    for one, _ in parts:
        _check_alike(first, one)
    versions = sorted(set(chain.from_iterable(one.versions for one, _ in parts)))
    place_of = {version: place for place, version in enumerate(versions)}
    renumbered = [_renumbered(one, place_of) for one, _ in parts]
    sets = sorted(set(chain.from_iterable(renumbered)))
    number_of = {members: number for number, members in enumerate(sets)}
    tests: dict[str, Row] = {}
    for (one, chosen), own_sets in zip(parts, renumbered, strict=True):
        rows = {nodeid: one.tests[nodeid] for nodeid in one.tests.keys() & set(chosen)}
        tests.update((nodeid, _moved(row, own_sets, number_of)) for nodeid, row in rows.items())
    return Baseline(first.name, first.digest, first.parts, tuple(versions), tuple(sets), tests)


def _moved(row: Row, sets: Sequence[tuple[int, ...]], number_of: Mapping[tuple[int, ...], int]) -> Row:
    """Return a row whose sets have the numbers that they have among those of several baselines."""
    return row._replace(sets=tuple(number_of[sets[number]] for number in row.sets))


def _check_alike(first: Baseline, other: Baseline) -> None:
    if first.digest != other.digest:
        names = sorted(name for name in first.parts if first.parts[name] != other.parts.get(name))
        message = f"they differ in {', '.join(names)}"
        raise BaselineError(message)


def _renumbered(baseline: Baseline, place_of: Mapping[tuple[Need, bytes], int]) -> list[tuple[int, ...]]:
    """Return the sets of a baseline, with the places that its versions have among those of several."""
    return [tuple(sorted(place_of[baseline.versions[place]] for place in members)) for members in baseline.sets]


def _each(found: dict[str, object], name: str, read: Callable[[object], T]) -> list[T]:
    values = found.get(name)
    if not isinstance(values, list):
        message = f"it is damaged: {name!r} is missing"
        raise BaselineError(message)
    return [_read(value, f"{name!r}, no. {number}", read) for number, value in enumerate(values)]


def _one(found: dict[str, object], name: str, read: Callable[[object], T]) -> T:
    return _read(found.get(name), repr(name), read)


def _read(value: object, where: str, read: Callable[[object], T]) -> T:
    try:
        return read(value)
    except (TypeError, ValueError) as error:
        message = f"it is damaged at {where}"
        raise BaselineError(message) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _bytes(value: object) -> bytes:
    found = bytes.fromhex(_text(value))
    if len(found) > LONGEST:
        raise ValueError(value)
    return found


def _version(value: object) -> tuple[Need, bytes]:
    kind, path, name, found = map(_text, _list(value, 4))
    if kind not in KINDS or "\0" in path:
        raise ValueError(kind)
    return Need(kind, path, name), _bytes(found)


def _set(value: object, limit: int) -> tuple[int, ...]:
    return tuple(_place(item, limit) for item in _list(value))


def _test(value: object, limit: int) -> tuple[str, Row]:
    nodeid, outcome, is_exact, shared, own, duration_s = _list(value, 6)
    if outcome not in OUTCOMES or not isinstance(is_exact, bool) or not isinstance(duration_s, (int, float)):
        raise ValueError(nodeid)
    return _text(nodeid), Row(outcome, is_exact, (_place(shared, limit), _place(own, limit)), float(duration_s))


def _list(value: object, length: int | None = None) -> list[object]:
    if not isinstance(value, list) or length not in (None, len(value)):
        raise TypeError(value)
    return value


def _place(value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise ValueError(value)
    return value
