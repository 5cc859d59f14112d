"""Where a project's git repository stands, read from its files: git itself would take milliseconds, and locks."""

from __future__ import annotations

import contextlib
import os
import time
from typing import NamedTuple

SETTLING_S = 0.3
"""After writing its index, git still has to move HEAD; so long it counts as at work."""

LOCKS = ("index.lock", "HEAD.lock")
"""What is there while git changes the files of a working tree."""

STALE_S = 60.0
"""A lock that is older was left by a git that died."""


class GitState(NamedTuple):
    """Where HEAD stands.

    Attributes:
        head: content of the file ``HEAD``; empty if there is no repository.
        moves: how HEAD has moved since an earlier state, in the words of git's log: 'commit', 'checkout' …
        log_size: bytes of that log.
    """

    head: bytes = b""
    moves: tuple[str, ...] = ()
    log_size: int = 0


def find(root: str) -> str:
    """Return the git directory of a project, also that of a worktree; '' if there is none."""
    folder = os.path.realpath(root)
    while True:
        path = os.path.join(folder, ".git")
        if os.path.isdir(path):
            return path
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as file:
            _, _, target = file.read().strip().partition("gitdir: ")
            return os.path.join(folder, target)
        if folder == os.path.dirname(folder):
            return ""
        folder = os.path.dirname(folder)


def read(directory: str, since: GitState | None = None) -> GitState:
    """Return where HEAD stands, and how it moved since an earlier state."""
    if not directory:
        return GitState()
    head, log = _content(os.path.join(directory, "HEAD")), os.path.join(directory, "logs", "HEAD")
    try:
        size = os.stat(log).st_size
    except OSError:
        return GitState(head)
    if since is None or size == since.log_size:
        return GitState(head, (), size)
    added = _content(log, since.log_size) if size > since.log_size else b""
    moves = tuple(line.partition(b"\t")[2].partition(b":")[0].decode(errors="replace") for line in added.splitlines())
    return GitState(head, moves or ("rewritten",), size)


def is_at_work(directory: str) -> bool:
    """Return whether git changes the working tree now, or may have finished this moment."""
    if not directory:
        return False
    ages = [(_age_s(os.path.join(directory, name)), STALE_S) for name in LOCKS]
    return any(age_s < limit_s for age_s, limit_s in (*ages, (_age_s(os.path.join(directory, "index")), SETTLING_S)))


def _age_s(path: str) -> float:
    """Return how long ago a file was written; for ever if there is none."""
    try:
        return abs(time.time() - os.stat(path).st_mtime)
    except OSError:
        return float("inf")


def _content(path: str, offset: int = 0) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read()
    except OSError:
        return b""
