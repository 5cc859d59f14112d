"""What becomes of clients that wait, and of runs that end."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.serving import (
    MAX_BUILDS,
    MAX_LOST_FORKS,
    MAX_PATCHES,
    AwaitedLayer,
    describe_builds,
    is_hopeless,
    may_be_retried,
    next_depth,
    next_notice_s,
)
from pytest_zygote.core.reasons import Reason


def test_client_waits_for_some_builds_and_for_more_patches() -> None:
    """Building takes long, and patching does not."""
    build, patched = AwaitedLayer("project", is_patched=False), AwaitedLayer("project", is_patched=True)
    assert not is_hopeless([build] * MAX_BUILDS, "project")
    assert is_hopeless([build] * (MAX_BUILDS + 1), "project")
    assert not is_hopeless([patched] * MAX_PATCHES, "project")
    assert is_hopeless([patched] * (MAX_PATCHES + 1), "project")


def test_layers_of_other_kinds_are_not_counted() -> None:
    """A new base layer always brings a project layer."""
    awaited = [AwaitedLayer("base", is_patched=False)] * (MAX_BUILDS + 1)
    assert not is_hopeless(awaited, "project")


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
