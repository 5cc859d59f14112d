"""The words behind ``pz`` that are about shards: no run of pytest begins with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def obey(word: str, args: Sequence[str]) -> int:
    """Carry out ``pz merge`` or ``pz rerun``; return the exit code."""
    if word == "merge":
        from pytest_zygote.shards.merge import merge

        return merge(args)
    from pytest_zygote.shards.rerun import rerun

    return rerun(args)
