"""What becomes of clients that wait and of runs that end: pure decisions, which the dispatcher carries out.

Every client ends in one of three ways: its run is forked and its status delivered, it runs plain pytest, or it
leaves. So each way to start again is counted, or leads to a shallower layer.
"""

from __future__ import annotations

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.core.reasons import Reason

MAX_BUILDS = 3
"""Layers of a kind that are built for one client, before it runs cold."""

MAX_PATCHES = 20
"""Layers that are built or patched for one client, before it runs cold: a file that is written all the time."""

MAX_LOST_FORKS = 3
"""Zygotes that may die while forking for one client, before it runs cold."""


class AwaitedLayer(Record):
    """A layer that was made while a client waited."""

    kind: str
    is_patched: bool


def is_hopeless(awaited: Sequence[AwaitedLayer], kind: str) -> bool:
    """Return whether so many layers of a kind were made for one client that its files change faster than that."""
    alike = [layer for layer in awaited if layer.kind == kind]
    return len([layer for layer in alike if not layer.is_patched]) > MAX_BUILDS or len(alike) > MAX_PATCHES


def next_notice_s(sent: int, waited_s: float) -> float | None:
    """Return in how many seconds a client is sent again what it waits for; None for never."""
    return lifecycle.NOTICES_S[sent] - waited_s if sent < len(lifecycle.NOTICES_S) else None


def is_lost(status: int, *, has_begun: bool) -> bool:
    """Return whether a run has run nothing, though its process has ended with an exit code.

    The exit code counts only if the process has reported that it calls pytest: otherwise 0 would be a success without a
    test. A process that a signal ended was interrupted, or crashed, and its client ends the same way.
    """
    return status >= 0 and not has_begun


def next_depth(layer_kind: str, depth: str, wanted: str) -> str:
    """Return where a run starts over whose layer was not exact: 'project', 'base' or 'cold'.

    Args:
        layer_kind: where the run was forked; a session's run may start again in the same depth, without a session.
        depth: where the client's runs may start.
        wanted: where the run would be exact.
    """
    if layer_kind == "session":
        return depth
    return lifecycle.depth_after("base" if layer_kind == "base" else "project", wanted)


def may_be_retried(*, is_layer_gone: bool, lost: int) -> bool:
    """Return whether to look for another layer for a run that was never forked; else it is cold.

    Args:
        is_layer_gone: the zygote died; else there was no process to be had, and the next attempt would fail, too.
        lost: how often this has happened to the client, with this time.
    """
    return is_layer_gone and lost < MAX_LOST_FORKS


def describe_builds(reasons: Sequence[Reason], modules: int, build_ms: int, *, has_base: bool) -> str:
    """Return what the user reads about layers that were built again for a run; '' if none replaced another.

    Args:
        reasons: why those were built that replaced another.
        modules: imported in all that were built.
        build_ms: by them all.
        has_base: whether third-party modules were among them.
    """
    if not reasons:
        return ""
    what = f"{'' if has_base else 'project '}module{'s' * (modules != 1)}"
    return f"re-imported {modules} {what} ({build_ms / 1000:.2f} s) [{reasons[0].code}]: {reasons[0].text}"
