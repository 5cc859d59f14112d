"""What becomes of clients that wait, and of runs that end."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.serving import (
    MAX_LOST_FORKS,
    MAX_PATCHES,
    SLACK_S,
    UNKNOWN_S,
    AwaitedLayer,
    describe_builds,
    impatience,
    may_be_retried,
    next_depth,
    next_notice_s,
    patience_s,
    why_built_again,
)
from pytest_zygote.core.reasons import Reason

BASE, PROJECT = AwaitedLayer("base", is_patched=False), AwaitedLayer("project", is_patched=False)
PATCHED = AwaitedLayer("project", is_patched=True)


@pytest.mark.parametrize(
    ("awaited", "text"),
    [
        ([BASE, PROJECT], ""),
        ([PATCHED, PROJECT], ""),
        ([PATCHED] * MAX_PATCHES, ""),
        ([PROJECT, PROJECT], "a.py changed while the run waited for a layer"),
        ([PATCHED, PROJECT, PATCHED, PROJECT], "a.py changed while the run waited for a layer"),
        ([BASE, PROJECT, BASE], ""),
        ([PATCHED] * (MAX_PATCHES + 1), "a.py changed, again and again"),
    ],
)
def test_client_waits_for_one_build_of_a_kind_and_for_more_patches(awaited: list[AwaitedLayer], text: str) -> None:
    """Building takes long, and patching does not; a new base layer always brings a project layer."""
    reason = why_built_again(awaited, "project", "a.py changed")
    assert (reason.text if reason else "") == text
    assert reason is None or reason.code == "inputs-unstable"


def test_client_is_told_how_the_build_failed_that_it_waited_for() -> None:
    """The second one may fail, too."""
    failure = Reason("zygote-died", "the zygote died while importing app")
    assert why_built_again([PROJECT.replaced(failure=failure)], "project", "a.py changed") is None
    assert why_built_again([PROJECT.replaced(failure=failure), PROJECT], "project", "a.py changed") == failure


@pytest.mark.parametrize(
    ("kind", "imports_ms", "is_learning", "seconds"),
    [
        ("base", None, False, UNKNOWN_S),
        ("base", None, True, SLACK_S),
        ("base", 5000, False, 0.8),
        ("base", 200, False, 0.2),
        ("project", 5000, False, 5.0),
    ],
)
def test_client_waits_no_longer_than_its_imports_take(
    kind: str,
    imports_ms: int | None,
    is_learning: bool,  # noqa: FBT001 - a parameter
    seconds: float,
) -> None:
    """And hardly at all for what takes a layer no less time than the run."""
    assert patience_s(kind, imports_ms, is_learning=is_learning) == pytest.approx(seconds)


def test_client_that_waits_no_more_is_told_so() -> None:
    """It imports everything itself."""
    assert impatience(2.01).code == "layers-not-ready"
    assert "after 2.0 s" in impatience(2.01).text


def test_notices_become_rarer_and_end() -> None:
    """Counted from the beginning of the wait."""
    assert next_notice_s(1, 1.0) == lifecycle.NOTICES_S[1] - 1.0
    assert next_notice_s(len(lifecycle.NOTICES_S), 200.0) is None


@pytest.mark.parametrize(
    ("kind", "depth", "wanted", "expected"),
    [
        ("project", "project", "base", "base"),
        ("project", "project", "cold", "cold"),
        ("project", "project", "", "base"),
        ("base", "base", "base", "cold"),
        ("base", "project", "", "cold"),
        ("session", "project", "", "project"),
        ("session", "base", "cold", "base"),
    ],
)
def test_run_that_found_its_layer_not_exact_starts_over(kind: str, depth: str, wanted: str, expected: str) -> None:
    """Always shallower, or without a session: so it ends."""
    assert next_depth(kind, depth, wanted) == expected


def test_run_that_was_not_forked_is_tried_again_a_few_times() -> None:
    """Where there is no process to be had, a second attempt would not find one."""
    assert may_be_retried(is_layer_gone=True, lost=1)
    assert not may_be_retried(is_layer_gone=True, lost=MAX_LOST_FORKS)
    assert not may_be_retried(is_layer_gone=False, lost=1)


def test_user_reads_what_was_imported_again() -> None:
    """Project modules alone are named so; a first layer stands in the place of none."""
    assert describe_builds([], 5, 1000, has_base=True) == ""
    assert (
        describe_builds([Reason("file-changed", "a.py changed")], 1, 380, has_base=False)
        == "re-imported 1 project module (0.38 s) [file-changed]: a.py changed"
    )
    reasons = [Reason("path-changed", "a"), Reason("file-changed", "b")]
    assert describe_builds(reasons, 2, 1000, has_base=True) == "re-imported 2 modules (1.00 s) [path-changed]: a"
