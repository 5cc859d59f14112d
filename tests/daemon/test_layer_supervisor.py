"""Which layers are built, patched and replaced, for a run and beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import files
from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon import events
from tests.daemon.fakes import built

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon.fakes import FakeChannel, FakeDaemon

FACTS = {"rootdir": "/project", "importmode": "prepend"}


def learned(tmp_path: Path, *names: str, party: str = "first", **fields: object) -> run_messages.Learned:
    """Return what a run had to import: modules whose files exist."""
    rows = []
    for name in names:
        file = tmp_path / f"{name}.py"
        file.write_text("x = 1\n")
        rows.append((name, str(file), party, ""))
    return run_messages.Learned(tuple(rows), {}, (str(tmp_path),), {}, FACTS, "").replaced(**fields)


def serve(daemon: FakeDaemon, *args: str) -> tuple[FakeChannel, FakeChannel]:
    """Ask for a run whose layers are there; return the connections of the client and of the run's own."""
    return daemon.ask(*args), daemon.opened[-1]


@pytest.fixture(name="warm")
def _warm(daemon: FakeDaemon, tmp_path: Path) -> FakeDaemon:
    """Return a daemon with a base and a project layer, and no run."""
    daemon.teach(tmp_path, first=["app"], third=["lib"])
    daemon.supervisor.serving.size = 2
    daemon.ask()
    daemon.build(pid=500)
    file = str(tmp_path / "app.py")
    daemon.build(pid=501, files={file: files.identity(file)})
    daemon.receive(daemon.opened[-1], run_messages.Ended(0))
    return daemon


def test_layers_hold_the_modules_of_their_party(warm: FakeDaemon) -> None:
    """Third-party ones lie below."""
    base, project = warm.opened[0].last(layer_messages.Build), warm.opened[1].last(layer_messages.Build)
    assert (base.kind, base.modules) == ("base", ("lib",))
    assert (project.kind, project.modules) == ("project", ("app",))


def test_stack_with_what_a_run_taught_is_built_beside_the_one_that_serves(warm: FakeDaemon, tmp_path: Path) -> None:
    """No client waits for it; it serves when its project layer is ready."""
    _, run = serve(warm)
    warm.receive(run, learned(tmp_path, "more"), run_messages.Ended(0))
    base = warm.opened[-1]
    assert base.last(layer_messages.Build).kind == "base"
    assert warm.history.builds[-1]["reason"] == "[modules-learned] learned 1 module from a run"
    _, run = serve(warm)
    assert warm.opened[1].last(layer_messages.Fork).run == 3
    warm.receive(run, run_messages.Ended(0))
    warm.receive(base, layer_messages.Hello(510), built())
    project = warm.opened[-1]
    assert project.last(layer_messages.Build).modules == ("app", "more")
    warm.receive(project, layer_messages.Hello(511), built())
    assert warm.opened[1].all_sent(layer_messages.Retire)
    serve(warm)
    assert project.all_sent(layer_messages.Fork)


def test_edit_that_can_be_patched_is_followed_by_a_fork(warm: FakeDaemon, tmp_path: Path) -> None:
    """The layer of before is retired, and the client reads nothing."""
    (tmp_path / "app.py").write_text("name = 'edited'\n")
    client = warm.ask()
    patched = warm.opened[-1]
    (path,) = patched.last(layer_messages.Patch).files
    warm.receive(patched, layer_messages.Hello(502), layer_messages.Patched({path: "patched"}, 3))
    assert patched.all_sent(layer_messages.Fork)
    assert warm.opened[1].all_sent(layer_messages.Retire)
    assert not client.all_sent(client_messages.Notice)


def test_edit_that_cannot_be_patched_has_the_project_imported_again(warm: FakeDaemon, tmp_path: Path) -> None:
    """The client reads why, and how much."""
    (tmp_path / "app.py").write_text("name = 'edited'\n")
    client = warm.ask()
    reason = Reason("ran-at-import", "app.py: name = 'edited' runs at import")
    warm.receive(warm.opened[-1], layer_messages.NotPatched(reason))
    project = warm.opened[-1]
    assert project.last(layer_messages.Build).kind == "project"
    warm.build(pid=503)
    assert (
        client.last(client_messages.Notice).text
        == f"re-imported 1 project module (0.25 s) [{reason.code}]: {reason.text}"
    )


def test_half_written_file_is_left_for_later(warm: FakeDaemon, tmp_path: Path) -> None:
    """Nobody waits for the layer; a run that is asked for gets what is there."""
    (tmp_path / "app.py").write_text("name = (\n")
    before = len(warm.opened)
    warm.handle(events.FilesChanged())
    assert len(warm.opened) == before
    warm.ask()
    assert warm.opened[-1].all_sent(layer_messages.Patch)


def test_edit_is_not_followed_after_git_has_moved_head(warm: FakeDaemon, tmp_path: Path) -> None:
    """Somebody looks at a branch; the run that is asked for executes it, and later edits are the user's."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/theirs")
    (tmp_path / "app.py").write_text("name = 'theirs'\n")
    before = len(warm.opened)
    warm.gate.open()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/others")
    warm.handle(events.FilesChanged())
    warm.handle(events.FilesChanged())
    assert (len(warm.opened), warm.supervisor.is_held) == (before, True)
    warm.ask()
    assert warm.opened[-1].all_sent(layer_messages.Patch)
    assert not warm.supervisor.is_held


def test_edit_waits_until_git_has_finished(warm: FakeDaemon, tmp_path: Path) -> None:
    """It writes files first, and moves HEAD last."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index.lock").touch()
    warm.gate.open()
    (tmp_path / "app.py").write_text("name = 'edited'\n")
    before = len(warm.opened)
    warm.handle(events.FilesChanged())
    assert len(warm.opened) == before
    (tmp_path / ".git" / "index.lock").unlink()
    warm.loop.advance(1, warm.settle)
    assert warm.opened[-1].all_sent(layer_messages.Patch)


