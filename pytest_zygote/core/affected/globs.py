"""Globs over paths: which paths they cover, and which folder holds these."""

from __future__ import annotations

import fnmatch
import re

WILDCARD = re.compile(r"[*?[]")
_LITERAL = re.compile(r"\[([*?[])\]")
"""A wildcard that stands for itself, as `glob.escape` writes it."""


def escaped(folder: str) -> str:
    """Return the glob that stands for a folder and nothing else."""
    return WILDCARD.sub(lambda found: f"[{found[0]}]", folder)


def base_of(glob: str) -> str:
    """Return the folder that holds all that a glob can match: what comes before its first wildcard."""
    parts = glob.split("/")
    fixed = next((at for at, part in enumerate(parts) if WILDCARD.search(_LITERAL.sub("", part))), len(parts))
    return "/".join(_LITERAL.sub(r"\1", part) for part in parts[:fixed]) or glob[: glob.startswith("/")]


def covers(glob: str, path: str) -> bool:
    """Return whether a path matches a glob, or is below a folder that does; ``**`` stands for any folders."""
    return _covers(glob.split("/"), path.split("/"))


def _covers(globs: list[str], parts: list[str]) -> bool:
    if not globs:
        return True
    if globs[0] == "**" and _covers(globs[1:], parts):
        return True
    rest = globs if globs[0] == "**" else globs[1:]
    return bool(parts) and (rest is globs or fnmatch.fnmatchcase(parts[0], globs[0])) and _covers(rest, parts[1:])
