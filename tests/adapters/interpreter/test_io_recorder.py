"""While a layer is built, everything that modules read of the outside world is noted."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import io
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import io_recorder
from pytest_zygote.adapters.interpreter.environ_recorder import EnvironRecorder
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers.layer_inputs import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Seen:
    """What an environment recorder tells."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.reads: list[tuple[str, str | None]] = []
        self.writes: list[tuple[str, str | None]] = []


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Record the environment, in which KEY is 'value' and ABSENT is not."""
    monkeypatch.setenv("KEY", "value")
    monkeypatch.delenv("ABSENT", raising=False)
    seen = Seen()
    recorder = EnvironRecorder(
        lambda key, value: seen.reads.append((key, value)), lambda key, value: seen.writes.append((key, value))
    )
    recorder.start()
    yield seen
    recorder.stop()
    assert type(os.environ).__module__ == "os"


def test_every_way_to_read_a_key_is_seen(environ: Seen) -> None:
    """Also a key that is not there: it may be there next time."""
    assert os.environ["KEY"] == os.environ.get("KEY") == os.getenv("KEY") == "value"
    assert "ABSENT" not in os.environ
    assert os.environ.get("ABSENT") is None

    assert environ.reads == [("KEY", "value")] * 3 + [("ABSENT", None)] * 2


def test_keys_in_bytes_are_the_same_keys(environ: Seen) -> None:
    """Both mappings hold one environment."""
    assert os.environb[b"KEY"] == b"value"
    assert os.environb.get(b"ABSENT") is None
    os.environb[b"KEY"] = b"other"
    del os.environb[b"KEY"]

    assert environ.reads == [("KEY", "value"), ("ABSENT", None)]
    assert environ.writes[-2:] == [("KEY", "other"), ("KEY", None)]


def test_who_goes_through_all_keys_reads_the_whole(environ: Seen) -> None:
    """A copy, a loop, a length of the list of keys."""
    assert "KEY" in list(os.environ)

    assert (WHOLE, "") in environ.reads


def test_writes_are_seen_with_the_value(environ: Seen) -> None:
    """None stands for a key that was deleted."""
    os.environ["KEY"] = "other"
    del os.environ["KEY"]

    assert environ.writes[-2:] == [("KEY", "other"), ("KEY", None)]


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[dict[str, tuple[int, ...]]]:
    """Record file access; give what was noted below a folder, by relative path."""
    recorder = io_recorder.FileRecorder(files.identity, files.presence, files.link_identity)
    found: dict[str, tuple[int, ...]] = {}
    recorder.start()
    try:
        yield found
    finally:
        recorder.stop([__name__])
    found.update(
        {os.path.relpath(path, folder): known for path, known in recorder.paths.items() if str(folder) in path}
    )


def test_files_that_are_read_are_noted_and_those_written_are_not(tmp_path: Path) -> None:
    """By ``open``, ``io.open`` and `pathlib`."""
    for name in ("a", "b"):
        (tmp_path / name).write_text("text", encoding="utf-8")
    with recorded(tmp_path) as found:
        with open(tmp_path / "a", encoding="utf-8") as file:  # noqa: PTH123 - it is what is tested
            assert file.read() == "text"
        assert (tmp_path / "b").read_text(encoding="utf-8") == "text"
        (tmp_path / "c").write_text("new", encoding="utf-8")

    assert found["a"] == files.identity(str(tmp_path / "a"))
    assert found["b"] == files.identity(str(tmp_path / "b"))
    assert "c" not in found


def test_what_is_looked_for_in_vain_is_noted(tmp_path: Path) -> None:
    """It may come, and change what the module does."""
    with recorded(tmp_path) as found:
        with contextlib.suppress(FileNotFoundError):
            (tmp_path / "settings.yaml").read_text(encoding="utf-8")
        assert not (tmp_path / "flag").exists()

    assert found["settings.yaml"] == ()
    assert found["flag"] == ()


def test_relative_paths_ask_for_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is not there only that is noted: it is not there in many other folders either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    asked: list[str] = []
    recorder = io_recorder.FileRecorder(files.identity, files.presence, files.link_identity)
    recorder.on_folder = lambda: asked.append("the folder")
    recorder.on_absent = asked.append
    recorder.start()
    try:
        assert not os.path.exists("absent")  # noqa: PTH110 - it is what is tested
        assert asked == ["absent"]
        assert os.path.exists("there")  # noqa: PTH110 - as above
    finally:
        recorder.stop([__name__])

    assert "the folder" in asked


def test_folders_that_are_listed_are_noted(tmp_path: Path) -> None:
    """A new plug-in beside the others is one more."""
    (tmp_path / "plugins").mkdir()
    with recorded(tmp_path) as found:
        assert os.listdir(tmp_path / "plugins") == []  # noqa: PTH208 - it is what is tested

    assert found["plugins"] == files.identity(str(tmp_path / "plugins"))


def test_a_folder_that_would_be_made_is_noted(tmp_path: Path) -> None:
    """That it is there, and not what is in it."""
    recorder = io_recorder.FileRecorder(files.identity, files.presence, files.link_identity, lambda _frame: False)
    recorder.on_folder_found(str(tmp_path), frame_above(0))

    assert recorder.paths == {str(tmp_path): files.presence(str(tmp_path))}


def test_afterwards_nothing_is_replaced(tmp_path: Path) -> None:
    """The functions are Python's own again, also those that a module took meanwhile."""
    before = (open, os.listdir, os.scandir, os.stat)
    with recorded(tmp_path):
        globals()["taken"] = os.listdir
        assert os.listdir is not before[1]

    assert (open, os.listdir, os.scandir, os.stat) == before
    assert globals().pop("taken") is before[1]


