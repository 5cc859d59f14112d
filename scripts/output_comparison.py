"""Compares what two runs of a suite wrote to the terminal, and sets aside what a suite does differently by itself.

Noise is what differs between two *plain* runs of a suite. Who sets it aside shows it instead of hiding it.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import takewhile, zip_longest
from typing import TYPE_CHECKING

from pytest_zygote.core.cli.comparison import ABSENT, Difference, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable

_DURATION = re.compile(r"^(?:=+ )?(.+ in )\d+\.\d\ds(?: \(.*\))?(?: =+)?$")
"""The last line: `3 passed in 0.12s`. It is filled up to the width with `=`, so
that a longer duration leaves fewer of them."""


def compare_output(plain: str, warm: str) -> tuple[Difference, ...]:
    """Name the lines in which the outputs of two runs disagree.

    The subject is the line's number in the plain output, so that comparing one
    plain output with two others gives the same subject for the same line.
    """
    before = [_normalise_output(line) for line in plain.splitlines()]
    after = [_normalise_output(line) for line in warm.splitlines()]
    # Most outputs are equal up to a few lines, and matching takes quadratic time.
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    before, after = before[same:], after[same:]
    return tuple(
        Difference("output", f"line {same + start + offset + 1}", *pair)
        for tag, start, end, other, other_end in SequenceMatcher(None, before, after).get_opcodes()
        if tag != "equal"
        for offset, pair in enumerate(zip_longest(before[start:end], after[other:other_end], fillvalue=ABSENT))
    )


def unexplained(differences: Iterable[Difference], noise: Iterable[Difference]) -> tuple[Difference, ...]:
    """Leave out the differences that two plain runs have at the same place."""
    known = {(difference.kind, difference.subject) for difference in noise}
    return tuple(difference for difference in differences if (difference.kind, difference.subject) not in known)


def _normalise_output(line: str) -> str:
    return _DURATION.sub(r"\g<1>…s", normalise(line))
