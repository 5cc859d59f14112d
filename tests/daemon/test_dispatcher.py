"""The dispatcher: what each event means for clients, layers and runs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events
from tests.daemon.fakes import FakeDaemon, built, options, request

if TYPE_CHECKING:
    from pathlib import Path


def test_first_run_waits_for_the_base_layer_and_gets_its_status(daemon: FakeDaemon) -> None:
    """A client is served from the layer that is built for it, and learns pid and exit code."""
    client = daemon.ask("-q")
    zygote = daemon.opened[-1]
    assert isinstance(zygote.sent[0], layer_messages.Build)
    daemon.build()
    assert zygote.last(layer_messages.Fork).run == 1
    daemon.receive(daemon.opened[-1], layer_messages.Forked(1, 77), run_messages.Ended(5))
    assert [type(message) for message in client.sent] == [client_messages.Started, client_messages.Finished]
    assert client.last(client_messages.Finished).status == 5
    assert client.is_closed
    assert daemon.history.runs == 1


def test_second_client_is_not_served_before_the_first(daemon: FakeDaemon) -> None:
    """Both wait for the same layer, and are forked in the order in which they came."""
    daemon.ask("first")
    daemon.ask("second")
    assert len(daemon.opened) == 1
    zygote = daemon.build()
    assert [fork.run for fork in zygote.all_sent(layer_messages.Fork)] == [1, 2]


def test_client_of_another_version_ends_the_daemon(daemon: FakeDaemon) -> None:
    """The socket is free before the client knows: it may start another daemon at once."""
    client = daemon.ask(version="0")
    assert client.last(client_messages.Outdated).reason.code == "daemon-version"
    assert daemon.endpoint.is_released
    assert daemon.loop.has_stopped()


def test_client_of_another_interpreter_ends_the_daemon(daemon: FakeDaemon) -> None:
    """Nothing that this daemon has imported is of use to it."""
    client = daemon.ask(interpreter=("/other/python", "3", "/other", "", "", ""))
    assert client.last(client_messages.Outdated).reason.code == "daemon-interpreter"


def test_python_flags_are_a_reason_for_a_cold_run(daemon: FakeDaemon) -> None:
    """Flags decide how modules are compiled, and a daemon has but one set."""
    interpreter = request(daemon.root).interpreter
    client = daemon.ask(interpreter=(*interpreter[:3], "sys.flags(optimize=7)", *interpreter[4:]))
    assert client.last(client_messages.Cold).reason.code == "python-flags"
    assert daemon.history.cold[0]["reason"].startswith("[python-flags]")


def test_request_without_descriptors_is_a_cold_run(daemon: FakeDaemon) -> None:
    """A run that had no terminal could not print."""
    client = daemon.connect()
    daemon.receive(client, request(daemon.root))
    assert client.last(client_messages.Cold).reason.code == "descriptors-missing"


def test_run_of_a_client_that_left_is_ended_step_by_step(daemon: FakeDaemon) -> None:
    """First as a closed terminal would, then harder; its zygote delivers."""
    client, run = daemon.ready()
    daemon.receive(run, layer_messages.Forked(1, 77))
    daemon.cut(client)
    zygote = daemon.opened[0]
    daemon.advance(10)
    delivered = [message.signal for message in zygote.all_sent(layer_messages.Deliver)]
    assert delivered == [signal.SIGHUP, signal.SIGCONT, signal.SIGTERM, signal.SIGKILL]
    assert (-77, signal.SIGKILL) in daemon.processes.signals


def test_client_that_leaves_while_it_waits_gets_no_run(daemon: FakeDaemon) -> None:
    """Its layer is built all the same: the next client may want it."""
    client = daemon.ask()
    daemon.cut(client)
    zygote = daemon.build()
    assert not zygote.all_sent(layer_messages.Fork)
    assert len(daemon.runs) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_client_that_waits(daemon: FakeDaemon, number: int) -> None:
    """It ends as a pytest would that still imports."""
    client = daemon.ask()
    daemon.receive(client, client_messages.Relay(number))
    assert client.last(client_messages.Finished).status == -number
    assert not daemon.dispatcher.requests


def test_waiting_client_stops_itself_on_ctrl_z(daemon: FakeDaemon) -> None:
    """It goes on to wait when it continues."""
    client = daemon.ask()
    daemon.receive(client, client_messages.Relay(signal.SIGTSTP), client_messages.Relay(signal.SIGWINCH))
    assert client.sent == [client_messages.Stopped(signal.SIGTSTP)]
    assert len(daemon.dispatcher.requests) == 1


def test_signal_of_a_client_goes_to_its_run(daemon: FakeDaemon) -> None:
    """The zygote delivers it to the process group."""
    client, _ = daemon.ready()
    daemon.receive(client, client_messages.Relay(signal.SIGINT))
    assert daemon.opened[0].last(layer_messages.Deliver) == layer_messages.Deliver(1, signal.SIGINT)


def test_status_is_answered_while_a_layer_is_built(daemon: FakeDaemon) -> None:
    """The daemon imports nothing itself, so it always answers."""
    daemon.ask()
    asker = daemon.connect()
    daemon.receive(asker, client_messages.StatusRequest("table"))
    assert "base layer" in asker.last(client_messages.Answer).text


def test_reload_retires_the_layers_and_builds_others(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Whoever asks gets an answer at once."""
    daemon.teach(tmp_path, third=["lib"])
    _, run = daemon.ready()
    daemon.receive(run, run_messages.Ended(0))
    asker = daemon.connect()
    daemon.receive(asker, client_messages.ReloadRequest())
    assert asker.last(client_messages.Answer).text == "all layers will be built anew"
    assert daemon.opened[0].all_sent(layer_messages.Retire)


