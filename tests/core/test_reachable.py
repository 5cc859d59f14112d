"""What things lead to."""

from __future__ import annotations

from pytest_zygote.core.reachable import reachable

EDGES = {"a": "bc", "b": "d", "c": "d", "d": "a", "e": "a"}


def test_each_is_given_once_also_if_it_leads_back() -> None:
    """The starts too; nothing that only leads to them."""
    assert sorted(reachable("a", EDGES.__getitem__)) == ["a", "b", "c", "d"]
    assert [*reachable("", EDGES.__getitem__)] == []


def test_what_was_seen_is_left_out_with_all_behind_it() -> None:
    """And what is given has been seen the next time."""
    seen = {"c", "d"}

    assert sorted(reachable("a", EDGES.__getitem__, seen)) == ["a", "b"]
    assert [*reachable("e", EDGES.__getitem__, seen)] == ["e"]


def test_nothing_is_asked_before_it_is_needed() -> None:
    """Who looks for the first of a kind asks no more than until then."""
    asked: list[str] = []

    def following(one: str) -> str:
        asked.append(one)
        return EDGES[one]

    assert next(found for found in reachable("a", following) if found in "bc") == "c"
    assert asked == ["a"]
