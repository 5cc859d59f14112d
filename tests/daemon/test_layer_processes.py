"""The processes of layers: their beginning, their messages, and their end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import client_messages, layer_messages
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events
from pytest_zygote.daemon.layer_processes import PATCH_TIMEOUT_S, RETIREMENT_S, SESSION_TIMEOUT_FACTOR
from tests.daemon.fakes import APP_CHANGED, FIRST_START, FakeChannel, built, plan, request

if TYPE_CHECKING:
    from pytest_zygote.core.record import Record
    from pytest_zygote.daemon.layer import Layer
    from tests.daemon.fakes import FakeDaemon


def hand(daemon: FakeDaemon, number: int, *received: Record | Exception) -> list[events.Event]:
    """Have a layer's connection receive messages; return the events that come of it, unhandled."""
    channel = daemon.opened[number]
    channel.inbox.extend(received)
    daemon.loop.actions[channel]()
    found = [*daemon.queue]
    daemon.queue.clear()
    return found


@pytest.fixture(name="base")
def _base(daemon: FakeDaemon) -> Layer:
    base = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    hand(daemon, 0, layer_messages.Hello(500), built())
    return base


@pytest.fixture(name="project")
def _project(daemon: FakeDaemon, base: Layer) -> Layer:
    project = daemon.layers.spawn_project(base, plan(daemon.root, "project"), FIRST_START)
    hand(daemon, 1, layer_messages.Hello(501), built())
    return project


def test_base_zygote_gets_its_plan(daemon: FakeDaemon) -> None:
    """And has the environment that its interpreter is to start with."""
    layer = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    assert daemon.opened[0].sent == [layer.plan]
    assert layer.pid == 101
    assert daemon.processes.started == [{"HOME": "/home/user"}]
    assert daemon.history.builds[0]["reason"] == "[first-start] first start"


def test_layer_is_ready_when_it_has_reported(daemon: FakeDaemon) -> None:
    """Its pid is what it says: the process that was started may have been a shim."""
    layer = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    assert hand(daemon, 0, layer_messages.Hello(500), built()) == [events.LayerChanged(layer)]
    assert (layer.phase, layer.pid) == (lifecycle.READY, 500)


def test_process_that_cannot_be_had_shows_as_a_connection_that_ends(daemon: FakeDaemon) -> None:
    """The client waits for a layer that dies, as for any other."""
    daemon.processes.fails = True
    layer = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    daemon.opened[0].is_cut = True
    failed, ended = hand(daemon, 0)
    assert failed == events.BuildFailed(layer, {}, Reason("zygote-died", "the zygote died before its first import"))
    assert ended == events.LayerEnded(layer)
    assert len(daemon.layers) == 0


def test_module_that_kills_two_zygotes_is_rejected(daemon: FakeDaemon) -> None:
    """The first death proves nothing."""
    rejected = []
    for number in range(2):
        daemon.layers.start_base(plan(daemon.root), FIRST_START)
        daemon.opened[number].is_cut = True
        hand(daemon, number, layer_messages.Importing("app"))
        failed, _ = hand(daemon, number)
        assert isinstance(failed, events.BuildFailed)
        assert failed.reason.text == "the zygote died while importing app"
        rejected.append(failed.rejected)
    assert [bool(found) for found in rejected] == [False, True]


def test_import_that_never_ends_is_killed_and_rejected_at_once(daemon: FakeDaemon) -> None:
    """Each import has its own time; clients read what is imported."""
    layer = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    daemon.loop.advance(50)
    hand(daemon, 0, layer_messages.Hello(500), layer_messages.Importing("slow"))
    assert daemon.layers.builds.describe() == "importing slow"
    assert layer.last_progress == daemon.loop.now
    daemon.loop.advance(50)
    assert daemon.processes.signals == []
    daemon.loop.advance(11)
    assert daemon.processes.signals == [(500, signal.SIGKILL)]
    daemon.opened[0].is_cut = True
    failed, _ = hand(daemon, 0)
    assert isinstance(failed, events.BuildFailed)
    assert [*failed.rejected] == ["slow"]
    assert daemon.layers.builds.describe() == ""


