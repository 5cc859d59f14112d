"""The end of a daemon: when it begins, and what is done last."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.daemon import events
from pytest_zygote.daemon.shutdown import HOUSEKEEPING_S, Shutdown
from tests.daemon.fakes import options

if TYPE_CHECKING:
    from tests.daemon.fakes import FakeDaemon


def test_daemon_without_limit_is_checked_now_and_then(daemon: FakeDaemon) -> None:
    """And one with a short limit as often."""
    shutdown = Shutdown(daemon.parts, daemon.dispatcher.requests)
    assert shutdown.check_interval_s == HOUSEKEEPING_S
    shutdown.configure(options(timeout="0.2").settings)
    assert shutdown.check_interval_s == 0.2


def test_place_is_free_before_the_last_answer(daemon: FakeDaemon) -> None:
    """Whoever stops a daemon to start another can do so at once."""
    stopper = daemon.connect()
    daemon.receive(stopper, client_messages.StopRequest())
    assert daemon.endpoint.is_released
    assert stopper.last(client_messages.Answer).text == "the daemon has stopped"
    assert daemon.loop.has_stopped()


def test_daemon_waits_for_its_layers(daemon: FakeDaemon) -> None:
    """They end when they have no run left."""
    _, run = daemon.ready()
    daemon.receive(run, run_messages.Ended(0))
    daemon.handle(events.StopSignalled(signal.SIGTERM))
    assert daemon.opened[0].all_sent(layer_messages.Retire)
    assert not daemon.loop.has_stopped()
    daemon.opened[0].is_cut = True
    daemon.receive(daemon.opened[0])
    assert len(daemon.layers) == 0


def test_socket_that_is_gone_ends_the_daemon(daemon: FakeDaemon) -> None:
    """No client would ever find it."""
    daemon.endpoint.lost = "the socket is gone"
    daemon.handle(events.HousekeepingDue())
    assert daemon.parts.closing is not None
