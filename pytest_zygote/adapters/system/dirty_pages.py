"""Pages of memory that a process has written to since it was forked, and how to have them ready (Linux).

A fork shares its memory with its parent, page by page, until one of them writes: then the kernel stops it, and
copies. A run of one test writes to some thousand pages, nearly the same ones in each run.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = resource.getpagesize()

_ENTRY = 8
_OWN = re.compile(rb"\x81+")
"""The uppermost bytes of pages that are present (bit 63) and mapped by nobody else (bit 56): proc_pid_pagemap(5)."""

_POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE, since Linux 5.14: madvise(2)."""


def written() -> Iterator[tuple[int, int]]:
    """Give address and length, in bytes, of what this process shares with no other.

    Raises:
        OSError: the system does not tell.
    """
    with open("/proc/self/maps", "rb") as maps, open("/proc/self/pagemap", "rb", buffering=0) as entries:
        for line in maps:
            span, mode = line.split(maxsplit=2)[:2]
            if mode != b"rw-p":
                continue
            begin, end = (int(address, 16) for address in span.split(b"-"))
            found = os.pread(entries.fileno(), (end - begin) // PAGE * _ENTRY, begin // PAGE * _ENTRY)
            for run in _OWN.finditer(found[_ENTRY - 1 :: _ENTRY]):
                yield begin + run.start() * PAGE, len(run.group()) * PAGE


def populate(ranges: Iterable[tuple[int, int]]) -> None:
    """Have copies of these pages now instead of at the first write; what is not mapped any more is left out."""
    library = ctypes.CDLL(None)
    for address, length in ranges:
        library.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), _POPULATE_WRITE)
