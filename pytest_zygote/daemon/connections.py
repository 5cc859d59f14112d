"""The connections of clients: accepted, read, and ended. What a client asks for becomes an event."""

from __future__ import annotations

import itertools
import logging
import weakref
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.core.protocol import client_messages
from pytest_zygote.core.protocol.errors import ProtocolError, RemoteProtocolError
from pytest_zygote.daemon import events
from pytest_zygote.daemon.client import Client
from pytest_zygote.daemon.client_check import shortage

if TYPE_CHECKING:
    from pytest_zygote.adapters.system.sockets import Listener
    from pytest_zygote.daemon.client import ClientChannel
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.events import EventQueue

log = logging.getLogger("pytest_zygote")

SEND_TIMEOUT_S = 0.5
"""How long a client may take to make room for what we send it, before it counts as gone."""

HELD_BACK = 10
"""A connection may take so many of the descriptors that are reserved, so that its client is told why it is cold."""

REQUEST_S = 10.0
"""How long a connection may take to say what it wants."""


class Connections:
    """All connections of clients.

    Attributes:
        last_request: when a run was last asked for, by the loop's clock.
    """

    def __init__(self, loop: EventLoop, listener: Listener, queue: EventQueue) -> None:
        """Accept clients from now on."""
        self._loop = loop
        self._listener = listener
        self._queue = queue
        self.last_request = loop.now
        loop.watch(listener, self._accept)

    def _accept(self) -> None:
        channel: ClientChannel | None = self._listener.accept(
            client_messages.FROM_CLIENT, send_timeout_s=SEND_TIMEOUT_S
        )
        reason = shortage([channel.fileno()], -HELD_BACK) if channel is not None else None
        if channel is not None and reason is not None:
            self.dismiss(Client(channel, self._loop.now), client_messages.Cold(reason))
        elif channel is not None:
            client = Client(channel, self._loop.now)
            self._loop.watch(channel, lambda: self._receive(client))
            waiting = weakref.ref(client)  # a strong one would keep each client for this long
            self._loop.after(REQUEST_S, lambda: self._expect_request(waiting()))

    def _expect_request(self, client: Client | None) -> None:
        if client is not None and not client.is_gone and client.request is None and not client.has_asked:
            log.warning("a client asked for nothing")
            self.dismiss(client)

    def _receive(self, client: Client) -> None:
        try:
            received = client.channel.receive()
            for message in received or ():
                self._handle(client, message)
        except ProtocolError as error:
            log.warning("a client broke the protocol: %s", error)
            received = None
        if received is None and not client.is_gone:
            self.drop(client)

    def _handle(self, client: Client, message: client_messages.FromClient) -> None:
        match message:
            case client_messages.RunRequest() if client.request is None and is_sound(message):
                self.last_request = self._loop.now
                client.adopt(message)
                self._queue.append(events.RunRequested(client, message))
            case client_messages.Relay(number) if client.request is not None:
                self._queue.append(events.SignalRelayed(client, number))
            case client_messages.StatusRequest(form):
                self._enqueue_question(events.StatusRequested(client, form))
            case client_messages.StopRequest():
                self._enqueue_question(events.StopRequested(client))
            case client_messages.ReloadRequest():
                self._enqueue_question(events.ReloadRequested(client))
            case client_messages.RunRequest() | client_messages.Relay():
                text = f"{type(message).__name__} out of place"
                raise RemoteProtocolError(text)
            case _:
                assert_never(message)

    def _enqueue_question(
        self, question: events.StatusRequested | events.StopRequested | events.ReloadRequested
    ) -> None:
        question.client.has_asked = True
        self._queue.append(question)

    def answer(self, client: Client, text: str) -> None:
        """Answer a question about the daemon; a client that does not read the answer is dropped."""
        client.send(client_messages.Answer(text))
        if client.is_unresponsive and not client.is_gone:
            log.warning("a client broke the protocol: it asks, and does not read the answer")
            self.drop(client)

    def dismiss(self, client: Client, last: client_messages.ToClient | None = None) -> None:
        """Send a client its last message, if there is one, and end the connection."""
        if client.is_gone:
            return
        if last is not None:
            client.send(last)
        self._loop.forget(client.channel)
        client.close()

    def drop(self, client: Client) -> None:
        """End the connection of a client that was not served."""
        self.dismiss(client)
        self._queue.append(events.ClientLost(client))


def is_sound(request: client_messages.RunRequest) -> bool:
    """Return whether the items of all fields are what `RunRequest` says; the frame's shape was checked."""
    texts = (*request.interpreter, *request.args, *request.main, *request.path, *request.environ)
    values = (*request.environ.values(), *itertools.chain(*request.options))
    numbers = (*request.ignored, *request.closed)
    return (
        all(type(text) is str for text in (*texts, *values))
        and all(type(number) is int for number in numbers)
        and len(request.main) == len(("name", "file"))
    )
