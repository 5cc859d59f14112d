"""Clients that wait: what they are sent meanwhile, and when they give up."""

from __future__ import annotations

import errno
import resource
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.serving import PATIENT_BUILDS, SLACK_S, UNKNOWN_S
from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.reasons import Reason
from tests.daemon.fakes import FakeDaemon, built
from tests.support.strategies import example_of

if TYPE_CHECKING:
    from pathlib import Path


def test_client_that_waits_reads_what_is_imported(daemon: FakeDaemon) -> None:
    """Now and then, and ever more rarely."""
    client = daemon.ask()
    daemon.advance(1.5)
    assert client.last(client_messages.Notice).text == "waiting for a zygote (1.0 s)"
    daemon.receive(daemon.opened[-1], layer_messages.Hello(500), layer_messages.Importing("pandas"))
    daemon.advance(2)
    assert client.last(client_messages.Notice).text == "importing pandas (3.0 s)"


def test_notices_end_with_the_last_of_the_table(daemon: FakeDaemon) -> None:
    """Whoever has waited for two minutes knows."""
    client = daemon.ask()
    for second in range(int(lifecycle.NOTICES_S[-1]) + 30):
        daemon.advance(1)
        daemon.receive(daemon.opened[-1], layer_messages.Importing(f"module_{second}"))
    assert len(client.all_sent(client_messages.Notice)) == len(lifecycle.NOTICES_S)


def test_client_that_is_served_reads_no_more_notices(daemon: FakeDaemon) -> None:
    """Its tests print."""
    client, _ = daemon.ready()
    daemon.advance(200)
    assert not client.all_sent(client_messages.Notice)


def learn(daemon: FakeDaemon, tmp_path: Path, name: str) -> None:
    """Have the last run teach a module."""
    (tmp_path / f"{name}.py").write_text("")
    row = (name, str(tmp_path / f"{name}.py"), "first", "")
    learned = example_of(run_messages.Learned).replaced(
        modules=(row,), leaves={}, context={}, facts={}, path=(), cache=""
    )
    daemon.receive(daemon.opened[-1], learned, run_messages.Ended(0))


@pytest.fixture(name="impatient")
def _impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    """Return a daemon whose clients wait for a while only."""
    return FakeDaemon(tmp_path, monkeypatch, is_patient=False)


def test_client_whose_files_change_meanwhile_runs_cold(impatient: FakeDaemon) -> None:
    """The layer is stale when it is ready."""
    client = impatient.ask()
    impatient.build(pid=500, files={f"{impatient.root}/app.py": (1, 0, 0)})
    reason = client.last(client_messages.Cold).reason
    assert (reason.code, reason.text) == ("inputs-unstable", "app.py changed while the run waited for a layer")


def test_patient_client_waits_for_some_more(daemon: FakeDaemon) -> None:
    """As those of our end-to-end tests are."""
    client = daemon.ask()
    for number in range(PATIENT_BUILDS):
        assert not client.all_sent(client_messages.Cold)
        daemon.build(pid=500 + number, files={f"{daemon.root}/app.py": (number, 0, 0)})
    assert client.last(client_messages.Cold).reason.code == "inputs-unstable"


def test_second_run_of_a_project_hardly_waits_for_what_the_first_has_taught(
    impatient: FakeDaemon, tmp_path: Path
) -> None:
    """It is forked from the layer that is there, and imports everything itself; the third finds it imported."""
    impatient.ask()
    empty = impatient.build(pid=500)
    learn(impatient, tmp_path, "app")
    coming = impatient.opened[-1]
    impatient.ask()
    assert len(empty.all_sent(layer_messages.Fork)) == 1
    impatient.advance(SLACK_S + 0.01)
    assert len(empty.all_sent(layer_messages.Fork)) == 2
    impatient.receive(impatient.opened[-1], run_messages.Ended(0))
    impatient.receive(coming, layer_messages.Hello(501), built())
    impatient.build(pid=502)
    impatient.ask()
    assert impatient.opened[-2].last(layer_messages.Fork).run == 3


