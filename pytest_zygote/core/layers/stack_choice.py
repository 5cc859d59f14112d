"""What becomes of the layers of a stack when a run is asked for: decided here, carried out by `daemon.layer_stack`.

A layer that is stale is replaced. A project layer is patched instead where nothing but the text of a few modules has
changed; a base layer never is.
"""

from __future__ import annotations

import warnings

from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.core.reasons import Reason

ONLY_AST = 0x400
"""`ast.PyCF_ONLY_AST`; importing `ast` would delay the start of a daemon."""

MAX_ATTEMPTS = 6
"""Layers that are built in the background for one purpose, before it is given up."""


class Keep(Record):
    """Fork the run from the layer that is there, or wait until it is built."""


class Replace(Record):
    """Build a layer, for this reason; it is the `first` if none stands in its place."""

    reason: Reason
    is_first: bool


class Patch(Record):
    """Have a fork of the project layer follow the edits."""


class Wait(Record):
    """Leave the layer as it is: a file is being written, and there will be another event."""


def choose_base(stale: Reason | None, first_reason: Reason, *, is_first: bool) -> Keep | Replace:
    """Return whether the base layer is replaced.

    Args:
        stale: why it is not exact; None if it is.
        first_reason: why this stack exists.
        is_first: there is no base layer.
    """
    if is_first:
        return Replace(first_reason, is_first=True)
    return Replace(stale, is_first=False) if stale else Keep()


def choose_project(
    stale: Reason | None, base_reason: Reason, retry: Reason | None, *, is_first: bool, is_ready: bool
) -> Keep | Replace:
    """Return whether the project layer is replaced.

    Args:
        stale: why it is not exact; None if it is.
        base_reason: why the base layer was built: so was the first project layer on it.
        retry: why everything is imported again although the layer is exact; None if it is not.
        is_first: there is no project layer.
        is_ready: whether the layer has been built; a layer that is still being built is not replaced for a retry.
    """
    if is_first:
        return Replace(base_reason, is_first=True)
    reason = stale or (retry if is_ready else None)
    return Replace(reason, is_first=False) if reason else Keep()


MAX_PARSED = 128 * 1024
"""Bytes of a text that the daemon parses itself: of 9 MB the tree has 1 GB, and takes seconds without an answer."""


def choose_successor(texts: Sequence[bytes], *, is_ahead: bool) -> Patch | Wait:
    """Return what to do with a project layer in which nothing but these texts of modules has changed.

    Args:
        texts: of the modules, as they are now.
        is_ahead: nobody waits for the layer. A run that is asked for does get a half-written file, as from plain
            pytest.
    """
    return Wait() if is_ahead and any(map(is_half_written, texts)) else Patch()


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
