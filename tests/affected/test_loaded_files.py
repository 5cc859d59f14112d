"""The project's loaded files: fingerprints and edges."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.loaded_files import LoadedFiles
from pytest_zygote.core.affected.fingerprints import compiled_text, owners
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType, FrameType

LATE, EARLY = 2**62, 0
"""Times at which a process began: after the last edit, or before it."""


def write(root: Path, name: str, text: str) -> CodeType:
    """Write a module; return its code."""
    (root / name).write_text(text)
    return compile(text, str(root / name), "exec", dont_inherit=True)


def files_of(root: Path, started_ns: int = LATE) -> LoadedFiles:
    """Return what is loaded of a project: nothing."""
    return LoadedFiles(tree_at(root), lambda path: path.startswith(str(root)), started_ns)


def load(files: LoadedFiles, code: CodeType, outer: FrameType | None = None, loader: object = None) -> None:
    """Load a module."""
    namespace = {"__name__": "some", "__spec__": SimpleNamespace(loader=loader, cached=None)}
    files.see(code, namespace, outer)
    files.settle()


def test_fingerprints_are_those_of_the_code_that_ran(tmp_path: Path) -> None:
    """Whatever the file holds meanwhile."""
    files = files_of(tmp_path, EARLY)
    code = write(tmp_path, "a.py", "def f(): return 1\n")
    write(tmp_path, "a.py", "def f(): return 2\n")
    load(files, code)

    assert files.files["a.py"].units == compiled_text(b"def f(): return 1\n", "a.py")


def test_a_rewritten_file_that_was_edited_matches_nothing(tmp_path: Path) -> None:
    """Its text that ran is not known; one that is old is taken from the disk."""
    rewriter = type("Rewriter", (), {"__module__": "_pytest.assertion"})()
    code = write(tmp_path, "a.py", "def f(): assert 1\n")
    settled, edited = files_of(tmp_path), files_of(tmp_path, EARLY)
    for files in (settled, edited):
        load(files, code.replace(co_names=("rewritten",)), loader=rewriter)
    known = compiled_text(b"def f(): assert 1\n", "a.py")

    assert settled.files["a.py"].units == known
    assert edited.files["a.py"].units.keys() == known.keys()
    assert edited.files["a.py"].units["f"] != known["f"]


def test_a_file_that_was_loaded_twice_with_other_texts_matches_nothing(tmp_path: Path) -> None:
    """Which one a test ran is not known."""
    files = files_of(tmp_path, EARLY)
    codes = [write(tmp_path, "a.py", f"import m{number}\ndef f(): return {number}\n") for number in (1, 2)]
    for code in codes:
        load(files, code)

    assert files.files["a.py"].imports == ("m1", "m2")
    assert files.files["a.py"].fingerprint() not in {files_fingerprint(tmp_path, code) for code in codes}


def files_fingerprint(root: Path, code: CodeType) -> bytes:
    """Return that of a file that was loaded once."""
    files = files_of(root, EARLY)
    load(files, code)
    return files.files["a.py"].fingerprint()


def test_import_statements_are_edges(tmp_path: Path) -> None:
    """At any depth, also if another importer loaded the module."""
    files = files_of(tmp_path)
    load(files, write(tmp_path, "c.py", ""))
    load(files, write(tmp_path, "b.py", "def f():\n    import c\n"))
    load(files, write(tmp_path, "a.py", "import b\n"))

    assert files.closure(["a.py"]) == {"a.py", "b.py", "c.py"}
    assert files.closure(["b.py", "unknown.py"]) == {"b.py", "c.py"}


def test_who_was_running_is_an_edge(tmp_path: Path) -> None:
    """A plugin that was found by listing a folder; without any, it was not asked for by the project."""
    files = files_of(tmp_path)
    loader = write(tmp_path, "loader.py", "import sys\nfound = frame()\n")
    namespace = {"frame": inspect.currentframe}
    exec(loader, namespace)  # noqa: S102 - a frame of that file is wanted
    frame = namespace["found"]
    load(files, write(tmp_path, "plugin.py", ""), frame)  # type: ignore[arg-type]  # it is one
    load(files, write(tmp_path, "alone.py", ""))

    assert files.closure(["loader.py"]) == {"loader.py", "plugin.py"}
    assert files.unasked == {"alone.py"}


def test_code_belongs_to_a_unit_of_its_file(tmp_path: Path) -> None:
    """A copy of it to the file as a whole."""
    files = files_of(tmp_path)
    code = write(tmp_path, "a.py", "def f(): pass\n")
    load(files, code)
    function = next(inner for inner, unit in owners(code) if unit == "f")

    assert files.units_of([function]) == {("a.py", "f")}
    assert files.units_of([function.replace(co_name="copy")]) == {("a.py", "*")}
    assert files.units_of([]) == set()


def test_a_file_that_was_loaded_before_is_early(tmp_path: Path) -> None:
    """What it ran meanwhile is unknown."""
    files = files_of(tmp_path)
    write(tmp_path, "a.py", "def f(): pass\n")
    files.see_early([str(tmp_path / "a.py"), "/elsewhere/b.py"])

    assert files.files.keys() == {"a.py"}
    assert files.files["a.py"].is_early
    assert files.unasked == {"a.py"}


@pytest.mark.parametrize(
    ("name", "expected"), [("a.py", True), ("data.txt", False), ("none.py", False), ("/elsewhere/a.py", False)]
)
def test_python_files_of_the_project_count(tmp_path: Path, name: str, *, expected: bool) -> None:
    """If they are there: a name in an archive is none."""
    write(tmp_path, "a.py", "")
    (tmp_path / "data.txt").write_text("")

    assert files_of(tmp_path).has(str(tmp_path / name)) is expected
