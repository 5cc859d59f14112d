"""Finders that extend the path while a layer is built."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.import_finders import PathLender, SearchRecorder, homes_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _lend(at: int, entry: str) -> None:
    sys.path.insert(at, entry)


def test_a_folder_is_lent_when_a_module_of_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place that it had when collection had ended."""
    first, second = (str(tmp_path / name) for name in ("first", "second"))
    monkeypatch.setattr(sys, "path", ["/start", "/end"])
    lender = PathLender(["/start", first, second, "/end"], homes_of([("app.main", f"{second}/app/main.py")]), _lend)

    lender.find_spec("json")
    lender.find_spec("app.main")
    assert sys.path == ["/start", "/end"]

    lender.find_spec("app")
    assert sys.path == ["/start", second, "/end"]


def test_a_module_that_no_run_has_reported_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by an option, say: the first folder that has it is lent."""
    (tmp_path / "unheard_of.py").touch()
    monkeypatch.setattr(sys, "path", [])

    PathLender([str(tmp_path)], {}, _lend).find_spec("unheard_of")

    assert sys.path == [str(tmp_path)]


def test_all_parts_of_a_namespace_package_are_lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of which a run has loaded no module: somebody may list them."""
    for folder in ("first", "second"):
        (tmp_path / folder / "in_parts").mkdir(parents=True)
    parts = [str(tmp_path / folder) for folder in ("first", "second")]
    monkeypatch.setattr(sys, "path", [])

    PathLender(parts, homes_of([("in_parts.x", f"{parts[1]}/in_parts/x.py")]), _lend).find_spec("in_parts")

    assert sys.path == parts


def test_a_folder_that_a_module_has_added_is_not_lent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is spelled."""
    monkeypatch.setattr(sys, "path", ["/top/tests/../lib"])

    PathLender(["/top/lib"], homes_of([("libmod", "/top/lib/libmod.py")]), _lend).find_spec("libmod")

    assert sys.path == ["/top/tests/../lib"]


def test_what_is_looked_for_and_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place where it was found, if it was."""
    (tmp_path / "only_looked_for.py").touch()
    (tmp_path / "without_init").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    recorder = SearchRecorder()
    for name in ("only_looked_for", "without_init", "never_there", "sys"):
        recorder.find_spec(name)

    assert recorder.not_loaded() == ("never_there", "only_looked_for", "without_init")
    assert recorder.places() == [str(tmp_path / "only_looked_for.py"), str(tmp_path / "without_init")]


def test_the_home_of_a_module_is_that_of_its_outermost_package() -> None:
    """A package is its folder; a module whose origin is no file has none."""
    modules = [("a", "/x/a/__init__.py"), ("a.b.c", "/y/a/b/c.py"), ("d", "/x/d.py"), ("e", "*")]

    assert homes_of(modules) == {"a": ["/x", "/y"], "d": ["/x"]}