def test_module_that_must_not_be_early_is_unlearned(warm: FakeDaemon) -> None:
    """The next stack is built without it."""
    _, run = serve(warm)
    reason = Reason("imported-too-early", "app reads sys.argv")
    warm.receive(run, run_messages.LayerIneligible("base", reason, ("app",)), run_messages.Ended(75))
    assert warm.supervisor.graph.rejected == {"app": reason.text}
    assert warm.history.builds[-1]["reason"] == "[modules-rejected] without app: app reads sys.argv"


def test_build_that_names_a_module_goes_on_without_it(warm: FakeDaemon, tmp_path: Path) -> None:
    """It is a step forward, and no failure that opens the breaker."""
    _, run = serve(warm)
    warm.receive(run, learned(tmp_path, "bad"), run_messages.Ended(0))
    base = warm.opened[-1]
    for _ in range(3):
        warm.receive(base, layer_messages.BuildFailed({"bad": "it aborts"}, Reason("import-failed", "bad aborts")))
        base = warm.opened[-1]
    assert warm.supervisor.graph.rejected["bad"] == "it aborts"


def test_stack_whose_inputs_change_while_it_is_built_is_given_up(
    warm: FakeDaemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that serves goes on."""
    _, run = serve(warm)
    warm.receive(run, learned(tmp_path, "more"), run_messages.Ended(0))
    for number in range(10):
        if "is given up" in caplog.text:
            break
        warm.receive(
            warm.opened[-1], layer_messages.Hello(520 + number), built(files={str(tmp_path / "app.py"): (0, 0, 0)})
        )
    assert "a stack is given up" in caplog.text
    serve(warm)
    assert warm.opened[1].last(layer_messages.Fork).run > 1


def test_many_edits_in_a_row_have_all_imported_anew(warm: FakeDaemon) -> None:
    """Each fork leaves something behind that is never given back."""
    project = warm.supervisor.serving.project
    assert project is not None
    project.forks = 5
    before = len(warm.opened)
    warm.supervisor.rejuvenate(5, warm.loop.now)
    assert warm.opened[-1].last(layer_messages.Build).kind == "base"
    assert warm.history.builds[-1]["reason"] == "[patches-piled-up] 5 edits in a row were patched"
    warm.supervisor.rejuvenate(5, warm.loop.now)
    assert len(warm.opened) == before + 1


def test_project_that_was_never_imported_waits_for_what_its_first_run_taught(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    """Its second run would gain nothing from an empty layer."""
    _, run = daemon.ready()
    daemon.receive(run, learned(tmp_path, "app"), run_messages.Ended(0))
    daemon.ask()
    coming = daemon.opened[-1]
    daemon.receive(coming, layer_messages.Hello(510), built())
    project = daemon.opened[-1]
    daemon.receive(project, layer_messages.Hello(511), built())
    assert project.all_sent(layer_messages.Fork)


def test_reload_forgets_what_was_rejected(warm: FakeDaemon) -> None:
    """The user has mended it, perhaps."""
    warm.supervisor.graph.rejected["app"] = "it aborts"
    warm.supervisor.reload(warm.loop.now)
    assert warm.supervisor.graph.rejected == {}
    assert warm.history.builds[-1]["reason"] == "[reload-requested] --daemon-reload"


def test_environment_that_conftest_files_set_is_given_to_the_next_layer(warm: FakeDaemon) -> None:
    """If modules of the layer read it."""
    serving = warm.supervisor.serving
    assert serving.base is not None
    assert serving.base.built is not None
    serving.base.built = serving.base.built.replaced(environ={"MODE": "\0"})
    warm.supervisor.graph.context["MODE"] = "test"
    warm.ask()
    build = warm.opened[-1].last(layer_messages.Build)
    assert build.environ["MODE"] == "test"
    assert build.context == ("MODE",)
    assert warm.history.builds[-1]["reason"] == "[environment-learned] conftest files or plugins set MODE"


def test_rejected_module_is_tried_again_when_its_file_changes(warm: FakeDaemon, tmp_path: Path) -> None:
    """The edit may have mended it."""
    file = tmp_path / "bad.py"
    file.write_text("x = 1\n")
    warm.supervisor.graph.modules["bad"] = (str(file), "first", "")
    warm.supervisor.graph.rejected["bad"] = "it aborts"
    warm.receive(serve(warm)[1], run_messages.Ended(0))
    file.write_text("x = 22\n")
    warm.ask()
    assert warm.history.builds[-1]["reason"] == "[import-retried] bad may be imported early again"
    assert "bad" in warm.opened[-1].last(layer_messages.Build).modules


def test_layer_whose_process_is_gone_is_built_again(warm: FakeDaemon) -> None:
    """The reason says so: no file has changed."""
    warm.cut(warm.opened[1])
    warm.ask()

    assert warm.history.builds[-1]["reason"] == "[process-gone] the process was gone"