def test_run_is_cold_as_soon_as_it_has_waited_for_as_long_as_its_imports_take(
    impatient: FakeDaemon, tmp_path: Path
) -> None:
    """What it has waited for goes on, with the project's modules, for the next."""
    impatient.teach(tmp_path, first=["app"])
    impatient.supervisor.serving.size = 1
    client = impatient.ask()
    base = impatient.opened[-1]
    impatient.advance(UNKNOWN_S - 0.01)
    assert not client.all_sent(client_messages.Cold)
    impatient.advance(0.02)
    assert client.last(client_messages.Cold).reason.code == "layers-not-ready"
    impatient.receive(base, layer_messages.Hello(500), built(took_ms=4000))
    impatient.build(pid=501, took_ms=1000)
    impatient.ask()
    assert impatient.supervisor.imports_ms == 5000


def test_run_whose_layer_cannot_be_built_is_cold_at_once(impatient: FakeDaemon) -> None:
    """For the reason that the build gave."""
    client = impatient.ask()
    failure = Reason("import-failed", "no site")
    impatient.receive(impatient.opened[-1], layer_messages.BuildFailed({}, failure))
    assert client.last(client_messages.Cold).reason == failure


@pytest.mark.parametrize("option", ["--cov=app", "--affected"])
def test_run_that_must_see_imports_starts_from_the_base_layer(daemon: FakeDaemon, tmp_path: Path, option: str) -> None:
    """If there is a project layer already: else it imports the project anyway."""
    daemon.teach(tmp_path, first=["app"])
    daemon.ask()
    base = daemon.build(pid=500)
    daemon.build(pid=501)
    daemon.ask(option)
    assert base.last(layer_messages.Fork).run == 2


def test_second_run_whose_layer_cannot_be_built_has_the_status_of_the_first(daemon: FakeDaemon, tmp_path: Path) -> None:
    """The tests have run once; plain pytest would run them again for nothing."""
    daemon.teach(tmp_path, first=["app"])
    client = daemon.ask()
    daemon.build(pid=500)
    daemon.build(pid=501)
    project = daemon.supervisor.serving.project
    assert project is not None
    daemon.supervisor.graph.facts = {"recheck": "1", "rootdir": daemon.root}
    project.patches = {f"{daemon.root}/app.py": "patched f"}
    daemon.receive(daemon.opened[-1], run_messages.Ended(0))
    client = daemon.ask()
    daemon.receive(daemon.opened[-1], run_messages.Ended(1))
    assert "since modules were patched" in client.last(client_messages.Notice).text
    daemon.dispatcher.requests.send_all_cold(Reason("daemon-stopping", "the daemon is stopping"))
    assert client.last(client_messages.Finished).status == 1


@pytest.mark.parametrize(("status", "verdict"), [(0, "FAILED WARM, PASSED FRESH"), (1, "since modules were patched")])
def test_failed_tests_of_a_patched_layer_run_again_from_fresh_imports(
    daemon: FakeDaemon, tmp_path: Path, status: int, verdict: str
) -> None:
    """The exit code stays that of the first run."""
    daemon.teach(tmp_path, first=["app"])
    daemon.supervisor.graph.facts = {"recheck": "1", "rootdir": daemon.root}
    daemon.ask()
    daemon.build(pid=500)
    daemon.build(pid=501)
    daemon.receive(daemon.opened[-1], run_messages.Ended(0))
    project = daemon.supervisor.serving.project
    assert project is not None
    project.patches = {f"{daemon.root}/app.py": "patched f"}
    client = daemon.ask()
    daemon.receive(daemon.opened[-1], run_messages.Ended(1))
    assert not client.is_closed
    daemon.build(pid=502)
    daemon.receive(daemon.opened[-1], run_messages.Ended(status))
    assert client.last(client_messages.Finished).status == 1
    assert verdict in "\n".join(notice.text for notice in client.all_sent(client_messages.Notice))


def test_client_is_cold_where_no_descriptor_is_left(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its layer stays, and the daemon."""
    client = daemon.ask()

    def fail(_route: object, **_: object) -> tuple[object, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patches:
        patches.setattr(sockets, "pair", fail)
        daemon.build()
    assert client.last(client_messages.Cold).reason.code == "fork-failed"
    daemon.ask()
    assert len(daemon.runs) == 1


def test_client_is_sent_away_before_the_last_descriptor_is_used(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it connects or asks: runs that are going on keep their exit codes."""
    for client_of, limit in ((daemon.ask, 24), (daemon.connect, 8)):
        monkeypatch.setattr(resource, "getrlimit", lambda _kind, limit=limit: (limit, limit))
        client = client_of()
        assert client.last(client_messages.Cold).reason.code == "descriptors-exhausted"
        assert client.is_closed
