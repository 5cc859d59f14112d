"""The command line of the run on a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.cli.options import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    found: list[str] = ["-p", "pytest_zygote"]
    words = [
        word for one in parse(args) if one.option is None or not _is_of_here(one.option.flag) for word in one.words
    ]
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        flag = word.partition("=")[0]
        if flag in CHOOSING:
            continue
        if flag in WITH_VALUE:
            at += "=" not in word
        elif not (word.startswith("-n") and word[2:].isalnum() and word != "-no"):
            found.append(word.removeprefix(root) or ".")
    return [*found, f"-n{workers}"]


def _is_of_here(flag: str) -> bool:
    return flag in OF_HERE or flag.startswith("--affected")
