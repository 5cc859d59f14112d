"""Where import statements lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.import_targets import ImportTargets

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="targets")
def _targets(tmp_path: Path) -> ImportTargets:
    """Give a project of a package, two modules and a second folder that is searched."""
    for name in ("app/__init__.py", "app/calc.py", "app/deep/more.py", "top.py", "src/top.py", "src/late.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "app" / "fast.cpython-312-x86_64-linux-gnu.so").write_bytes(b"")
    return ImportTargets(str(tmp_path), (str(tmp_path), str(tmp_path / "src")))


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("test_a.py", "top", "top.py"),
        ("test_a.py", "late", "src/late.py"),
        ("test_a.py", "app", "app/__init__.py"),
        ("test_a.py", "app.calc", "app/calc.py"),
        ("test_a.py", "app.calc.add", ""),
        ("test_a.py", "app.fast", "app/fast.cpython-312-x86_64-linux-gnu.so"),
        ("test_a.py", "app.deep", "app/deep"),
        ("test_a.py", "json", ""),
        ("app/calc.py", ".deep.more", "app/deep/more.py"),
        ("app/deep/more.py", "..calc", "app/calc.py"),
        ("app/calc.py", ".top", ""),
    ],
)
def test_the_first_folder_that_has_it_decides(targets: ImportTargets, path: str, name: str, expected: str) -> None:
    """Relative names are searched in the folder of the file alone."""
    assert targets.find(path, name) == expected


def test_the_checksum_changes_when_a_name_leads_elsewhere(targets: ImportTargets, tmp_path: Path) -> None:
    """As soon as the folders are looked at anew."""
    before = targets.checksum("test_a.py", ("late", "json"))
    (tmp_path / "late.py").write_text("")
    assert targets.checksum("test_a.py", ("late", "json")) == before
    targets.forget()

    assert targets.checksum("test_a.py", ("late", "json")) != before


def test_a_data_file_is_not_importable(targets: ImportTargets, tmp_path: Path) -> None:
    """But modules, packages and extension modules are."""
    before = targets.importable(str(tmp_path))
    (tmp_path / "notes.txt").write_text("")
    targets.forget()
    assert targets.importable(str(tmp_path)) == before
    (tmp_path / "new.py").write_text("")
    targets.forget()

    assert targets.importable(str(tmp_path)) != before
