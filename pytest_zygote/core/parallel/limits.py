"""Limits that a user sets to a run: how long it may take, how large workers may grow, how often a killed test runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DEADLINE_CODE = 124
"""The exit code of a run whose time was over, as the command ``timeout`` has it: pytest has none of this number."""
_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
FILES_OF_WORKER = 7
"""Descriptors that the run process has open for each worker: see `WorkerHandle`."""
FILES_OF_OTHERS = 64
"""Descriptors that are left to plugins and tests."""
_SHOWN = 20
"""Tests that are named at the end of a run; -v names all."""


class Quantity(NamedTuple):
    """A value of an option.

    Attributes:
        text: as the user wrote it.
        amount: in seconds or bytes.
    """

    text: str
    amount: float


class PoolLimits(NamedTuple):
    """What a `WorkerPool` must respect.

    Attributes:
        retries: how often a test runs again whose worker was killed.
        stop_at: when no test may begin any more; None for never.
    """

    retries: int = 0
    stop_at: float | None = None


def parse_time(text: str) -> Quantity:
    """Return a time.

    Raises:
        ValueError: it is none, or no time at all.
    """
    found = _TIME.fullmatch(text)
    hours, minutes, seconds = (float(number or 0) for number in found.groups()) if found else (0.0, 0.0, 0.0)
    amount = hours * 3600 + minutes * 60 + seconds
    if not amount:
        raise ValueError(f"{text!r} is no time: write hours, minutes or seconds, as in 1h30m, 10m or 90s")
    return Quantity(text, amount)


def parse_size(text: str) -> Quantity:
    """Return a size of memory.

    Raises:
        ValueError: it is none, or nothing at all.
    """
    found = _SIZE.fullmatch(text)
    amount = float(found[1]) * _UNITS[found[2].upper()] if found else 0.0
    if not amount:
        raise ValueError(f"{text!r} is no size: write a number of bytes with K, M, G or T, as in 500M or 2G")
    return Quantity(text, amount)


def parse_count(text: str) -> int:
    """Return how often something may be tried.

    Raises:
        ValueError: it is no number.
    """
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no number of times: write 0, 1, 2 …")
    return int(text)


def show_size(size: float) -> str:
    """Return a size as `parse_size` reads it, with the largest unit of which there is one."""
    unit = max((unit for unit, amount in _UNITS.items() if amount <= size), key=_UNITS.__getitem__, default="")
    return f"{size / _UNITS[unit]:.3g}{unit}"


def affordable_workers(wanted: int, free_files: int) -> int:
    """Return how many workers there can be, with so many files that this process may open."""
    return max(1, min(wanted, (free_files - FILES_OF_OTHERS) // FILES_OF_WORKER))


def missing_lines(ids: Iterable[str], begun: Collection[str], ended: Collection[str], *, shows_all: bool) -> list[str]:
    """Return a line for each test that has not run to its end, and one that counts those that are not named."""
    missing = [
        f"interrupted: {nodeid}" if nodeid in begun else f"not run: {nodeid}" for nodeid in ids if nodeid not in ended
    ]
    missing.sort(key=lambda line: line.startswith("not run"))
    if shows_all or len(missing) <= _SHOWN:
        return missing
    return [*missing[:_SHOWN], f"and {len(missing) - _SHOWN} more (-v names them)"]
