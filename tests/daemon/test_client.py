"""A client as the daemon sees it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.core.protocol import client_messages
from pytest_zygote.daemon.client import Client
from tests.daemon.fakes import FakeChannel, request

if TYPE_CHECKING:
    from pytest_zygote.daemon.client import ClientChannel


def connected() -> tuple[Client, FakeChannel]:
    """Return a client and the test's end of its connection."""
    channel = FakeChannel(client_messages.FROM_CLIENT)
    return Client(cast("ClientChannel", channel), now=1.0), channel


def test_client_that_does_not_read_is_sent_nothing_more() -> None:
    """What follows would be read as the other half of a frame."""
    client, channel = connected()
    channel.is_full = True
    client.send(client_messages.Notice("lost"))
    channel.is_full = False
    client.send(client_messages.Notice("too late"))
    assert client.is_unresponsive
    assert channel.sent == []


def test_descriptors_of_a_request_are_closed_with_the_client() -> None:
    """Four of them belong to the request, whatever else came."""
    client, channel = connected()
    channel.descriptors = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    first, *_, other = channel.descriptors
    client.adopt(request("/project"))
    client.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(first)
    os.close(other)
    assert channel.is_closed


def test_client_that_is_gone_is_sent_nothing() -> None:
    """Its connection is closed."""
    client, channel = connected()
    client.close()
    client.send(client_messages.Notice("nobody reads this"))
    assert channel.sent == []
