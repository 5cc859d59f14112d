"""What a test reads besides code; events are those of the test's own making."""

from __future__ import annotations

import inspect
import os
import pathlib
import tempfile
import threading
import time
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import process_kinds
from pytest_zygote.affected import external_inputs
from pytest_zygote.affected.declarations import depends_on
from pytest_zygote.affected.external_inputs import ExternalInputs
from pytest_zygote.core.affected.dependency import DATA, ENVIRON, FILES, LISTING, PRESENCE, PROJECT, STATUS, Need
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from types import FrameType


@pytest.fixture(name="root")
def _root(tmp_path: pathlib.Path) -> pathlib.Path:
    """Give a project with a module and some data."""
    for name in ("app.py", "data.txt", ".git/index", "__pycache__/app.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    return tmp_path


@pytest.fixture(name="inputs")
def _inputs(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> ExternalInputs:
    """Give inputs that are collected without a hook."""
    monkeypatch.chdir(root)
    found = ExternalInputs(tree_at(root, {"MODE": "x"}), lambda path: path == str(root / "app.py"), time.time_ns() * 2)
    found.resume(was_active=True)
    return found


def frame_of(filename: str, name: str = "reader", /, **names: object) -> FrameType:
    """Return the frame of a function in another file, of a module of this name, that got these arguments."""
    namespace: dict[str, object] = {"frame": inspect.currentframe, "__name__": name}
    compiled = compile(f"def f({', '.join(names)}): return frame()", filename, "exec")
    code = next(constant for constant in compiled.co_consts if isinstance(constant, CodeType))
    found = FunctionType(code, namespace)(*names.values())
    assert inspect.isframe(found)
    return found


def read(inputs: ExternalInputs, path: str, filename: str = "/srv/reader.py", name: str = "reader") -> set[Need]:
    """Return what is needed by a function that reads a file."""
    inputs.on_event("open", (path, "r", os.O_RDONLY), frame_of(filename, name))
    return {*inputs.drain()}


def test_a_file_that_is_read_is_needed(inputs: ExternalInputs, root: pathlib.Path) -> None:
    """By its path from the root on; one that is elsewhere by its whole path."""
    assert read(inputs, "data.txt") == {Need(DATA, "data.txt")}
    assert read(inputs, str(root / "data.txt")) == {Need(DATA, "data.txt")}
    assert read(inputs, "/etc/hosts") == {Need(DATA, "/etc/hosts")}


def test_what_code_declares_is_needed(inputs: ExternalInputs, root: pathlib.Path) -> None:
    """By those, too, who reach the file of that code: it may do so only once."""
    depends_on("data.txt")
    inputs.start()
    inputs.declare("data/", frame_of(str(root / "app.py")))
    depends_on("$MODE")
    inputs.stop()
    depends_on("data.txt")

    found = inputs.drain()

    assert found == {Need(FILES, "data"): (b"", "app.py"), Need(ENVIRON, "", "MODE"): (found_now(root, "MODE"), "")}


def found_now(root: pathlib.Path, key: str) -> bytes:
    """Return the checksum of an environment key."""
    return tree_at(root, {"MODE": "x"}).environ(key)


@pytest.mark.parametrize("path", ["__pycache__/app.pyc", "/proc/self/stat", "/dev/null"])
def test_what_tools_and_the_system_keep_there_is_not(inputs: ExternalInputs, path: str) -> None:
    """No test means it."""
    assert read(inputs, path) == set()


@pytest.mark.parametrize(
    ("filename", "name"),
    [("/site/_pytest/config.py", "_pytest.config"), ("/site/coverage/x.py", "coverage.x")],
)
def test_what_pytest_or_an_import_reads_says_nothing_of_a_test(
    inputs: ExternalInputs, filename: str, name: str
) -> None:
    """Code has fingerprints of its own."""
    assert read(inputs, "data.txt", filename, name) == set()
    assert read(inputs, "app.py", "<frozen importlib>", "x") == set()


def test_an_import_reads_archives_and_scripts_for_the_test(inputs: ExternalInputs) -> None:
    """They have no fingerprints; nor has what a database is opened by, whatever its name looks like."""
    assert read(inputs, "data.txt", "<frozen importlib>", "x") == {Need(DATA, "data.txt")}
    inputs.on_event("sqlite3.connect", ("file:data.txt?mode=ro",), frame_of("/srv/reader.py"))
    assert {*inputs.drain()} == {Need(DATA, "data.txt"), Need(DATA, "data.txt-wal")}
    inputs.on_event("sqlite3.connect", (":memory:",), frame_of("/srv/reader.py"))

    assert not inputs.drain()


def test_a_thread_of_the_standard_library_reads_for_somebody(inputs: ExternalInputs) -> None:
    """Nobody knows for whom: for all."""
    frames: list[FrameType] = []
    code = compile("see(frame())", str(pathlib.Path(os.__file__).with_name("queue.py")), "exec")
    names = {"see": frames.append, "frame": inspect.currentframe, "__name__": "queue"}
    thread = threading.Thread(target=exec, args=(code, names))
    thread.start()
    thread.join()
    inputs.on_event("open", ("data.txt", "r", 0), frames[0])

    assert [reader for _, reader in inputs.drain().values()] == [""]


def test_a_relative_path_may_start_at_any_open_folder(inputs: ExternalInputs, root: pathlib.Path) -> None:
    """No event shows a ``dir_fd``: what might be read is needed, and what might be written is as it was."""
    (root / "deep").mkdir()
    (root / "deep/data.txt").write_text("1")
    folder = os.open(root / "deep", os.O_RDONLY)
    try:
        inputs.on_event("open", ("data.txt", None, os.O_WRONLY), frame_of("/srv/reader.py"))
        assert read(inputs, "data.txt") == {Need(DATA, "data.txt"), Need(DATA, "deep/data.txt")}
        inputs.on_look("stat", "data.txt", frame_of("/srv/reader.py"))
        assert {*inputs.drain()} == {Need(STATUS, "data.txt"), Need(STATUS, "deep/data.txt")}
    finally:
        os.close(folder)
    assert read(inputs, "data.txt") == {Need(DATA, "data.txt")}


def test_folders_that_are_opened_later(inputs: ExternalInputs, root: pathlib.Path) -> None:
    """Where none was open, descriptors are looked at again only once `os.open` may have opened one."""
    (root / "deep").mkdir()
    assert read(inputs, "data.txt") == {Need(DATA, "data.txt")}
    inputs.on_event("open", (str(root / "deep"), None, os.O_RDONLY), frame_of("/srv/reader.py"))
    folder = os.open(root / "deep", os.O_RDONLY)
    try:
        inputs.drain()
        assert read(inputs, "data.txt") == {Need(DATA, "data.txt"), Need(DATA, "deep/data.txt")}
    finally:
        os.close(folder)


def test_what_is_seldom_changed_is_noted(inputs: ExternalInputs) -> None:
    """Also while nothing is collected: it is looked at after the test."""
    assert inputs.changed() == set()
    inputs.pause()
    inputs.on_event("resource.setrlimit", (7, (1, 2)), frame_of("/srv/reader.py"))
    assert inputs.changed() == {process_kinds.LIMITS}
    seed = next(function for function in inputs.watched() if function.__name__ == "seed")
    inputs.watched()[seed](frame_of("/usr/lib/random.py"))
    assert inputs.changed() == {process_kinds.RANDOM}
    assert inputs.changed() == set()


def test_a_file_written_anew_is_an_input_of_other_tests(inputs: ExternalInputs) -> None:
    """Unless a fixture of a wider scope has written it: each run does."""
    inputs.on_event("open", ("data.txt", "w", 0), frame_of("/srv/reader.py"))
    assert read(inputs, "data.txt") == set()
    inputs.files.begin_test()
    assert read(inputs, "data.txt") == {Need(DATA, "data.txt")}
    inputs.on_event("open", ("data.txt", "w", 0), frame_of("/srv/reader.py"))
    inputs.files.end_fixture()
    inputs.files.begin_test()

    assert read(inputs, "data.txt") == set()


def test_the_nearest_file_of_the_project_is_the_reader(inputs: ExternalInputs, root: pathlib.Path) -> None:
    """It may cache what it has read."""
    inputs.on_event("open", ("data.txt", "r", 0), frame_of(str(root / "app.py")))

    assert [reader for _, reader in inputs.drain().values()] == ["app.py"]


def test_a_file_that_was_written_is_no_input(inputs: ExternalInputs) -> None:
    """Whether it is read or looked for afterwards."""
    inputs.on_event("open", ("made.txt", "w", 0), frame_of("/srv/reader.py"))

    assert read(inputs, "made.txt") == set()


def test_a_folder_that_is_listed_is_needed(inputs: ExternalInputs) -> None:
    """None stands for the present one."""
    inputs.on_event("os.listdir", (None,), frame_of("/srv/reader.py"))

    assert {*inputs.drain()} == {Need(LISTING, "")}


def test_a_process_may_read_anything(inputs: ExternalInputs, root: pathlib.Path) -> None:
    """Unless it is known."""
    inputs.on_event("os.fork", (), frame_of(str(root / "app.py")))
    assert {*inputs.drain()} == {Need(PROJECT), Need(ENVIRON, "", "*")}
    inputs.on_event("os.system", (b"cat data.txt",), frame_of("/srv/reader.py"))

    assert {*inputs.drain()} == {Need(DATA, "data.txt")}


def test_nothing_is_collected_while_it_is_paused(inputs: ExternalInputs) -> None:
    """Our own reading does not count."""
    was_active = inputs.pause()
    assert read(inputs, "data.txt") == set()
    inputs.resume(was_active)
    assert inputs.is_quiet()

    assert read(inputs, "data.txt") == {Need(DATA, "data.txt")}


def test_an_error_of_ours_does_not_reach_the_test(inputs: ExternalInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is."""
    monkeypatch.setattr(external_inputs, "changed_ns", lambda _: 1 // 0)

    assert read(inputs, "data.txt") == set()


def call(inputs: ExternalInputs, function: object, **names: object) -> set[Need]:
    """Return what is needed by a function that calls one of those that are watched, with these arguments."""
    assert isinstance(function, FunctionType)
    inputs.watched()[function](frame_of("/srv/reader.py", **names))
    return {*inputs.drain()}


def test_environment_keys_that_are_read_are_needed(inputs: ExternalInputs) -> None:
    """Not those that the test has set before, nor those that change all the time."""
    environ = type(os.environ)

    assert call(inputs, environ.__getitem__, key="MODE") == {Need(ENVIRON, "", "MODE")}
    assert call(inputs, environ.__getitem__, key="PYTEST_CURRENT_TEST") == set()
    assert call(inputs, environ.__iter__) == {Need(ENVIRON, "", "*")}
    setting = next(function for function in inputs.watched() if function.__name__ == "__setitem__")
    inputs.watched()[setting](frame_of("/srv/reader.py", key="OTHER"))
    assert call(inputs, environ.__getitem__, key="OTHER") == set()
    assert call(inputs, tempfile.gettempdir) == {Need(ENVIRON, "", key) for key in ("TMPDIR", "TEMP", "TMP")}


@pytest.mark.parametrize(
    ("caller", "kind"), [("exists", PRESENCE), ("is_file", PRESENCE), ("getsize", STATUS), ("copystat", STATUS)]
)
def test_paths_that_are_looked_at_are_needed(inputs: ExternalInputs, caller: str, kind: str) -> None:
    """By what is there, or also by size and time."""
    text = f"def {caller}(): return frame()"
    namespace: dict[str, object] = {"frame": inspect.currentframe, "__name__": "genericpath"}
    exec(compile(text, "<frozen genericpath>", "exec"), namespace)  # noqa: S102 - the frame of a function of this name
    asker = namespace[caller]
    assert isinstance(asker, FunctionType)
    inputs.on_look("stat", "data.txt", asker())
    assert {*inputs.drain()} == {Need(kind, "data.txt")}
    inputs.on_look("is_dir", "data.txt", frame_of("/srv/reader.py"))

    assert {*inputs.drain()} == {Need(PRESENCE, "data.txt")}
