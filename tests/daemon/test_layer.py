"""One layer: its phases, what it was made of, and whether that still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.core.protocol.errors import LocalProtocolError, RemoteProtocolError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.layer import STUCK_S
from tests.daemon.fakes import APP_CHANGED, built, layer, request

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.daemon.layer import Layer

NOW = 1000.0


def ready(root: Path, kind: str = "project", **report: object) -> Layer:
    """Return a layer that has been built, with this report."""
    made = layer(str(root), kind)
    made.snapshot()
    made.on_built(built().replaced(**report))
    return made


def write(root: Path, name: str, text: str) -> dict[str, tuple[int, ...]]:
    """Write a file; return it as a report has it."""
    file = root / name
    file.write_text(text)
    return {str(file): files.identity(str(file))}


def test_report_out_of_place_changes_nothing(tmp_path: Path) -> None:
    """A layer that is ready cannot be built a second time."""
    made = ready(tmp_path)
    before = made.built
    with pytest.raises(LocalProtocolError, match="a layer that is ready cannot be built"):
        made.on_built(built(took_ms=9))
    assert (made.phase, made.built) == (lifecycle.READY, before)


def test_layer_that_was_not_asked_to_patch_cannot_have_patched(tmp_path: Path) -> None:
    """Its zygote broke the protocol."""
    made = layer(str(tmp_path))
    with pytest.raises(RemoteProtocolError, match="was not asked to follow edits"):
        made.on_patched(layer_messages.Patched({}, 1))
    assert made.phase == lifecycle.BUILDING


def test_layer_whose_files_are_unchanged_is_exact(tmp_path: Path) -> None:
    """For a request with the environment that it was built in."""
    made = ready(tmp_path, files=write(tmp_path, "app.py", "x = 1\n"))
    assert made.sweep(request(str(tmp_path)), str(tmp_path), NOW) is None
    assert made.changed_files() == []


def test_changed_file_makes_a_layer_stale_and_loses_its_bytecode(tmp_path: Path) -> None:
    """The interpreter would trust a compiled form of the same second and size."""
    made = ready(tmp_path, files=write(tmp_path, "app.py", "x = 1\n"))
    cached = tmp_path / "__pycache__"
    cached.mkdir()
    write(tmp_path, "app.py", "x = 22\n")
    assert made.sweep(request(str(tmp_path)), str(tmp_path), NOW) == APP_CHANGED
    assert made.changed_files() == [str(tmp_path / "app.py")]
    assert made.renewed == (str(tmp_path / "app.py"),)


def test_test_file_that_runs_can_collect_again_leaves_a_session_exact(tmp_path: Path) -> None:
    """It is noted for the run."""
    path = str(tmp_path / "test_app.py")
    made = ready(tmp_path, "session", files=write(tmp_path, "test_app.py", "x = 1\n"), renewable=(path,))
    write(tmp_path, "test_app.py", "x = 22\n")
    assert made.sweep(request(str(tmp_path)), str(tmp_path), NOW) is None
    assert made.renewed == (path,)


@pytest.mark.parametrize(
    ("readers", "environ", "expected"),
    [
        ({"MODE": "app"}, {"MODE": "b"}, "app read MODE, which changed"),
        ({}, {"MODE": "b"}, "an import read MODE, which changed"),
        ({}, {"MODE": "a", "OMP_NUM_THREADS": "2"}, "OMP_NUM_THREADS changed, which native code reads at import"),
        ({}, {"MODE": "a", "UNREAD": "1"}, ""),
    ],
)
def test_environment_that_was_read_counts(
    tmp_path: Path, readers: dict[str, str], environ: dict[str, str], expected: str
) -> None:
    """What nobody read does not."""
    made = ready(tmp_path, environ={"MODE": "a"}, readers=readers)
    changed = request(str(tmp_path), environ={"HOME": "/home/user", **environ})
    assert made.sweep(changed, str(tmp_path), NOW) == (Reason("environment-changed", expected) if expected else None)


def test_context_that_conftest_files_set_is_not_the_clients(tmp_path: Path) -> None:
    """A run would set it again."""
    environ = {"HOME": "/home/user", "MODE": "test"}
    made = layer(str(tmp_path), "project", environ=environ, context=("MODE",))
    made.on_built(built(environ={"MODE": "test"}))
    assert made.differing_input(request(str(tmp_path), environ={"HOME": "/home/user", "MODE": "prod"})) is None


def test_other_path_to_modules_counts(tmp_path: Path) -> None:
    """If it holds a module that the layer has."""
    made = ready(tmp_path)
    folder = tmp_path / "lib"
    folder.mkdir()
    assert made.differing_input(request(str(tmp_path), path=("", str(folder)))) is None
    (folder / "app.py").touch()
    assert made.differing_input(request(str(tmp_path), path=("", str(folder)))) == Reason(
        "path-changed", "sys.path changed"
    )


def test_file_that_hides_a_module_counts(tmp_path: Path) -> None:
    """A new file of another name does not, and is not looked at again."""
    made = ready(tmp_path, directories={str(tmp_path): ""}, missing=("settings_local",))
    (tmp_path / "unrelated.py").touch()
    assert made.differing_input(request(str(tmp_path))) is None
    (tmp_path / "settings_local.py").touch()
    assert made.differing_input(request(str(tmp_path))) == Reason(
        "file-appeared", "settings_local is found elsewhere now"
    )


def test_build_that_hangs_is_hopeless_once_a_file_changed(tmp_path: Path) -> None:
    """It may never end; as long as it comes further it is left alone."""
    write(tmp_path, "app.py", "x = 1\n")
    made = layer(str(tmp_path), "project", modules=("app", "own"), origins=(str(tmp_path / "app.py"), "*"))
    made.snapshot()
    late = NOW + STUCK_S
    assert made.sweep(request(str(tmp_path)), str(tmp_path), late) is None
    write(tmp_path, "app.py", "x = 22\n")
    assert made.sweep(request(str(tmp_path)), str(tmp_path), NOW) is None
    assert made.sweep(request(str(tmp_path)), str(tmp_path), late) == APP_CHANGED
    assert made.changed_files() == []


def test_patched_layer_has_the_files_that_it_follows(tmp_path: Path) -> None:
    """And remembers what was done to them, over several edits."""
    first = ready(tmp_path, files=write(tmp_path, "app.py", "x = 1\n"))
    first.patches = {"other.py": "patched g"}
    now = write(tmp_path, "app.py", "x = 22\n")
    patch = first.find_patch(str(tmp_path), ())
    assert patch == layer_messages.Patch(dict.fromkeys(now, b"x = 22\n"), now)
    second = layer(str(tmp_path), "project", 2)
    second.start_patch(first, patch)
    assert second.changed_files() == [*now]
    assert second.sweep(request(str(tmp_path)), str(tmp_path), NOW + 60) is None
    second.on_patched(layer_messages.Patched(dict.fromkeys(now, "patched f"), 7))
    assert second.phase == lifecycle.READY
    assert second.built is not None
    assert (second.built.files, second.built.took_ms, second.forks) == (now, 7, 1)
    assert {*second.patches.values()} == {"patched f", "patched g"}


def test_change_that_is_no_text_of_a_module_cannot_be_patched(tmp_path: Path) -> None:
    """Nor one of a module that the user always wants reloaded, or of a file that is gone."""
    data = ready(tmp_path, files=write(tmp_path, "data.json", "{}"))
    assert data.find_patch(str(tmp_path), ()) is None
    write(tmp_path, "data.json", "{ }")
    assert data.find_patch(str(tmp_path), ()) is None
    module = ready(tmp_path, files=write(tmp_path, "app.py", "x = 1\n"))
    write(tmp_path, "app.py", "x = 22\n")
    assert module.find_patch(str(tmp_path), ("app.py",)) is None
    (tmp_path / "app.py").unlink()
    assert module.find_patch(str(tmp_path), ()) is None


def test_keys_that_modules_read_before_a_conftest_file_sets_them_are_missed(tmp_path: Path) -> None:
    """Those that a module sets itself it will set again; those that nobody reads do not matter."""
    made = layer(str(tmp_path))
    assert made.missed_context({"MODE": "test"}, {}) == {}
    made.on_built(built(environ={"MODE": "\0"}, written=("OWN",)))
    learned = {"MODE": "test", "OWN": "1", "UNREAD": "1", "OMP_NUM_THREADS": "1"}
    assert made.missed_context(learned, {}) == {"MODE": "test", "OMP_NUM_THREADS": "1"}
    assert made.missed_context(learned, learned) == {}


def test_folders_of_packages_are_looked_at_before_the_build(tmp_path: Path) -> None:
    """A file may come between the import that did not find it and the report."""
    (tmp_path / "app" / "sub").mkdir(parents=True)
    origins = (str(tmp_path / "app" / "sub" / "module.py"),)
    made = layer(str(tmp_path), "project", modules=("app.sub.module",), origins=origins, path=(str(tmp_path),))
    made.snapshot()
    (tmp_path / "app" / "local.py").touch()
    made.on_built(built(directories={str(tmp_path / "app"): "app."}, missing=("app.local",)))
    assert made.differing_input(request(str(tmp_path))) == Reason("file-appeared", "app.local is found elsewhere now")
