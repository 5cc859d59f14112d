"""What the collection of a session may leave in its process that the runs forked from it must not have."""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import processes, procfs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class SessionLeaks:
    """Compares the process after collection with what it was before."""

    def __init__(self) -> None:
        """Note which files are open before pytest starts."""
        self._before = procfs.open_files()

    def found(self, known: Collection[int], captures: Sequence[int]) -> str:
        """Return what collection has left; '' for nothing.

        Args:
            known: descriptors that are ours, or that each run replaces.
            captures: those of the files in which pytest keeps what tests write.
        """
        return (
            _children_or_threads()
            or opened(self._before, procfs.open_files(), known)
            or ("something was written that no report shows" if _has_content(captures) else "")
            or _complaint_of_garbage()
        )


def opened(before: Mapping[int, str], after: Mapping[int, str], known: Collection[int]) -> str:
    """Return which file is open that runs would share; '' for none.

    Args:
        before: descriptor → name of the file, before collection.
        after: the same afterwards.
        known: descriptors that may be new.
    """
    for descriptor, name in after.items():
        if descriptor not in known and before.get(descriptor) != name and name != os.devnull:
            return f"collection leaves {name.partition(':')[0]} open"
    return ""


def _has_content(descriptors: Sequence[int]) -> bool:
    return any(os.fstat(descriptor).st_size for descriptor in descriptors)


def _children_or_threads() -> str:
    if threading.active_count() > 1 or procfs.count_threads() > 1:
        return "collection leaves a thread"
    return "collection leaves a process" if processes.has_children() else ""


def _complaint_of_garbage() -> str:
    """Collect garbage, and freeze what is left: a later search would copy every page; return what complained."""
    complaints: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: complaints.append(str(unraisable.exc_value))
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook
    gc.freeze()
    return f"collection leaves garbage that complains: {complaints[0]}" if complaints else ""