def test_stop_waits_for_runs_and_answers_last(daemon: FakeDaemon) -> None:
    """A run that is going on delivers its status before the daemon ends."""
    client, run = daemon.ready()
    stopper = daemon.connect()
    daemon.receive(stopper, client_messages.StopRequest())
    assert not daemon.loop.has_stopped()
    late = daemon.ask()
    assert late.last(client_messages.Cold).reason.code == "daemon-stopping"
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Ended(0))
    assert client.last(client_messages.Finished).status == 0
    daemon.cut(daemon.opened[0])
    assert daemon.loop.has_stopped()
    assert stopper.last(client_messages.Answer).text == "the daemon has stopped"


def test_second_stop_ends_the_runs(daemon: FakeDaemon) -> None:
    """Whoever asks twice does not want to wait."""
    _, run = daemon.ready()
    daemon.receive(run, layer_messages.Forked(1, 77))
    daemon.handle(events.StopSignalled(signal.SIGTERM), events.StopSignalled(signal.SIGTERM))
    daemon.advance(10)
    assert (-77, signal.SIGKILL) in daemon.processes.signals


def test_clients_that_wait_run_cold_when_the_daemon_stops(daemon: FakeDaemon) -> None:
    """Nobody waits for a layer that is not built any more."""
    client = daemon.ask()
    daemon.handle(events.StopSignalled(signal.SIGTERM))
    assert client.last(client_messages.Cold).reason.code == "daemon-stopping"


