"""Runs: from the request to fork until their status is known, whoever dies in between."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.run_table import FORK_S, ORPHANS_S

if TYPE_CHECKING:
    from tests.daemon.fakes import FakeChannel, FakeDaemon

Served = tuple["FakeChannel", "FakeChannel", "FakeChannel"]


@pytest.fixture(name="served")
def _served(daemon: FakeDaemon) -> Served:
    """Return the connections of a client, of its zygote and of its run."""
    client, run = daemon.ready()
    return client, daemon.opened[0], run


def test_zygote_that_does_not_fork_is_killed(daemon: FakeDaemon, served: Served) -> None:
    """It is stuck, and the run is forked by another."""
    assert served
    daemon.advance(FORK_S + 1)
    assert (500, signal.SIGKILL) in daemon.processes.signals


def test_zygote_that_has_forked_is_left_alone(daemon: FakeDaemon, served: Served) -> None:
    """The run may take as long as it likes."""
    daemon.receive(served[2], layer_messages.Forked(1, 77))
    daemon.advance(FORK_S + 1)
    assert daemon.processes.signals == []


def test_zygote_that_cannot_be_asked_is_killed(daemon: FakeDaemon) -> None:
    """It is gone, or does not read."""
    daemon.ask()
    daemon.opened[0].is_full = True
    daemon.build()
    assert (500, signal.SIGKILL) in daemon.processes.signals


def test_run_that_breaks_the_protocol_is_listened_to_no_more(
    daemon: FakeDaemon, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Its zygote still says how it ends."""
    client, zygote, run = served
    daemon.receive(run, run_messages.Begun())
    daemon.receive(run, layer_messages.Forked(1, 77), client_messages.Answer("of a client"))
    assert run.is_closed
    assert "a run broke the protocol" in caplog.text
    daemon.receive(zygote, layer_messages.RunExited(1, 3))
    assert client.last(client_messages.Finished).status == 3


def test_end_is_counted_once_whoever_says_it_first(daemon: FakeDaemon, served: Served) -> None:
    """A run and its zygote both say it."""
    client, zygote, run = served
    run.inbox.append(run_messages.Ended(0))
    daemon.receive(zygote, layer_messages.Forked(1, 77), layer_messages.RunExited(1, 0), layer_messages.RunExited(1, 0))
    assert len(client.all_sent(client_messages.Finished)) == 1
    assert daemon.history.runs == 1


def test_what_a_run_has_learned_is_heard_before_its_end(daemon: FakeDaemon, served: Served) -> None:
    """Though its zygote is quicker to say that it ended."""
    _, zygote, run = served
    learned = run_messages.Learned((("lib", "/lib.py", "third", ""),), {}, (), {}, {"rootdir": "/"}, "")
    run.inbox.append(learned)
    daemon.receive(zygote, layer_messages.Forked(1, 77), layer_messages.RunExited(1, 0))
    assert "lib" in daemon.supervisor.graph.modules


def test_warnings_and_stops_reach_the_client(daemon: FakeDaemon, served: Served) -> None:
    """As its zygote reports them; a report of another run is too late."""
    client, zygote, _ = served
    daemon.receive(
        zygote,
        layer_messages.Forked(1, 77),
        layer_messages.RunWarning(1, "a folder cannot be removed"),
        layer_messages.RunStopped(1, signal.SIGTSTP),
        layer_messages.RunStopped(9, signal.SIGTSTP),
    )
    assert client.sent == [
        client_messages.Started(77),
        client_messages.Notice("a folder cannot be removed"),
        client_messages.Stopped(signal.SIGTSTP),
    ]


def test_run_that_ends_unseen_has_failed(daemon: FakeDaemon, served: Served) -> None:
    """Its zygote died, and whoever collected it did not say how it ended."""
    client, zygote, run = served
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Begun())
    daemon.processes.alive.add(77)
    daemon.cut(zygote)
    daemon.advance(ORPHANS_S)
    assert not client.all_sent(client_messages.Finished)
    daemon.processes.alive.clear()
    daemon.advance(ORPHANS_S)
    assert client.last(client_messages.Finished).status == client_messages.LOST
    assert "its result is unknown" in client.last(client_messages.Notice).text


def test_run_without_a_zygote_gets_signals_from_the_daemon(daemon: FakeDaemon, served: Served) -> None:
    """It is the daemon's child now."""
    client, zygote, run = served
    daemon.receive(run, layer_messages.Forked(1, 77))
    daemon.processes.alive.add(77)
    daemon.cut(zygote)
    daemon.receive(client, client_messages.Relay(signal.SIGINT))
    assert daemon.processes.signals[-1] == (-77, signal.SIGINT)


def test_signals_go_to_the_group_in_which_a_run_began(daemon: FakeDaemon, served: Served) -> None:
    """It need not lead one, and what its tests have started is still in there when it has ended."""
    client, zygote, run = served
    daemon.processes.groups[77] = 76
    daemon.receive(run, layer_messages.Forked(1, 77))
    daemon.processes.groups.clear()
    daemon.processes.alive.add(77)
    daemon.cut(zygote)
    daemon.receive(client, client_messages.Relay(signal.SIGINT))
    daemon.cut(client)
    daemon.receive(run, run_messages.Ended(0))
    assert daemon.processes.signals[-2:] == [(-76, signal.SIGINT), (-76, signal.SIGKILL)]


@pytest.mark.parametrize(("group", "leads"), [(75, 1), (76, 0)])
def test_a_run_leads_its_group_if_its_client_does(daemon: FakeDaemon, group: int, leads: int) -> None:
    """Else `os.setsid` fails in a test that passes when a script starts pytest."""
    daemon.processes.groups[75] = group
    daemon.ask(pid=75)
    zygote = daemon.build()
    (order,) = zygote.all_sent(layer_messages.Fork)
    assert order.leads_group == leads


def test_children_of_a_run_that_nobody_waits_for_are_killed(daemon: FakeDaemon, served: Served) -> None:
    """They would outlive the terminal."""
    client, _, run = served
    daemon.receive(run, layer_messages.Forked(1, 77))
    daemon.cut(client)
    daemon.receive(run, run_messages.Ended(0))
    assert daemon.processes.signals[-1] == (-77, signal.SIGKILL)
    daemon.advance(10)
    assert daemon.history.runs == 0


def test_zygote_that_dies_again_and_again_makes_the_run_cold(daemon: FakeDaemon) -> None:
    """The client does not wait for ever."""
    client = daemon.ask()
    while not client.all_sent(client_messages.Cold):
        zygote = daemon.build()
        run = daemon.opened[-1]
        assert zygote is not run
        daemon.cut(run)
        daemon.cut(zygote)
    assert client.last(client_messages.Cold).reason == Reason(
        "zygote-died", client.last(client_messages.Cold).reason.text
    )


def test_client_goes_on_with_a_run_that_others_continue(daemon: FakeDaemon, served: Served) -> None:
    """It has stopped itself with the run; the shell knows nothing of that."""
    client, zygote, _ = served
    daemon.receive(zygote, layer_messages.Forked(1, 77), layer_messages.RunContinued(1))
    assert daemon.processes.signals == []
    daemon.processes.stopped.add(client.peer_pid())
    daemon.receive(zygote, layer_messages.RunContinued(1))
    assert daemon.processes.signals == [(client.peer_pid(), signal.SIGCONT)]
