"""The pages that a process has written to, on the real kernel."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys

import pytest

from pytest_zygote.adapters.system import dirty_pages, processes, procfs

pytestmark = [pytest.mark.integration, pytest.mark.skipif(sys.platform != "linux", reason="macOS has no /proc")]


def _is_own(address: int) -> bool:
    return any(begin <= address < begin + length for begin, length in procfs.own_pages())


def test_written_are_those_that_a_fork_has_copied() -> None:
    """One page is written to, another is only read; to have them beforehand makes the same copy."""
    memory = mmap.mmap(-1, 8 * dirty_pages.PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = b"1" * len(memory)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))

    def child() -> int:
        before = [_is_own(address + number * dirty_pages.PAGE) for number in range(3)]
        memory[0] = memory[dirty_pages.PAGE]
        dirty_pages.populate([(address + 2 * dirty_pages.PAGE, dirty_pages.PAGE), (1, dirty_pages.PAGE)])
        after = [_is_own(address + number * dirty_pages.PAGE) for number in range(3)]
        return 0 if (before, after) == ([False] * 3, [True, False, True]) else 1

    assert os.waitstatus_to_exitcode(os.waitpid(processes.fork(child), 0)[1]) == 0
