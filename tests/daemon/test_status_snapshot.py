"""What the status shows is collected from the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.daemon.status_snapshot import collect
from tests.daemon.fakes import FakeDaemon, built

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_snapshot_has_layers_and_counts(daemon: FakeDaemon) -> None:
    """A run that goes on belongs to its layer."""
    daemon.ready()
    facts = collect(daemon.parts, waiting=2)
    (layer,) = facts["layers"]
    assert (layer["kind"], layer["phase"], layer["pid"], layer["took_ms"]) == ("base", "ready", 500, 250)
    assert (layer["runs_going_on"], facts["runs_going_on"], facts["clients_waiting"]) == (1, 1, 2)
    assert facts["closing"] == ""


def test_layer_that_is_being_built_has_no_figures_yet(daemon: FakeDaemon) -> None:
    """The plan says what it will import."""
    daemon.ask()
    (layer,) = collect(daemon.parts, waiting=1)["layers"]
    assert (layer["phase"], layer["modules"], layer["files"], layer["rejected"]) == ("building", 0, 0, {})


def test_sessions_are_listed_apart_from_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their phase, or that they are stopped or closed."""
    daemon = FakeDaemon(tmp_path, monkeypatch, forces_sessions=True, sessions="1")
    daemon.teach(tmp_path, first=["app"])
    daemon.ask("-q")
    daemon.build()
    daemon.build()
    (session,) = collect(daemon.parts, waiting=0)["sessions"]
    assert (session["args"], session["phase"]) == (["-q"], "building")
    daemon.receive(daemon.opened[-1], layer_messages.Hello(600), built(tests=2))
    daemon.processes.private[600] = 12
    facts = collect(daemon.parts, waiting=0)
    (session,) = facts["sessions"]
    assert (session["phase"], session["tests"], session["private_kib"]) == ("ready", 2, 12)
    assert len(facts["layers"]) == 2
    (cached,) = daemon.sessions
    cached.is_stopped = True
    assert collect(daemon.parts, waiting=0)["sessions"][0]["phase"] == "stopped"
    cached.is_stopped, cached.layer = False, None
    assert collect(daemon.parts, waiting=0)["sessions"][0]["phase"] == "closed"
