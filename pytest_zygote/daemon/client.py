"""A client as the daemon sees it: its connection, its request, and how far that has come."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system.stdio import STREAMS

if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, RunRequest, ToClient
    from pytest_zygote.core.sessions.eligibility import Key
    from pytest_zygote.daemon.fresh_rerun import FreshRerun
    from pytest_zygote.daemon.layer import Layer

    ClientChannel: TypeAlias = Channel[FromClient, ToClient]

LINKS = 1
"""The link on which a run's zygote reports how the run ended, if the daemon has died before that."""


class Client:
    """A connection from a client and the run that it asked for.

    Attributes:
        request: what it wants to run.
        terminal: its descriptors 0, 1 and 2, those that it passes on to the run, and its link to the run's zygote.
        since: when it connected, by the loop's clock.
        key: finds its collected session; None until one is looked for.
        renewed: test files that its run must collect again.
        depth: how deep its run may start: 'project', 'base', 'cold'.
        awaited: layers that were built while it waited.
        waits_since: when it began to wait for layers that are being built; None if it never did.
        has_lost_patience: it has waited for those long enough.
        notices: how often it was sent a notice about what it waits for.
        lost_forks: zygotes that died when they should have forked its run.
        patches: what was done to the modules that its run has, since they were imported.
        recheck: what its run is compared with, if it is a second one.
        has_asked: it put a question about the daemon, and may wait for the answer.
        is_gone: its connection has ended.
        is_unresponsive: it does not read what we send.
    """

    def __init__(self, channel: ClientChannel, now: float) -> None:
        """Start with no request."""
        self.channel = channel
        self.request: RunRequest | None = None
        self.terminal: list[int] = []
        self.since = now
        self.depth = "project"
        self.key: Key | None = None
        self.renewed: tuple[str, ...] = ()
        self.patches: dict[str, str] = {}
        self.recheck: FreshRerun | None = None
        self.awaited: list[Layer] = []
        self.waits_since: float | None = None
        self.has_lost_patience = False
        self.notices = 0
        self.lost_forks = 0
        self.has_asked = False
        self.is_gone = False
        self.is_unresponsive = False

    def send(self, message: ToClient) -> None:
        """Send a message; nothing more is sent after one that the client did not read in time.

        Half a frame may be on its way by then, and what follows would be read as its other half.
        """
        if not self.is_unresponsive and not self.is_gone:
            try:
                self.channel.send(message)
            except OSError:
                self.is_unresponsive = True

    def adopt(self, request: RunRequest) -> None:
        """Keep a request and the descriptors that came with it."""
        self.request = request
        self.terminal = self.channel.adopt_descriptors(STREAMS + len(request.descriptors) + LINKS)

    def close(self) -> None:
        """End the connection and close the client's descriptors."""
        self.is_gone = True
        self.channel.close()
        for descriptor in self.terminal:
            os.close(descriptor)
        self.terminal = []
