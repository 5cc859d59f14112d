"""Connections: what clients send becomes events, and what breaks the protocol ends one client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.protocol import client_messages
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.daemon.connections import REQUEST_S, is_sound
from tests.daemon.fakes import request

if TYPE_CHECKING:
    from pytest_zygote.core.record import Record
    from tests.daemon.fakes import FakeDaemon


def test_connection_that_is_gone_again_is_no_client(daemon: FakeDaemon) -> None:
    """It closed before it was accepted."""
    daemon.loop.actions[daemon.listener]()
    assert [*daemon.loop.actions] == [daemon.listener]


def test_client_that_asks_for_nothing_is_dismissed(daemon: FakeDaemon) -> None:
    """A connection costs a descriptor."""
    silent, asking = daemon.connect(), daemon.ask()
    status = daemon.connect()
    daemon.receive(status, client_messages.StatusRequest("json"))
    daemon.advance(REQUEST_S + 1)
    assert (silent.is_closed, asking.is_closed, status.is_closed) == (True, False, False)


def test_frame_that_is_none_ends_the_connection(daemon: FakeDaemon, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else is disturbed."""
    client = daemon.connect()
    daemon.receive(client, RemoteProtocolError("no frame"))
    assert client.is_closed
    assert "a client broke the protocol: no frame" in caplog.text


@pytest.mark.parametrize("message", [client_messages.Relay(2), request("/").replaced(main=("one",))])
def test_message_out_of_place_ends_the_connection(daemon: FakeDaemon, message: Record) -> None:
    """A signal before the request, or a request that is not sound."""
    client = daemon.connect()
    daemon.receive(client, message)
    assert client.is_closed


def test_second_request_on_one_connection_is_out_of_place(daemon: FakeDaemon) -> None:
    """One connection is one run."""
    client = daemon.ask()
    daemon.receive(client, request(daemon.root))
    assert client.is_closed
    assert len(daemon.dispatcher.requests) == 0


def test_client_that_does_not_read_its_answer_is_dropped(daemon: FakeDaemon, caplog: pytest.LogCaptureFixture) -> None:
    """It would ask for ever."""
    client = daemon.connect()
    client.is_full = True
    daemon.receive(client, client_messages.StatusRequest("json"))
    assert client.is_closed
    assert "does not read the answer" in caplog.text


def test_request_is_remembered_as_the_last(daemon: FakeDaemon) -> None:
    """The daemon's idle time counts from there; a question about it does not count."""
    daemon.advance(5)
    daemon.receive(daemon.connect(), client_messages.StatusRequest("json"))
    assert daemon.connections.last_request == daemon.loop.now - 5
    daemon.ask()
    assert daemon.connections.last_request == daemon.loop.now


@pytest.mark.parametrize(
    "change",
    [
        {"args": (1,)},
        {"environ": {"KEY": 1}},
        {"environ": {1: "value"}},
        {"ignored": ("1",)},
        {"closed": (None,)},
        {"main": ()},
        {"path": (b"",)},
        {"options": (("--daemon-sessions", 3),)},
    ],
)
def test_request_with_an_item_of_another_type_is_not_sound(change: dict[str, object]) -> None:
    """The frame's reader checks the fields, not what is in them."""
    assert is_sound(request("/"))
    assert not is_sound(request("/", **change))
