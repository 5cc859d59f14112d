"""The command line of the run on a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.cli.options import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OF_HERE = (
    *("--hosts", "--hosts-env", "--hosts-setup", "--hosts-shared-path", "--hosts-serve"),
    *("--shard", "--shard-by", "--shard-durations", "--shard-result"),
    *("--zygote-output", "--zygote-trace"),
)
"""Our options that are about this machine, and which tests it chooses."""
CHOOSING = ("--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first", "--sw", "--stepwise")
"""Switches that look at what ran on this machine: which tests a host runs, it is told."""
WITH_VALUE = (
    "-n",
    "--numprocesses",
    "--maxprocesses",
    "--junitxml",
    "--junit-xml",
    "--basetemp",
    "--durations-path",
    "--tx",
)
"""Options with a value that are about this machine."""


def hosted_args(args: Iterable[str], root: str, workers: int) -> list[str]:
    """Return the arguments for a host, where the folder is the same one of the tree.

    Args:
        args: of the run here.
        root: prefix of paths that are in the folder where pytest was started, with a slash at its end.
        workers: that the host is to have.
    """
    words = [
        word for one in parse(args) if one.option is None or not _is_of_here(one.option.flag) for word in one.words
    ]
    return [
        "-p",
        "pytest_zygote",
        *(word.removeprefix(root) or "." for word in _for_any_machine(words)),
        f"-n{workers}",
    ]


def _for_any_machine(words: Iterable[str]) -> Iterator[str]:
    """Give the words of pytest and of plugins that are not about this machine."""
    remaining = iter(words)
    for word in remaining:
        flag, equals, _ = word.partition("=")
        if flag in WITH_VALUE:
            if not equals:
                next(remaining, None)
        elif flag not in CHOOSING and not _is_worker_count(word):
            yield word


def _is_worker_count(word: str) -> bool:
    return word.startswith("-n") and word[2:].isalnum() and word != "-no"


def _is_of_here(flag: str) -> bool:
    return flag in OF_HERE or flag.startswith("--affected")
