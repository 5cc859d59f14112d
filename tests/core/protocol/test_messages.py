"""Every message has a name on the wire, and every field a type that the wire carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from pytest_zygote.core.protocol import messages
from pytest_zygote.core.protocol.framing import FrameReader, pack
from pytest_zygote.core.protocol.messages import REGISTRY
from tests.support import strategies

if TYPE_CHECKING:
    from pytest_zygote.core.record import Record

KINDS = [kind for kind in vars(messages).values() if isinstance(kind, type) and kind.__module__ == messages.__name__]


def test_the_registry_has_every_message() -> None:
    """A message that is defined and not registered could be sent, and not received."""
    assert {kind.__name__: kind for kind in KINDS} == REGISTRY


def test_the_module_says_who_sends_what() -> None:
    """The table in the docstring has every message, and nothing else."""
    table = str(messages.__doc__).partition("``REGISTRY``")[0]
    named = set(re.findall(r"\b[A-Z][A-Za-z]+\b", table)) - {"Everything"}

    assert named == set(REGISTRY)


@pytest.mark.parametrize("kind", REGISTRY.values())
def test_fields_are_of_types_that_tests_know(kind: type[Record]) -> None:
    """A field of a new type needs a strategy, so that it is tried on the wire."""
    assert {kind.__annotations__[name] for name in kind.field_names} <= set(strategies.SHAPES)


@given(strategies.messages)
def test_every_message_round_trips(message: Record) -> None:
    """What is read is what was sent, of the same type, in each field."""
    (received,) = FrameReader().receive(pack(message))

    assert received == message
    assert [type(value) for value in received.values()] == [type(value) for value in message.values()]
