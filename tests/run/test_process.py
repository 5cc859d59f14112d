"""What a run reports to the daemon, and when it reports nothing."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Never, cast

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.protocol import client_messages, framing, layer_messages, run_messages
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.run import process
from pytest_zygote.run.process import RunProcess
from tests.support.strategies import example_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pytest_zygote.run.inherited_layer import InheritedLayer

    DaemonEnd: TypeAlias = sockets.Channel[run_messages.FromRun, Never]

REASON = Reason("module-moved", "app is elsewhere for this run")
LAYER = cast("InheritedLayer", SimpleNamespace(run_state=lambda _: None, kind="project"))


def request() -> client_messages.RunRequest:
    """Return a request of nothing."""
    made = example_of(client_messages.RunRequest)
    assert isinstance(made, client_messages.RunRequest)
    return made


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RunProcess, DaemonEnd]]:
    """Provide a run, and the daemon's end of its connection."""
    monkeypatch.setattr(process, "ImportReplay", lambda _: None)
    daemon: DaemonEnd
    daemon, descriptor = sockets.pair(run_messages.FROM_RUN)
    report: sockets.Channel[Never, run_messages.FromRun] = sockets.adopt(descriptor, framing.SILENT)
    yield RunProcess(request(), LAYER, report), daemon
    daemon.close()
    report.close()


def test_modules_are_rejected_for_the_next_run_once_tests_run(ends: tuple[RunProcess, DaemonEnd]) -> None:
    """This one cannot start over any more."""
    run, daemon = ends
    run.is_collecting = False

    run.reject_modules(REASON, ("app",))

    assert daemon.receive() == [run_messages.LayerIneligible("", REASON, ("app",))]


def test_a_child_of_a_test_reports_nothing(ends: tuple[RunProcess, DaemonEnd], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a copy of the run, and not the run."""
    run, daemon = ends
    monkeypatch.setattr(os, "getpid", lambda: -1)
    run.report(run_messages.Ended(0))
    monkeypatch.undo()
    run.report(run_messages.Ended(1))

    assert daemon.receive() == [run_messages.Ended(1)]


def test_a_daemon_that_is_gone_does_no_harm(ends: tuple[RunProcess, DaemonEnd]) -> None:
    """The run goes on."""
    run, daemon = ends
    daemon.close()

    run.report(run_messages.Ended(0))


def test_what_stands_for_a_run_reports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session has a connection of its own, for other messages."""
    monkeypatch.setattr(process, "ImportReplay", lambda _: None)

    RunProcess(request(), LAYER).report(run_messages.Ended(0))


def test_a_request_is_unpacked() -> None:
    """Anything else that stands in an order to fork is a fault."""
    assert process.request_in(framing.pack(request())) == request()
    with pytest.raises(RemoteProtocolError, match="no daemon sends 'Retire' to a run"):
        process.request_in(framing.pack(layer_messages.Retire()))
