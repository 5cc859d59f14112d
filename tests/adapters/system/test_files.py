"""Any change of a file or folder that an import would see changes its identity."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import files
from tests.support.daemon import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_edit_that_keeps_size_and_time_is_seen_by_the_inode(tmp_path: Path) -> None:
    """As ``cp -p`` and editors that rename make them."""
    path, other = tmp_path / "module.py", tmp_path / "other"
    path.write_text("A = 1\n", encoding="utf-8")
    known = {str(path): files.identity(str(path))}
    assert not files.changed(known)
    other.write_text("A = 2\n", encoding="utf-8")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)

    assert files.changed(known) == [str(path)]


def test_an_edit_in_place_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    """And a mode that was changed; not another name for the file, as package managers make for other environments."""
    path = tmp_path / "module.py"
    path.write_text("A = 1\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    known = {str(path): files.identity(str(path))}
    eventually(lambda: path.stat().st_ctime_ns != _touched(tmp_path), "the clock of the file system has moved")
    path.write_text("A = 2\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert files.changed(known) == [str(path)]
    (tmp_path / "elsewhere").hardlink_to(path)
    known = {str(path): files.identity(str(path))}
    (tmp_path / "third").hardlink_to(path)
    assert files.changed(known) == []
    path.chmod(0o711)
    assert files.changed(known) == [str(path)]


def _touched(folder: Path) -> int:
    (folder / "touched").write_text("")
    return (folder / "touched").stat().st_ctime_ns


def test_a_file_that_is_written_to_meanwhile_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that is seen before it is over must not cost an import of everything."""
    path = tmp_path / "module.py"
    path.write_text("", encoding="utf-8")
    looks = iter([files.identity(str(path))])
    monkeypatch.setattr(files, "identity", lambda _path: next(looks, (9, 9, 9)))
    path.write_text("A = 1\n", encoding="utf-8")

    assert files.read_steady(str(path)) == (b"A = 1\n", (9, 9, 9))
    assert files.read_steady(f"{path}x") is None


def test_what_comes_and_goes_is_a_change(tmp_path: Path) -> None:
    """A file that was missed counts as one that was read."""
    path = tmp_path / "settings.yaml"
    absent = {str(path): files.identity(str(path))}
    path.write_text("", encoding="utf-8")
    present = {str(path): files.identity(str(path))}
    assert files.changed(absent) == [str(path)]
    assert not files.changed(present)
    path.unlink()

    assert files.changed(present) == [str(path)]
    assert not files.changed(absent)


def test_of_a_probe_only_the_kind_counts(tmp_path: Path) -> None:
    """A module that asked whether a file is there does not know what is in it."""
    path = tmp_path / "flag"
    path.write_text("", encoding="utf-8")
    known = {str(path): files.presence(str(path))}
    path.write_text("more", encoding="utf-8")
    assert not files.changed(known)
    path.unlink()
    path.mkdir()

    assert files.changed(known) == [str(path)]


def test_hidden_entries_count_where_they_are_asked_for(tmp_path: Path) -> None:
    """Where pytest would collect from them."""
    path = f"{tmp_path}{files.WITH_HIDDEN}"
    known = {path: files.identity(path), str(tmp_path): files.identity(str(tmp_path))}
    (tmp_path / "__pycache__").mkdir()
    assert not files.changed(known)
    (tmp_path / ".hidden").mkdir()

    assert files.changed(known) == [path]


def test_a_folder_is_its_entries(tmp_path: Path) -> None:
    """Caches that are written into it do not count, new modules do."""
    known = {str(tmp_path): files.identity(str(tmp_path))}
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / ".pytest_cache").mkdir()
    assert not files.changed(known)
    (tmp_path / "new.py").touch()

    assert files.changed(known) == [str(tmp_path)]


def test_names_that_an_import_could_find(tmp_path: Path) -> None:
    """Modules, extensions, compiled modules and folders; hidden and other files are none."""
    for name in ("module.py", "native.cpython-312-x86_64-linux-gnu.so", "frozen.pyc", "notes.txt", ".hidden.py"):
        (tmp_path / name).touch()
    for name in ("package", "__pycache__", ".git"):
        (tmp_path / name).mkdir()

    assert files.importable_names(str(tmp_path)) == {"module", "native", "frozen", "package"}
    assert files.importable_names(str(tmp_path / "absent")) == frozenset()


def test_only_the_bytecode_of_the_source_is_dropped(tmp_path: Path) -> None:
    """Plain, optimised, and as pytest rewrote it; names with special characters are no patterns."""
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    tag = sys.implementation.cache_tag
    dropped = [f"a[1].{tag}.pyc", f"a[1].{tag}.opt-1.pyc", f"a[1].{tag}-pytest-9.2.0.pyc"]
    kept = [f"a1.{tag}.pyc", f"b.{tag}.pyc", "a[1].cpython-27.pyc"]
    for name in (*dropped, *kept):
        (cache / name).touch()
    files.drop_bytecode([str(tmp_path / "a[1].py")])

    assert sorted(path.name for path in cache.iterdir()) == sorted(kept)
