"""When stacks of layers are left as they are, given up, or built anew from what runs have taught."""

from __future__ import annotations

import warnings

ONLY_AST = 0x400
"""`ast.PyCF_ONLY_AST`; importing `ast` would delay the start of a daemon."""

MAX_ATTEMPTS = 6
"""Layers that are built in the background for one purpose, before it is given up."""


MAX_PARSED = 128 * 1024
"""Bytes of a text that the daemon parses itself: of 9 MB the tree has 1 GB, and takes seconds without an answer."""


def is_half_written(text: bytes) -> bool:
    """Return whether a text is empty or no Python: there is more to come, if nobody wants to run it.

    One of more than `MAX_PARSED` bytes counts as complete; the process that follows the edit finds out.
    """
    if not text or len(text) > MAX_PARSED:
        return not text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<text>", "exec", ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False


def is_hopeless(attempts: int) -> bool:
    """Return whether a stack that is built in the background changes faster than it is built."""
    return attempts > MAX_ATTEMPTS


def forks_tried(tried: int, forks: int, max_forks: int) -> tuple[int, bool]:
    """Return after how many edits in a row all was last to be imported again, and whether to do so now.

    Args:
        tried: what this function has returned last.
        forks: edits that the project layer follows since it was imported.
        max_forks: after so many the next attempt is due.
    """
    since = min(tried, forks)  # less than at the last attempt: it was imported anew since
    return (forks, True) if forks - since >= max_forks else (since, False)


def teaches_options(facts: dict[str, str], exception: dict[str, str], *, was_fit: bool) -> bool:
    """Return whether the options of a run become those of the next layers.

    A run whose options do not fit the project layer teaches them only if the run before had the same: else two kinds
    of runs in turn would replace each other's layers.

    Args:
        facts: options of the run.
        exception: options of the run before, if those did not fit; {} if they did.
        was_fit: whether the run started where runs usually do.
    """
    return was_fit or facts == exception
