"""Stamps and contents of files, and which of them are the project's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected import file_state
from pytest_zygote.affected.file_state import changed_ns, compiled_units, content, may_be_outdated, presence, stamp
from pytest_zygote.affected.project_files import listed, project_files
from pytest_zygote.core.affected.fingerprints import MODULE, compiled_text

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_not_there_has_no_stamp(tmp_path: Path) -> None:
    """Nor has a name that cannot be one."""
    assert stamp(str(tmp_path / "none")) == ()
    assert stamp("nul\0") == ()
    assert changed_ns(str(tmp_path / "none")) == 0
    assert presence(str(tmp_path / "none")) == b""


def test_a_file_that_replaces_another_has_another_stamp(tmp_path: Path) -> None:
    """Although time, size and name are the same."""
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (1, 1))
    before = stamp(str(tmp_path / "a"))
    (tmp_path / "b").replace(tmp_path / "a")

    assert stamp(str(tmp_path / "a")) != before


@pytest.mark.parametrize(
    ("compiled", "text", "expected"),
    [
        ((), (5 * 10**9, 0), False),
        ((5 * 10**9, 0), (), False),
        ((5 * 10**9 + 1, 0), (5 * 10**9 + 9, 0), True),
        ((6 * 10**9, 0), (5 * 10**9, 5 * 10**9), False),
        ((6 * 10**9, 0), (5 * 10**9, 7 * 10**9), True),
    ],
)
def test_a_compiled_file_of_the_same_second_may_be_outdated(
    compiled: tuple[int, ...], text: tuple[int, ...], *, expected: bool
) -> None:
    """So may one that is older than the last change of the text's inode."""
    assert may_be_outdated(compiled, text) is expected


def test_the_content_is_that_of_the_bytes(tmp_path: Path) -> None:
    """Of a large file its stamp stands for it; a folder or a pipe is not read."""
    file = tmp_path / "a"
    file.write_text("x")
    one = content(str(file), stamp(str(file)))
    os.utime(file, (1, 1))
    assert content(str(file), stamp(str(file))) == one
    large = (1, 1, file_state.LARGE + 1, 1)
    assert content(str(file), large) != content(str(file), (2, *large[1:]))
    os.mkfifo(tmp_path / "pipe")

    assert content(str(tmp_path / "pipe"), ()) == content(str(tmp_path), ())
    assert content(str(tmp_path / "none"), ()) != content(str(tmp_path), ())


def test_files_and_folders_differ_by_their_presence(tmp_path: Path) -> None:
    """Two files do not."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)

    assert presence(str(tmp_path / "a")) == presence(str(tmp_path / "b")) != presence(str(tmp_path))


def test_a_text_that_is_not_python_is_one_unit(tmp_path: Path) -> None:
    """So is a file that cannot be read."""
    (tmp_path / "a.py").write_text("def f(): pass\n")
    (tmp_path / "b.py").write_text("def f(:\n")

    assert compiled_units(str(tmp_path / "a.py")) == compiled_text(b"def f(): pass\n", str(tmp_path / "a.py"))
    assert compiled_units(str(tmp_path / "b.py")).keys() == compiled_units(str(tmp_path / "c.py")).keys() == {MODULE}


def test_the_projects_files_leave_out_what_tools_make(tmp_path: Path) -> None:
    """Caches, virtual environments, copies of editors; all else may be read."""
    for name in ("app/a.py", "data.txt", ".git/x", "build/b.py", "env/pyvenv.cfg", "env/c.py", "run.log", "a.py~"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    assert project_files(str(tmp_path)) == ["app/a.py", "build/b.py", "data.txt", "run.log"]


def test_a_listing_does_not_depend_on_order_or_caches() -> None:
    """But on each other name."""
    assert listed(["a", "b"]) == listed(["b", "__pycache__", "a", "c.pyc"])
    assert listed(["a", "b"]) != listed(["a", "c"])
