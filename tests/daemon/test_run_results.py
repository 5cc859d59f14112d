"""How runs end, and what becomes of their clients."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events

if TYPE_CHECKING:
    from tests.daemon.fakes import FakeDaemon

REASON = Reason("assert-mode", "--assert=plain: plugins were loaded for another mode")
LEARNED = run_messages.Learned((("lib", "/lib.py", "third", ""),), {}, (), {}, {"rootdir": "/"}, "")


def test_run_for_which_no_layer_is_exact_is_cold(daemon: FakeDaemon) -> None:
    """The reason is the run's own."""
    client, run = daemon.ready()
    daemon.receive(
        run, run_messages.LayerIneligible("cold", REASON, ()), run_messages.Ended(lifecycle.LAYER_INELIGIBLE)
    )
    assert client.last(client_messages.Cold).reason == REASON
    assert daemon.history.runs == 0


def test_exit_code_of_a_layer_that_is_not_exact_may_be_a_tests_own(daemon: FakeDaemon) -> None:
    """Without the report it is a status like any other."""
    client, run = daemon.ready()
    daemon.receive(run, run_messages.Ended(lifecycle.LAYER_INELIGIBLE))
    assert client.last(client_messages.Finished).status == lifecycle.LAYER_INELIGIBLE


def test_exit_code_of_a_run_that_called_no_pytest_is_not_believed(daemon: FakeDaemon) -> None:
    """Least of all 0: its client runs plain pytest, and reads that the fault is ours."""
    client, run = daemon.ready()
    daemon.receive(run, layer_messages.Forked(1, 77))
    daemon.receive(daemon.opened[0], layer_messages.RunExited(1, 0))
    assert client.last(client_messages.Cold).reason.code == "run-lost"
    assert not client.all_sent(client_messages.Finished)


def test_exit_code_of_a_test_that_leaves_at_once_is_its_clients(daemon: FakeDaemon) -> None:
    """As in plain pytest, where `os._exit` in a test ends everything."""
    client, run = daemon.ready()
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Begun())
    daemon.receive(daemon.opened[0], layer_messages.RunExited(1, 0))
    assert client.last(client_messages.Finished).status == 0


def test_run_of_a_client_that_is_gone_is_not_counted(daemon: FakeDaemon) -> None:
    """Nobody was served."""
    client, run = daemon.ready()
    daemon.cut(client)
    daemon.receive(
        run, run_messages.LayerIneligible("base", REASON, ()), run_messages.Ended(lifecycle.LAYER_INELIGIBLE)
    )
    assert daemon.history.runs == 0
    assert len(daemon.runs) == 0


def test_run_that_was_not_forked_for_a_client_that_is_gone_is_forgotten(daemon: FakeDaemon) -> None:
    """No other zygote is asked."""
    client, _ = daemon.ready()
    daemon.cut(client)
    daemon.receive(daemon.opened[0], layer_messages.ForkFailed(1, Reason("fork-failed", "no memory")))
    assert len(daemon.runs) == 0
    assert daemon.history.cold == []


def test_daemon_that_closes_learns_but_builds_nothing(daemon: FakeDaemon) -> None:
    """The next daemon is complete at once."""
    _, run = daemon.ready()
    daemon.handle(events.StopSignalled(signal.SIGTERM))
    daemon.receive(run, LEARNED)
    assert "lib" in daemon.supervisor.graph.modules
    assert {layer.phase for layer in daemon.layers} == {lifecycle.RETIRED}
