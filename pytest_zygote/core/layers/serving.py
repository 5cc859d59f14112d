"""What becomes of clients that wait and of runs that end: pure decisions, which the dispatcher carries out.

Every client ends in one of three ways: its run is forked and its status delivered, it runs plain pytest, or it
leaves. So each way to start again is counted, or leads to a shallower layer.
"""

from __future__ import annotations

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN_S = 2.0
"""How long a client waits for layers while nobody knows how long its imports take."""

SLACK, SLACK_S = 0.1, 0.3
"""A run that could import as fast as the layer that it waits for may be slower than plain pytest by this share of its
imports, and so many seconds."""

PATIENT_BUILDS = 3
"""Layers of a kind that are built for one client of our tests, whose runs are warm however slow the machine is."""

MAX_PATCHES = 20
"""Layers that are built or patched for one client, before it runs cold: a file that is written all the time."""

MAX_LOST_FORKS = 3
"""Zygotes that may die while forking for one client, before it runs cold."""


class AwaitedLayer(Record):
    """A layer that was made while a client waited.

    Attributes:
        kind: 'base' or 'project'.
        is_patched: whether it follows edits; else it was imported anew.
        failure: why it could not be built.
    """

    kind: str
    is_patched: bool
    failure: Reason | None = None


def why_built_again(
    awaited: Sequence[AwaitedLayer], kind: str, cause: str, *, is_patient: bool = False
) -> Reason | None:
    """Return why a client waits for no second layer of a kind; None if this is the first.

    A build that has failed, or whose inputs changed meanwhile, may do so again. Patches take milliseconds.

    Args:
        awaited: layers that were made while the client waited.
        kind: of the last of them.
        cause: why that is built.
        is_patient: whether the client waits for `PATIENT_BUILDS` before it gives up.
    """
    failures = (layer.failure for layer in awaited if layer.failure is not None)
    alike = [layer for layer in awaited if layer.kind == kind]
    if len([layer for layer in alike if not layer.is_patched]) > (PATIENT_BUILDS if is_patient else 1):
        return next(failures, Reason("inputs-unstable", f"{cause} while the run waited for a layer"))
    if len(alike) > MAX_PATCHES:
        return Reason("inputs-unstable", f"{cause}, again and again")
    return None


def patience_s(kind: str, imports_ms: int | None, *, is_learning: bool) -> float:
    """Return how long a client waits, from when it began, for a layer of this kind to be built.

    Whoever waits for a base layer, with all packages, gets nothing for it: to import them itself takes no longer.

    Args:
        kind: of the layer.
        imports_ms: what imports took when all layers were built last; None if unknown.
        is_learning: a run of this project can be forked at once, from a layer in which nothing is imported.
    """
    if imports_ms is None:
        return SLACK_S if is_learning else UNKNOWN_S
    cold_s = imports_ms / 1000
    return cold_s if kind == "project" else min(cold_s, SLACK * cold_s + SLACK_S)


def impatience(waited_s: float) -> Reason:
    """Return why a client that has waited for so long runs plain pytest."""
    text = f"layers are still being built after {waited_s:.1f} s, so this run imports everything itself"
    return Reason("layers-not-ready", text)


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