def test_build_that_fails_retires_its_layer(daemon: FakeDaemon) -> None:
    """The next one is built for the same reason."""
    layer = daemon.layers.start_base(plan(daemon.root), APP_CHANGED)
    reason = Reason("import-failed", "ImportError")
    assert hand(daemon, 0, layer_messages.BuildFailed({"app": "why"}, reason)) == [
        events.BuildFailed(layer, {"app": "why"}, reason)
    ]
    assert (layer.phase, layer.why_failed) == (lifecycle.RETIRED, APP_CHANGED)
    assert daemon.opened[0].all_sent(layer_messages.Retire)


def test_project_layer_that_dies_while_it_is_patched_says_so(daemon: FakeDaemon, project: Layer) -> None:
    """The next one is built for that reason, and no module is to blame."""
    patch = layer_messages.Patch({}, {})
    layer = daemon.layers.spawn_patched(project, patch, APP_CHANGED)
    assert daemon.opened[1].all_sent(layer_messages.Spawn)
    assert daemon.opened[2].sent == [patch]
    daemon.opened[2].is_cut = True
    assert hand(daemon, 2) == [events.LayerEnded(layer)]
    assert layer.why_failed == APP_CHANGED.add(", and the process that was to be patched died")


def test_patch_has_its_own_time(daemon: FakeDaemon, project: Layer) -> None:
    """Less than an import, since all can be imported instead."""
    daemon.layers.spawn_patched(project, layer_messages.Patch({}, {}), APP_CHANGED)
    hand(daemon, 2, layer_messages.Hello(502))
    daemon.loop.advance(PATCH_TIMEOUT_S + 1)
    assert (502, signal.SIGKILL) in daemon.processes.signals


def test_patched_layer_shows_its_verdicts(daemon: FakeDaemon, project: Layer) -> None:
    """Paths as the user knows them."""
    layer = daemon.layers.spawn_patched(project, layer_messages.Patch({}, {}), APP_CHANGED)
    path = f"{daemon.root}/app.py"
    assert hand(daemon, 2, layer_messages.Patched({path: "patched f"}, 5)) == [events.LayerChanged(layer)]
    assert daemon.history.verdicts[0]["reason"] == "app.py: patched f"


def test_layer_that_cannot_be_patched_is_replaced_for_that_reason(daemon: FakeDaemon, project: Layer) -> None:
    """Its reason is what the user reads."""
    layer = daemon.layers.spawn_patched(project, layer_messages.Patch({}, {}), APP_CHANGED)
    reason = Reason("ran-at-import", "app.py: x = 1 runs at import")
    assert hand(daemon, 2, layer_messages.NotPatched(reason)) == [events.LayerChanged(layer)]
    assert layer.why_failed == reason
    assert daemon.history.verdicts[0]["reason"] == f"{reason}: reloaded"


def test_session_that_fails_is_no_failed_build(daemon: FakeDaemon, project: Layer) -> None:
    """Runs are forked from the project layer, as before."""
    order = layer_messages.Collect(b"", (), ())
    layer = daemon.layers.spawn_session(project, order, plan(daemon.root, "session"))
    reason = Reason("session-side-effect", "a thread runs")
    assert hand(daemon, 2, layer_messages.BuildFailed({}, reason)) == [events.SessionFailed(layer, reason)]
    daemon.opened[2].is_cut = True
    assert hand(daemon, 2) == [
        events.SessionFailed(layer, Reason("zygote-died", "its process died")),
        events.LayerEnded(layer),
    ]


def test_session_may_take_as_long_as_many_imports(daemon: FakeDaemon, project: Layer) -> None:
    """It is stopped while runs go on, and its clock is not."""
    daemon.layers.spawn_session(project, layer_messages.Collect(b"", (), ()), plan(daemon.root, "session"))
    hand(daemon, 2, layer_messages.Hello(502))
    daemon.loop.advance(60 * SESSION_TIMEOUT_FACTOR - 1)
    assert daemon.processes.signals == []
    daemon.loop.advance(2)
    assert daemon.processes.signals == [(502, signal.SIGKILL)]


