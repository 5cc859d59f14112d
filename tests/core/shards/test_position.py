"""Which shard this is."""

from __future__ import annotations

import pytest

from pytest_zygote.core.protocol.errors import UsageError
from pytest_zygote.core.shards.position import Position, position_of


def test_from_the_command_line() -> None:
    """Counted from one."""
    assert position_of("2/4", {}) == Position(2, 4)
    assert str(Position(2, 4)) == "2/4"


@pytest.mark.parametrize(
    "environ",
    [
        {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "4"},
        {"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "4"},
        {"BUILDKITE_PARALLEL_JOB": "1", "BUILDKITE_PARALLEL_JOB_COUNT": "4"},
        {"TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "4"},
    ],
)
def test_from_a_ci_service(environ: dict[str, str]) -> None:
    """GitLab counts from one, the others from zero."""
    assert position_of("auto", environ) == Position(2, 4)


def test_what_is_complete_counts() -> None:
    """GitLab says that there is one job, and no number, for a job without `parallel`."""
    circle = {"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "4"}
    assert position_of("auto", {"CI_NODE_TOTAL": "1", **circle}) == Position(2, 4)
    assert position_of("auto", {"CI_NODE_TOTAL": "1"}) == Position(1, 1)


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("2", {}, "--shard is '2': use K/N, as in 1/4, or auto"),
        ("0/4", {}, "--shard is '0/4': the shards are 1 to 4"),
        ("5/4", {}, "--shard is '5/4': the shards are 1 to 4"),
        ("1/0", {}, "--shard is '1/0': use whole numbers, of shards between 1 and 10000"),
        ("a/b", {}, "--shard is 'a/b': use whole numbers"),
        ("1/²", {}, "use whole numbers"),
        ("-1/4", {}, "use whole numbers"),
        ("1/99999999999999", {}, "use whole numbers"),
        ("auto", {}, "the environment has none of the pairs CI_NODE_INDEX and CI_NODE_TOTAL, "),
        ("", {}, "--shard is '': use K/N"),
        ("auto", {"CI_NODE_INDEX": "1"}, "CI_NODE_INDEX is '1' and CI_NODE_TOTAL is ''"),
        ("auto", {"CIRCLE_NODE_INDEX": "4", "CIRCLE_NODE_TOTAL": "4"}, "the shards are 0 to 3"),
    ],
)
def test_what_is_not_understood(text: str, environ: dict[str, str], expected: str) -> None:
    """The text says what was seen, and what may stand there."""
    with pytest.raises(UsageError) as raised:
        position_of(text, environ)
    assert expected in str(raised.value)
