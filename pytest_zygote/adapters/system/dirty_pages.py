"""Has pages of memory ready that a process will write to (Linux).

A fork shares its memory with its parent, page by page, until one of them writes: then the kernel stops it, and
copies. A run of one test writes to some thousand pages, nearly the same ones in each run (`procfs.own_pages`).
"""

from __future__ import annotations

import ctypes
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = resource.getpagesize()

_POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE, since Linux 5.14: madvise(2)."""


def populate(ranges: Iterable[tuple[int, int]]) -> None:
    """Have copies of these pages now instead of at the first write; what is not mapped any more is left out."""
    library = ctypes.CDLL(None)
    for address, length in ranges:
        library.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), _POPULATE_WRITE)
