"""A route knows its messages by name."""

from __future__ import annotations

import pytest

from pytest_zygote.core.protocol.framing import SILENT, Route
from pytest_zygote.core.record import Record


class Ping(Record):
    """A sign of life."""


class Pong(Record):
    """The answer."""


def test_a_union_gives_its_members() -> None:
    """By their names on the wire."""
    route: Route[Ping | Pong] = Route("client", "server", Ping | Pong)

    assert route.kinds == {"Ping": Ping, "Pong": Pong}
    assert route.kind("Pong") is Pong


def test_a_class_stands_for_itself() -> None:
    """A route of one message has no union."""
    route: Route[Ping] = Route("client", "server", Ping)

    assert route.kinds == {"Ping": Ping}


def test_a_name_that_is_not_on_the_route_is_an_error() -> None:
    """The text says who does not send what to whom."""
    route: Route[Ping] = Route("client", "server", Ping)

    with pytest.raises(ValueError, match="no client sends 'Pong' to a server"):
        route.kind("Pong")


def test_nothing_is_received_on_a_silent_route() -> None:
    """For processes that only send."""
    with pytest.raises(ValueError, match="no peer sends 'Ping'"):
        SILENT.kind("Ping")
