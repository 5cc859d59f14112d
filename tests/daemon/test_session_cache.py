"""The session cache: who is served from a session, and what is collected while nobody waits."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import files
from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events
from pytest_zygote.daemon.session_cache import IDLE_S, MEMORY_MIB
from tests.daemon.fakes import FakeDaemon, built

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon.fakes import FakeChannel


@pytest.fixture(name="idle")
def _idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    """Return a daemon that keeps sessions, and has served one run from its project layer."""
    daemon = FakeDaemon(tmp_path, monkeypatch, sessions="2")
    daemon.teach(tmp_path, first=["app"])
    daemon.ask("-q")
    daemon.build(pid=500)
    daemon.build(pid=501)
    end_run(daemon)
    return daemon


def end_run(daemon: FakeDaemon) -> None:
    """End the run that was forked last."""
    daemon.receive(daemon.opened[-1], run_messages.Ended(0))


def collect(daemon: FakeDaemon, *, pid: int = 600, **report: object) -> FakeChannel:
    """Have the daemon collect what it wants, as nobody waits; return the session's connection."""
    daemon.advance(IDLE_S)
    session = daemon.opened[-1]
    daemon.receive(session, layer_messages.Hello(pid), built(tests=2).replaced(**report))
    return session


def _code(reason: Reason | None) -> str:
    return "" if reason is None else reason.code


def states(daemon: FakeDaemon) -> list[tuple[tuple[str, ...], str]]:
    """Return arguments and state of each session."""
    return [
        (one.request.args, "ready" if one.ready else "collecting" if one.collecting else _code(one.why_closed))
        for one in daemon.sessions
    ]


def test_session_is_collected_after_a_run_and_serves_the_next(idle: FakeDaemon) -> None:
    """The second run has nothing to collect."""
    session = collect(idle)
    client = idle.ask("-q")
    assert session.all_sent(layer_messages.Fork)
    end_run(idle)
    assert client.last(client_messages.Finished).status == 0
    assert idle.history.session_runs == 1


def test_session_of_a_run_that_has_taught_modules_is_collected_on_the_coming_layer(
    idle: FakeDaemon, tmp_path: Path
) -> None:
    """While that is built there is nothing to collect on."""
    collect(idle)
    idle.ask("-v")
    file = tmp_path / "more.py"
    file.write_text("")
    learned = run_messages.Learned((("more", str(file), "first", ""),), {}, (str(tmp_path),), {}, {}, "")
    idle.receive(idle.opened[-1], learned, run_messages.Ended(0))
    idle.build(pid=510)
    idle.build(pid=511)
    idle.advance(IDLE_S)
    assert idle.opened[-2].last(layer_messages.Collect).terminal
    assert (("-v",), "collecting") in states(idle)


def test_run_of_another_command_line_is_forked_from_the_project_layer(idle: FakeDaemon) -> None:
    """The status says why."""
    collect(idle)
    idle.ask("-v")
    assert idle.opened[1].last(layer_messages.Fork).run == 2
    assert idle.sessions.last_miss == Reason("session-unlike", "no session has these arguments")


def test_debugged_run_is_never_forked_from_a_session(idle: FakeDaemon) -> None:
    """The session would be the one that joins the debugger."""
    session = collect(idle)
    idle.ask("-q", debugger=("join",))
    assert not session.all_sent(layer_messages.Fork)
    assert _code(idle.sessions.last_miss) == "session-debugged"


def test_collection_stops_while_somebody_waits(idle: FakeDaemon) -> None:
    """And goes on when nobody does."""
    idle.advance(IDLE_S)
    idle.receive(idle.opened[-1], layer_messages.Hello(600))
    idle.ask("-v")
    assert (600, signal.SIGSTOP) in idle.processes.signals
    assert states(idle) == [(("-q",), "collecting")]
    end_run(idle)
    idle.advance(IDLE_S)
    assert idle.processes.signals[-1] == (600, signal.SIGCONT)


def test_request_that_comes_first_keeps_the_daemon_from_collecting(idle: FakeDaemon) -> None:
    """It was about to begin."""
    before = len(idle.opened)
    idle.ask("-v")
    idle.advance(IDLE_S)
    assert len(idle.opened) == before + 1


def test_session_used_longest_ago_is_evicted(idle: FakeDaemon) -> None:
    """There is room for two."""
    collect(idle, pid=600)
    for number, args in enumerate(("-v", "-x")):
        idle.ask(args)
        end_run(idle)
        collect(idle, pid=601 + number)
    assert [args for args, _ in states(idle)] == [("-v",), ("-x",)]


