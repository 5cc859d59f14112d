"""The command line that repeats what has failed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_zygote.core.cli.options import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_NAMED = 10
"""Failures that a command line names; more are left to pytest's cache (``--lf``)."""

LAST_FAILED = "--lf"

CHOOSING = frozenset(
    {
        *("--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first"),
        *("--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "--sw-reset", "--stepwise-reset"),
    }
)
"""Options that choose from the tests by what earlier runs have left: which tests are to run is known."""

OURS = ("-p", "pytest_zygote")
"""What `pz` puts in front of its command line."""


def command(program: str, args: Sequence[str], paths: Iterable[str], failed: Sequence[str]) -> str:
    """Return it, as a shell reads it; '' if nothing has failed.

    Args:
        program: as which pytest was started.
        args: the command line.
        paths: those of its words that name tests.
        failed: what failed, as it is named in the folder where the command was given.
    """
    if not failed:
        return ""
    words = without_last(args, paths)
    if tuple(words[:2]) == OURS:
        program, words = "pz", words[2:]
    options = [word for argument in parse(words) if not _chooses(argument.words) for word in argument.words]
    which = failed if len(failed) <= MOST_NAMED else [LAST_FAILED, *paths]
    return " ".join([program, shlex.join([*options, *which])])


def _chooses(words: Sequence[str]) -> bool:
    name = words[0].partition("=")[0]
    return name in CHOOSING or name.startswith(("--affected", "--shard"))


def without_last(words: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return a command line without the last of each of these words: ``-k tests tests`` has a value of that name."""
    left = list(words)
    for path in paths:
        if path in left:
            del left[len(left) - 1 - left[::-1].index(path)]
    return left
