"""Clients: their connections, and what each has asked for."""

from __future__ import annotations

import logging
import os
import time
import weakref
from typing import TYPE_CHECKING, Protocol

from pytest_zygote.core.protocol import messages
from pytest_zygote.core.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.adapters.system.sockets import Channel, Listener
    from pytest_zygote.core.sessions.eligibility import Key
    from pytest_zygote.daemon.event_loop import EventLoop
    from pytest_zygote.daemon.fresh_rerun import FreshRerun
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.runs import Run

log = logging.getLogger("pytest_zygote")

PATIENCE_S = 0.5
"""How long a client may take to make room for what we send it, before it counts as gone."""

REQUEST_S = 10.0
"""How long a connection may take to say what it wants."""

TERMINAL = 3
"""Descriptors that come with a request: stdin, stdout, stderr."""


class Client:
    """A connection from a client and the run that it asked for.

    Attributes:
        request: what it wants to run.
        terminal: its descriptors 0, 1 and 2.
        key: by which collected sessions are found, once that was asked for.
        renewed: test files that its run must collect again.
        depth: how deep its run may start: 'project', 'base', 'cold'.
        awaited: layers that were built while it waited.
        notices: how often it was told what it waits for.
        losses: zygotes that died when they should have forked its run.
        run: its run, once there is one.
        patches: what was done to the modules that its run has, since they were imported.
        recheck: what its run is compared with, if it is a second one.
        has_asked: it put a question about the daemon, and may wait for the answer.
        is_gone: its connection has ended.
        is_deaf: it does not read what we send.
    """

    def __init__(self, channel: Channel[messages.FromClient, messages.ToClient]) -> None:
        """Start with no request."""
        self.channel = channel
        self.request: messages.RunRequest | None = None
        self.terminal: list[int] = []
        self.depth = "project"
        self.key: Key | None = None
        self.renewed: tuple[str, ...] = ()
        self.patches: dict[str, str] = {}
        self.recheck: FreshRerun | None = None
        self.awaited: list[Layer] = []
        self.run: Run | None = None
        self.since = time.monotonic()
        self.notices = 0
        self.losses = 0
        self.has_asked = False
        self.is_gone = False
        self.is_deaf = False

    def say(self, message: messages.ToClient) -> None:
        """Send a message; a client that does not read in time gets no other: half a frame helps nobody."""
        if not self.is_deaf and not self.is_gone:
            try:
                self.channel.send(message)
            except OSError:
                self.is_deaf = True

    def take(self, request: messages.RunRequest) -> None:
        """Take the request and the descriptors that came with it."""
        self.request = request
        self.terminal = self.channel.adopt_descriptors(TERMINAL)

    def close(self) -> None:
        """End the connection and give back the descriptors."""
        self.is_gone = True
        self.channel.close()
        for descriptor in self.terminal:
            os.close(descriptor)
        self.terminal = []


class Desk(Protocol):
    """Serves what clients ask for."""

    def admit(self, client: Client) -> None:
        """Serve a client that has made its request."""

    def relay(self, client: Client, number: int) -> None:
        """Pass on a signal that the client received."""

    def answer(self, client: Client, question: messages.ControlRequest) -> None:
        """Answer a question about the daemon."""

    def lose(self, client: Client) -> None:
        """Take care of what a client leaves that is gone."""


class Connections:
    """All connections."""

    def __init__(self, loop: EventLoop, listener: Listener, desk: Desk) -> None:
        """Accept clients from now on."""
        self._loop = loop
        self._listener = listener
        self._dispatcher = desk
        self._clients: list[Client] = []
        self.last_seen = time.monotonic()
        loop.watch(listener, self._accept)

    def __iter__(self) -> Iterator[Client]:
        """Give all clients whose connection stands."""
        return iter(tuple(self._clients))

    def _accept(self) -> None:
        channel: Channel[messages.FromClient, messages.ToClient] | None
        channel = self._listener.accept(messages.FROM_CLIENT, send_timeout_s=PATIENCE_S)
        if channel is not None:
            client = Client(channel)
            self._clients.append(client)
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
        except Exception:  # whatever one client sends, the others' runs go on
            log.exception("a client's message could not be handled")
            received = None
        if received is None and not client.is_gone:
            self.dismiss(client)
            self._dispatcher.lose(client)

    def _handle(self, client: Client, message: messages.FromClient) -> None:
        match message:
            case messages.RunRequest() if client.request is None and is_sound(message):
                self.last_seen = time.monotonic()
                client.take(message)
                self._dispatcher.admit(client)
            case messages.Relay(number) if client.request is not None:
                self._dispatcher.relay(client, number)
            case messages.StatusRequest() | messages.StopRequest() | messages.ReloadRequest():
                client.has_asked = True
                self._dispatcher.answer(client, message)
                if client.is_deaf:
                    raise ProtocolError("it asks, and does not read the answer")
            case _:
                raise ProtocolError(f"{type(message).__name__} out of place")

    def dismiss(self, client: Client, last: messages.ToClient | None = None) -> None:
        """Say a last word to a client and end the connection."""
        if client.is_gone:
            return
        if last is not None:
            client.say(last)
        self._loop.forget(client.channel)
        client.close()
        self._clients.remove(client)


def is_sound(request: messages.RunRequest) -> bool:
    """Tell whether the items of all fields are what `RunRequest` says; the frame's shape was checked."""
    texts = (*request.interpreter, *request.args, *request.main, *request.path, *request.environ)
    numbers = (*request.ignored, *request.closed)
    return (
        all(type(text) is str for text in (*texts, *request.environ.values()))
        and all(type(number) is int for number in numbers)
        and len(request.main) == len(("name", "file"))
    )
