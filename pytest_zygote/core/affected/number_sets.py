"""Stores sets of numbers in few bytes: the differences between neighbours, compressed."""

from __future__ import annotations

import zlib
from array import array
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def pack(numbers: Iterable[int]) -> bytes:
    """Return a set of numbers as bytes."""
    differences = (after - before for before, after in pairwise((0, *sorted(numbers))))
    return zlib.compress(array("I", differences).tobytes(), 1)


def unpack(packed: bytes) -> Iterator[int]:
    """Give the numbers of a set, in order."""
    differences = array("I")
    differences.frombytes(zlib.decompress(packed))
    return accumulate(differences)