def test_failure_to_handle_a_clients_message_ends_that_client_alone(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours, met by one client, does not end the runs of the others."""
    _, run = daemon.ready()
    monkeypatch.setattr(daemon.supervisor, "reload", lambda now: 1 / (now - now))
    asker = daemon.connect()
    daemon.receive(asker, client_messages.ReloadRequest())
    assert asker.is_closed
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Ended(0))
    assert daemon.history.runs == 1


def test_build_that_fails_twice_makes_runs_cold(daemon: FakeDaemon) -> None:
    """The breaker opens: a third attempt would fail, too."""
    daemon.ask()
    for _ in range(2):
        daemon.receive(daemon.opened[-1], layer_messages.BuildFailed({}, Reason("import-failed", "no site")))
    cold = daemon.ask().last(client_messages.Cold).reason
    assert cold == Reason("import-failed", "no site (pytest --daemon-reload tries again)")


def test_zygote_that_dies_before_it_forks_is_replaced(daemon: FakeDaemon) -> None:
    """The client waits on: nothing of its run has happened."""
    client, run = daemon.ready()
    daemon.cut(run)
    daemon.cut(daemon.opened[0])
    assert len(daemon.opened) == 3
    zygote = daemon.build()
    assert zygote.last(layer_messages.Fork).run == 2
    assert {type(message) for message in client.sent} <= {client_messages.Notice}


def test_fork_that_fails_is_a_cold_run(daemon: FakeDaemon) -> None:
    """There is no process to be had, and a second attempt would not find one."""
    client, _ = daemon.ready()
    daemon.receive(daemon.opened[0], layer_messages.ForkFailed(1, Reason("fork-failed", "no memory")))
    assert client.last(client_messages.Cold).reason.code == "fork-failed"


def test_child_that_was_a_base_zygote_is_no_run(daemon: FakeDaemon) -> None:
    """The end of file of its connection says that it is gone; its status is of no interest."""
    daemon.ready()
    daemon.handle(events.ChildEnded(101, 0))
    assert len(daemon.runs) == 1


def test_run_whose_zygote_died_ends_with_the_status_of_its_process(daemon: FakeDaemon) -> None:
    """The daemon is a subreaper: it inherits the run, and sees it stop and end."""
    client, run = daemon.ready()
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Begun())
    daemon.processes.alive.add(77)
    daemon.cut(daemon.opened[0])
    stopped_by_tstp = (signal.SIGTSTP << 8) | 0x7F
    daemon.handle(events.ChildEnded(77, stopped_by_tstp))
    assert client.last(client_messages.Stopped).signal == signal.SIGTSTP
    daemon.handle(events.ChildEnded(77, 1 << 8))
    assert client.last(client_messages.Finished).status == 1


def test_daemon_leaves_when_the_project_is_gone(daemon: FakeDaemon) -> None:
    """Housekeeping sees it, and looks no more."""
    daemon.endpoint.lost = "the project is gone"
    daemon.handle(events.HousekeepingDue())
    assert daemon.loop.has_stopped()
    daemon.handle(events.HousekeepingDue())
    assert not daemon.loop.timers


def test_daemon_that_nobody_needs_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time counts from the last request, and not while a run goes on."""
    daemon = FakeDaemon(tmp_path, monkeypatch, timeout="20")
    client, run = daemon.ready()
    daemon.handle(events.HousekeepingDue())
    daemon.advance(60)
    assert not daemon.parts.closing
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Ended(0))
    assert client.is_closed
    daemon.advance(26)
    assert daemon.parts.closing


def test_files_that_change_have_layers_built_ahead(daemon: FakeDaemon, tmp_path: Path) -> None:
    """The next run finds its layer ready."""
    file = tmp_path / "lib.py"
    daemon.supervisor.serving.size = 1
    daemon.ask()
    file.write_text("old")
    daemon.build(files={str(file): files.identity(str(file))})
    daemon.receive(daemon.opened[-1], layer_messages.Forked(1, 77), run_messages.Ended(0))
    before = len(daemon.opened)
    daemon.handle(events.FilesPolled())
    assert len(daemon.opened) == before
    file.write_text("newer")
    daemon.handle(events.FilesPolled())
    assert daemon.opened[-1].last(layer_messages.Build).kind == "base"
    assert len(daemon.opened) == before + 1


def test_poll_that_finds_nothing_builds_nothing(daemon: FakeDaemon) -> None:
    """And the next one is due a little later."""
    _, run = daemon.ready()
    daemon.receive(run, layer_messages.Forked(1, 77), run_messages.Ended(0))
    before = len(daemon.opened)
    daemon.handle(events.FilesPolled())
    assert len(daemon.opened) == before
    assert daemon.loop.timers


def test_unknown_message_of_a_zygote_ends_its_layer(daemon: FakeDaemon, caplog: pytest.LogCaptureFixture) -> None:
    """It is a fault that has a name in the log, never ignored."""
    daemon.ready()
    daemon.receive(daemon.opened[0], client_messages.Answer("what?"))
    assert "layer 1 broke the protocol" in caplog.text
    assert not [layer for layer in daemon.layers if layer.number == 1]


