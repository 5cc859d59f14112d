"""Whether the daemon may execute a project's code before somebody asks for a run.

Looking at a branch is not running it: what git has put into the working tree waits for a run, as does what another
user has written. What was saved while HEAD stood still is the user's own.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

ALL, SAVES, NEVER = "all", "saves", "never"

OWN_MOVES = frozenset({"commit", "commit (amend)", "commit (initial)"})
"""Moves of HEAD that leave the working tree as it is."""


class Permission(Enum):
    """What the daemon may do about files that have changed."""

    GRANTED = "granted"
    LATER = "git is at work: look again"
    DENIED = "wait for a run"


def has_moved(before: bytes, now: bytes, moves: Collection[str]) -> bool:
    """Return whether git has put another state into the working tree.

    Args:
        before: content of the file HEAD when a run was asked for.
        now: its content now.
        moves: how HEAD moved since, by git's own log.
    """
    return bool(set(moves) - OWN_MOVES) or (before != now and not moves)


def is_silent(mode: str, *, is_foreign: bool) -> bool:
    """Return whether nothing at all is executed because files have changed.

    Args:
        mode: of ``zygote_background``.
        is_foreign: another user owns the project: what they save must not run as this one.
    """
    return mode == NEVER or (mode == SAVES and is_foreign)


def why_denied(mode: str, *, is_foreign: bool) -> str:
    """Return the sentence for the log."""
    if mode == NEVER:
        return "zygote_background is never"
    if is_foreign:
        return "the project belongs to another user"
    return "git has moved HEAD"
