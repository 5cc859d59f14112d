"""Every message has a name on the wire, a route, and fields of types that the wire carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core import protocol
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.framing import FrameReader, pack
from pytest_zygote.core.record import Record
from tests.support import strategies
from tests.support.strategies import MODULES, REGISTRY, ROUTES

if TYPE_CHECKING:
    from pytest_zygote.core.protocol.framing import Route

DEFINED = {
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Record) and kind.__module__ == module.__name__
}


def described(line: str) -> tuple[str, str, frozenset[str]]:
    """Return sender, receiver and messages of a line in the docstring's table."""
    parties, _, names = line.partition(":")
    sender, _, receiver = parties.partition(" → ")
    return sender, receiver, frozenset(re.findall(r"\w+", names))


def test_every_message_has_a_route() -> None:
    """A message that is defined and is on no route could be sent, and not received."""
    assert set(REGISTRY.values()) == DEFINED


def test_the_package_says_who_sends_what() -> None:
    """The table in the docstring has every route with its messages, and nothing else."""
    table = str(protocol.__doc__).split("\n\n")[1].replace("\n    ", " ")

    assert {described(line) for line in table.splitlines()} == {
        (route.sender, route.receiver, frozenset(route.kinds)) for route in ROUTES
    }


@pytest.mark.parametrize("kind", REGISTRY.values())
def test_fields_are_of_types_that_tests_know(kind: type[Record]) -> None:
    """A field of a new type needs a strategy, so that it is tried on the wire."""
    assert {kind.__annotations__[name] for name in kind.field_names} <= set(strategies.SHAPES)


@given(st.sampled_from(ROUTES), st.data())
def test_every_message_round_trips_on_its_routes(route: Route[Record], data: st.DataObject) -> None:
    """What is read is what was sent, of the same type, in each field."""
    message = data.draw(st.sampled_from(sorted(route.kinds)).map(route.kind).flatmap(strategies.messages_of))

    (received,) = FrameReader(route).receive(pack(message))

    assert received == message
    assert [type(value) for value in received.values()] == [type(value) for value in message.values()]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.sender} → {route.receiver}")
def test_a_message_out_of_place_is_refused_by_name(route: Route[Record]) -> None:
    """Each receiver refuses all messages that its peer does not send: none reaches it to be ignored."""
    for name in sorted(REGISTRY.keys() - route.kinds.keys()):
        message = strategies.example_of(REGISTRY[name])
        with pytest.raises(RemoteProtocolError, match=f"no {route.sender} sends '{name}' to a {route.receiver}"):
            FrameReader(route).receive(pack(message))