def test_session_whose_collection_fails_leaves_the_run_to_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where sessions are forced does a client wait for one."""
    daemon = FakeDaemon(tmp_path, monkeypatch, forces_sessions=True, sessions="1")
    daemon.teach(tmp_path, first=["app"])
    client = daemon.ask()
    daemon.build()
    project = daemon.build()
    assert project.all_sent(layer_messages.Collect)
    session = daemon.opened[-1]
    daemon.receive(session, layer_messages.BuildFailed({}, Reason("session-side-effect", "a thread runs")))
    assert project.all_sent(layer_messages.Fork)
    assert not client.all_sent(client_messages.Cold)


def test_session_that_is_stale_is_collected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zygote may find out that files cannot be collected by a run itself."""
    daemon = FakeDaemon(tmp_path, monkeypatch, forces_sessions=True, sessions="1")
    daemon.teach(tmp_path, first=["app"])
    daemon.ask()
    daemon.build()
    daemon.build()
    session = daemon.opened[-1]
    daemon.receive(session, layer_messages.Hello(600), built(tests=2))
    assert session.all_sent(layer_messages.Fork)
    daemon.receive(session, layer_messages.NotRecollectable(Reason("session-recollection", "conftest.py changed")))
    (closed,) = list(daemon.sessions)
    assert closed.why_closed == Reason("session-recollection", "conftest.py changed")


def test_layer_that_is_not_exact_leads_to_a_shallower_one(daemon: FakeDaemon, tmp_path: Path) -> None:
    """The run has not begun: it starts over from the base layer, with what the user has seen already."""
    daemon.teach(tmp_path, first=["app"])
    client = daemon.ask()
    base = daemon.build()
    daemon.build()
    run = daemon.opened[-1]
    reason = Reason("coverage-of-imports", "coverage must see the imports")
    daemon.receive(
        run,
        layer_messages.Forked(1, 77),
        run_messages.LayerIneligible("base", reason, (), "header"),
        run_messages.Ended(lifecycle.LAYER_INELIGIBLE),
    )
    assert base.last(layer_messages.Fork).run == 2
    assert not client.all_sent(client_messages.Finished)


def sent(**values: str) -> tuple[tuple[str, str], ...]:
    """Return options as a request has them."""
    return tuple(options(**values).by_flag.items())


def test_options_of_a_request_hold_from_then_on(daemon: FakeDaemon) -> None:
    """Each request is compared with what holds, and a difference reconfigures what it concerns."""
    daemon.ask(options=sent(timeout="20"))
    daemon.build()
    daemon.receive(daemon.opened[-1], layer_messages.Forked(1, 77), run_messages.Ended(0))
    daemon.handle(events.HousekeepingDue())
    daemon.advance(30)
    assert daemon.parts.closing


def test_difference_of_options_is_logged_with_both_values(daemon: FakeDaemon, caplog: pytest.LogCaptureFixture) -> None:
    """And equal options are not."""
    with caplog.at_level("INFO"):
        daemon.ask(options=sent(sessions="2"))
        daemon.ask(options=sent(sessions="2"))
    assert caplog.text.count("--daemon-sessions is 2, it was 0") == 1


def test_client_that_has_not_read_the_ini_file_changes_no_option(daemon: FakeDaemon) -> None:
    """`pz` starts in the time that reading it would need."""
    daemon.ask(options=sent(sessions="2"))
    daemon.ask()
    daemon.ask(options=sent(sessions="2"))
    assert daemon.dispatcher.options == options(sessions="2")


def test_sessions_that_are_switched_off_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status shows the option, and what it was."""
    daemon = FakeDaemon(tmp_path, monkeypatch, forces_sessions=True, sessions="1")
    daemon.teach(tmp_path, first=["app"])
    daemon.ask()
    daemon.build()
    daemon.build()
    session = daemon.opened[-1]
    daemon.receive(session, layer_messages.Hello(600), built(tests=2))
    daemon.ask(options=sent(sessions="0"))
    assert session.all_sent(layer_messages.Retire)
    assert not list(daemon.sessions)
    assert daemon.sessions.last_miss == Reason("options-differ", "--daemon-sessions is 0, it was 1")


def test_options_that_make_no_sense_end_that_client_alone(daemon: FakeDaemon) -> None:
    """No client of ours sends them: it has read them itself."""
    client = daemon.ask(options=(("--daemon-sessions", "many"),))
    assert client.is_closed
    assert daemon.ask(options=sent(sessions="1")).sent == []
