"""Where workers are forked: from the process that has collected the tests, or from one that has not configured yet.

A fork of the collected process costs least, and is exact unless collection has left something in the process that a
fork has not, or shares. Then workers are forked from a process as it was before any conftest file was imported, and
each configures and collects by itself, as those of pytest-xdist do.
"""

from __future__ import annotations

import enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTION = "--fork-workers"


class ForkPoint(enum.Enum):
    """Which process workers are forked from."""

    COLLECTED = "collected"
    CONFIGURED = "configured"
    NONE = "none"


AUTO = "auto"
CHOICES = (ForkPoint.COLLECTED.value, ForkPoint.CONFIGURED.value, AUTO)


def fork_point(wanted: str, *, is_exact: bool, has_zygote: bool) -> ForkPoint:
    """Return which process workers are forked from; `NONE` if the tests are to run in this one.

    Args:
        wanted: the value of the option.
        is_exact: whether a fork of the process that has collected the tests is.
        has_zygote: whether there is a process that has not configured yet.
    """
    if wanted == ForkPoint.COLLECTED.value or (is_exact and wanted == AUTO):
        return ForkPoint.COLLECTED
    return ForkPoint.CONFIGURED if has_zygote else ForkPoint.NONE


def difference(collections: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Return a worker that has collected other tests than the first one, and what pytest-xdist says of it.

    Args:
        collections: name of a worker → the ids of the tests that it has collected. Both texts are '' if all are equal.
    """
    (first, expected), *others = collections.items()
    for name, ids in others:
        if list(ids) != list(expected):
            from difflib import unified_diff

            lines = unified_diff(list(expected), list(ids), fromfile=first, tofile=name, lineterm="")
            text = f"Different tests were collected between {first} and {name}. The difference is:\n" + "\n".join(lines)
            return name, f"{text}\nTo see why this happens see 'Known limitations' in documentation for pytest-xdist"
    return "", ""
