"""While a layer is built, everything that modules read of the outside world is noted."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import io_recorder
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
    recorder = io_recorder.EnvironRecorder(
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
    recorder = io_recorder.FileRecorder(files.identity, files.presence)
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


def test_folders_that_are_listed_are_noted(tmp_path: Path) -> None:
    """A new plug-in beside the others is one more."""
    (tmp_path / "plugins").mkdir()
    with recorded(tmp_path) as found:
        assert os.listdir(tmp_path / "plugins") == []  # noqa: PTH208 - it is what is tested

    assert found["plugins"] == files.identity(str(tmp_path / "plugins"))


def test_afterwards_nothing_is_replaced(tmp_path: Path) -> None:
    """The functions are Python's own again, also those that a module took meanwhile."""
    before = (open, os.listdir, os.scandir, os.stat)
    with recorded(tmp_path):
        globals()["taken"] = os.listdir
        assert os.listdir is not before[1]

    assert (open, os.listdir, os.scandir, os.stat) == before
    assert globals().pop("taken") is before[1]
