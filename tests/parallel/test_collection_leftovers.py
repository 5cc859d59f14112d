"""What collection leaves open that workers would share."""

from __future__ import annotations

import socket

import pytest

from pytest_zygote.parallel.collection_leftovers import EVENT_LOOP, Leftovers, describe


@pytest.mark.parametrize(
    ("links", "children", "expected"),
    [
        ([], 0, ""),
        (["socket:[12]", EVENT_LOOP, "socket:[13]"], 0, "a socket, an event loop"),
        ([], 2, "a process"),
    ],
)
def test_what_was_left_is_described(links: list[str], children: int, expected: str) -> None:
    """Each kind once."""
    assert describe(links, children) == expected


def test_only_what_is_new_and_still_open_counts() -> None:
    """A connection that was closed again does no harm."""
    with socket.socket():
        leftovers = Leftovers()
        assert leftovers.found() == ""
        with socket.socket():
            assert leftovers.found() == "a socket"
        assert leftovers.found() == ""