def test_a_link_is_an_input_by_itself_and_by_what_it_leads_to(tmp_path: Path) -> None:
    """Whether it leads elsewhere, leads nowhere, or has come."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "current").symlink_to("one")
    (tmp_path / "broken").symlink_to("nowhere")
    with recorded(tmp_path) as found:
        assert os.readlink(tmp_path / "current") == "one"  # noqa: PTH115 - it is what is tested
        assert (tmp_path / "current").read_text(encoding="utf-8") == "one"
        assert os.path.lexists(tmp_path / "broken")
        assert not os.path.lexists(tmp_path / "absent")
        assert not (tmp_path / "absent").exists()

    assert found["current"] == files.link_identity(str(tmp_path / "current"))
    assert found["one"] == files.identity(str(tmp_path / "one"))
    assert found["absent"] == (0, 0)
    known = {str(tmp_path / name): identity for name, identity in found.items()}
    assert files.changed(known) == []
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("two")
    (tmp_path / "absent").symlink_to("nowhere")
    assert files.changed(known) == [str(tmp_path / "current"), str(tmp_path / "absent")]


def test_permissions_that_are_asked_for_are_an_input(tmp_path: Path) -> None:
    """By `os.access`, which opens nothing."""
    (tmp_path / "tool").write_text("", encoding="utf-8")
    with recorded(tmp_path) as found:
        assert os.access(tmp_path / "tool", os.R_OK)

    (tmp_path / "tool").chmod(0o700)
    assert files.changed({str(tmp_path / "tool"): found["tool"]})


def test_what_the_entries_of_a_folder_are_is_an_input_where_it_is_asked(tmp_path: Path) -> None:
    """`os.scandir` gives objects that ask the system by themselves."""
    (tmp_path / "data").write_text("x", encoding="utf-8")
    with recorded(tmp_path) as found, os.scandir(tmp_path) as entries:
        assert [entry.stat().st_size for entry in entries] == [1]

    assert found["data"] == files.identity(str(tmp_path / "data"))


def test_a_folder_that_is_listed_by_its_descriptor_is_an_input(tmp_path: Path) -> None:
    """As `os.fwalk` does."""
    (tmp_path / "inner").mkdir()
    with recorded(tmp_path) as found:
        list(os.fwalk(tmp_path))

    (tmp_path / "inner" / "new").write_text("", encoding="utf-8")
    assert files.changed({str(tmp_path / "inner"): found["inner"]})


def test_files_that_are_opened_by_descriptor_or_in_c_are_inputs(tmp_path: Path) -> None:
    """By `os.open`, `io.open_code`, `sqlite3` and `ctypes`; what is no path is none."""
    for name in ("low", "code", "data.db", "lib.so"):
        (tmp_path / name).write_text("", encoding="utf-8")
    with recorded(tmp_path) as found:
        os.close(os.open(tmp_path / "low", os.O_RDONLY))
        os.close(os.open(tmp_path / "new", os.O_WRONLY | os.O_CREAT))
        io.open_code(str(tmp_path / "code")).close()
        sqlite3.connect(tmp_path / "data.db").close()
        sqlite3.connect(":memory:").close()
        with pytest.raises(OSError, match=r"too short|invalid"):
            ctypes.CDLL(str(tmp_path / "lib.so"))

    assert found.keys() == {"low", "code", "data.db", "lib.so"}
    assert sqlite3.connect.__module__ == "_sqlite3"


def test_a_file_that_is_executed_by_its_path_is_an_input_and_one_that_is_imported_is_not(tmp_path: Path) -> None:
    """Imports are recorded elsewhere, by the name of the module."""
    for name in ("by_path", "by_import"):
        (tmp_path / f"{name}.py").write_text("", encoding="utf-8")
    recorder = io_recorder.FileRecorder(files.identity, files.presence, files.link_identity)
    recorder.is_import = lambda path: path.endswith("by_import.py")
    recorder.start()
    try:
        for name in ("by_path", "by_import"):
            spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    finally:
        recorder.stop([__name__])

    # Whoever measures this test asks for links and for what is there, not for what is in a file.
    read = [path for path, known in recorder.paths.items() if len(known) > files.LINK and path.endswith(".py")]
    assert read == [str(tmp_path / "by_path.py")]