def test_stale_session_is_closed_and_collected_again(idle: FakeDaemon, tmp_path: Path) -> None:
    """Its request is served from the project layer meanwhile."""
    file = tmp_path / "data.txt"
    file.write_text("old")
    session = collect(idle, files={str(file): files.identity(str(file))})
    file.write_text("newer")
    idle.ask("-q")
    assert not session.all_sent(layer_messages.Fork)
    assert idle.sessions.last_miss == Reason("file-changed", "data.txt changed")
    end_run(idle)
    collect(idle, pid=601)
    assert states(idle) == [(("-q",), "ready")]


def test_session_whose_inputs_change_again_and_again_is_given_up(idle: FakeDaemon, tmp_path: Path) -> None:
    """Until files change that nobody reads while collecting."""
    file = tmp_path / "data.txt"
    for number in range(3):
        file.write_text("x" * number)
        collect(idle, pid=600 + number, files={str(file): files.identity(str(file))})
        file.write_text("x" * (number + 10))
        idle.handle(events.FilesChanged())
    idle.advance(IDLE_S)
    assert states(idle) == []


def test_saved_test_file_is_tried_at_once(idle: FakeDaemon, tmp_path: Path) -> None:
    """Whether runs can collect it by themselves is known before one is asked for."""
    file = tmp_path / "test_it.py"
    file.write_text("old")
    path = str(file)
    session = collect(idle, files={path: files.identity(path)}, renewable=(path,))
    file.write_text("newer")
    idle.handle(events.FilesChanged())
    assert session.last(layer_messages.CheckRecollection).renewed == (path,)
    idle.ask("-q")
    assert session.last(layer_messages.Fork).renewed == (path,)


def test_session_that_cannot_be_collected_is_not_tried_on_the_same_layer(idle: FakeDaemon) -> None:
    """The status shows the reason."""
    idle.advance(IDLE_S)
    session = idle.opened[-1]
    idle.receive(session, layer_messages.BuildFailed({}, Reason("session-side-effect", "a thread runs")))
    idle.ask("-q")
    assert idle.sessions.last_miss == Reason("session-side-effect", "a thread runs")
    end_run(idle)
    before = len(idle.opened)
    idle.advance(IDLE_S)
    assert len(idle.opened) == before


def test_sessions_with_too_much_memory_are_closed(idle: FakeDaemon) -> None:
    """Those used longest ago first."""
    collect(idle, pid=600)
    idle.ask("-v")
    end_run(idle)
    collect(idle, pid=601)
    idle.processes.private = {600: MEMORY_MIB * 512, 601: MEMORY_MIB * 1024}
    idle.sessions.trim()
    assert states(idle) == [(("-v",), "ready")]
    idle.ask("-q")
    assert idle.sessions.last_miss is not None
    assert idle.sessions.last_miss.code == "memory-full"


def test_session_on_a_layer_that_was_replaced_is_collected_on_the_new_one(idle: FakeDaemon, tmp_path: Path) -> None:
    """Its modules are the old ones."""
    session = collect(idle)
    (tmp_path / "app.py").write_text("name = 'another'\n")
    idle.supervisor.serving.renew(Reason("recheck-requested", "as a test wants it"))
    idle.ask("-q")
    idle.build(pid=502)
    assert session.all_sent(layer_messages.Retire)
    assert idle.sessions.last_miss == Reason("layer-replaced", "the project layer was replaced")


def test_all_sessions_end_with_the_daemon(idle: FakeDaemon) -> None:
    """One that is being collected may be stopped, and is killed."""
    idle.advance(IDLE_S)
    idle.receive(idle.opened[-1], layer_messages.Hello(600))
    idle.handle(events.StopSignalled(signal.SIGTERM))
    assert states(idle) == []
    assert (600, signal.SIGKILL) in idle.processes.signals


def test_run_whose_session_was_not_exact_starts_again_from_the_layer_below(idle: FakeDaemon) -> None:
    """Nothing of it has happened yet."""
    session = collect(idle)
    idle.ask("-q")
    run = idle.opened[-1]
    reason = Reason("session-recollection", "test_it.py has another parameter")
    idle.receive(run, run_messages.LayerIneligible("project", reason, (), "header"), run_messages.Ended(75))
    assert idle.opened[1].last(layer_messages.Fork).run == 3
    assert session.all_sent(layer_messages.Retire)
    assert states(idle) == [(("-q",), reason.code)]