@pytest.mark.parametrize(
    "fault",
    [RemoteProtocolError("no frame"), client_messages.Answer("of a client"), built(), layer_messages.Patched({}, 1)],
)
def test_layer_that_breaks_the_protocol_is_ended(
    daemon: FakeDaemon, base: Layer, fault: Record | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """By no frame, a message of others, or one that its phase does not allow: each is named in the log."""
    assert hand(daemon, 0, fault) == [events.LayerEnded(base)]
    assert base.phase == lifecycle.GONE
    assert f"layer {base.number} broke the protocol" in caplog.text


def test_what_is_said_of_runs_is_passed_on(daemon: FakeDaemon, base: Layer) -> None:
    """In the order in which it came."""
    said = (layer_messages.Forked(1, 77), layer_messages.RunExited(1, 0))
    assert hand(daemon, 0, *said) == [events.RunReported(base, message) for message in said]


def test_retired_layer_leaves_in_time_or_is_killed(daemon: FakeDaemon, base: Layer) -> None:
    """With the standby runs that it has forked, but not with other layers."""
    daemon.processes.offspring[500] = [500, 900]
    daemon.layers.retire(base)
    daemon.layers.retire(base)
    assert len(daemon.opened[0].all_sent(layer_messages.Retire)) == 1
    daemon.loop.advance(RETIREMENT_S)
    assert daemon.processes.signals == [(900, signal.SIGKILL), (500, signal.SIGKILL)]
    daemon.loop.advance(RETIREMENT_S)
    assert [*daemon.queue] == [events.LayerEnded(base)]
    daemon.layers.kill(base, signal.SIGKILL)
    assert len(daemon.processes.signals) == 2


def test_retired_layer_waits_for_its_runs(daemon: FakeDaemon, base: Layer) -> None:
    """However long they take."""
    base.runs.add(1)
    daemon.layers.retire(base)
    daemon.loop.advance(10 * RETIREMENT_S)
    assert daemon.processes.signals == []
    base.runs.clear()
    daemon.loop.advance(RETIREMENT_S)
    assert (500, signal.SIGKILL) in daemon.processes.signals


def test_layer_that_is_retired_while_it_is_built_is_interrupted(daemon: FakeDaemon) -> None:
    """It reads no message before its last import is done; one without a pid is just left."""
    layer = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    daemon.layers.retire(layer)
    assert daemon.processes.signals == [(101, signal.SIGTERM)]
    daemon.processes.fails = True
    other = daemon.layers.start_base(plan(daemon.root), FIRST_START)
    daemon.layers.retire(other)
    assert other.phase == lifecycle.GONE


def test_message_to_a_dead_zygote_is_not_sent(daemon: FakeDaemon, base: Layer) -> None:
    """Its end of file will say so."""
    assert daemon.layers.send(base, layer_messages.Retire())
    channel = base.channel
    assert isinstance(channel, FakeChannel)
    channel.is_full = True
    assert not daemon.layers.send(base, layer_messages.Retire())


def test_stale_session_is_reported_with_its_reason(daemon: FakeDaemon, project: Layer) -> None:
    """It must be collected again."""
    layer = daemon.layers.spawn_session(
        project, layer_messages.Collect(b"", (), ()), plan(daemon.root, "session", path=request("/").path)
    )
    reason = Reason("session-recollection", "conftest.py changed")
    assert hand(daemon, 2, layer_messages.NotRecollectable(reason)) == [events.SessionStale(layer, reason)]


def test_a_zygote_that_does_not_read_gets_the_rest_when_it_does(daemon: FakeDaemon) -> None:
    """Until then the daemon looks now and then, and serves others."""
    daemon.ready()
    (layer,) = daemon.layers
    daemon.opened[0].is_slow = True
    assert daemon.layers.send(layer, layer_messages.Retire())
    daemon.advance(1)
    waiting = len(daemon.loop.timers)
    daemon.opened[0].is_slow = False
    daemon.advance(0.01)
    assert len(daemon.loop.timers) == waiting - 1
