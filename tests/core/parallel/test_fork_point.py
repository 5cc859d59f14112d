"""Which process workers are forked from, and whether they have collected the same."""

from __future__ import annotations

import pytest

from pytest_zygote.core.parallel.fork_point import ForkPoint, difference, fork_point


@pytest.mark.parametrize(
    ("wanted", "is_exact", "has_zygote", "expected"),
    [
        ("auto", True, True, ForkPoint.COLLECTED),
        ("auto", False, True, ForkPoint.CONFIGURED),
        ("auto", False, False, ForkPoint.NONE),
        ("collected", False, True, ForkPoint.COLLECTED),
        ("configured", True, True, ForkPoint.CONFIGURED),
        ("configured", True, False, ForkPoint.NONE),
    ],
)
def test_a_fork_of_the_collected_process_must_be_exact(
    wanted: str, expected: ForkPoint, *, is_exact: bool, has_zygote: bool
) -> None:
    """Or asked for."""
    assert fork_point(wanted, is_exact=is_exact, has_zygote=has_zygote) is expected


def test_the_first_worker_that_has_collected_something_else_is_named() -> None:
    """With what differs, in the words of pytest-xdist."""
    name, text = difference({"gw0": ["a", "b"], "gw1": ["a", "b"], "gw2": ["a", "c"]})
    assert name == "gw2"
    assert text.startswith("Different tests were collected between gw0 and gw2. The difference is:\n--- gw0\n+++ gw2")
    assert "-b\n+c" in text


def test_the_order_counts() -> None:
    """Workers are given tests by their place."""
    assert difference({"gw0": ["a", "b"], "gw1": ["b", "a"]})[0] == "gw1"
    assert difference({"gw0": ["a", "b"], "gw1": ("a", "b")}) == ("", "")
