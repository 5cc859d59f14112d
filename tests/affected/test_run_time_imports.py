"""Which modules code asks for when it runs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import FunctionType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.private import importing
from pytest_zygote.affected.calling_frames import Readers
from pytest_zygote.affected.run_time_imports import RunTimeImports
from pytest_zygote.core.affected.dependency import FOUND, IMPORTABLE, Need
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType


def asked(root: Path, text: str) -> set[Need]:
    """Return what is needed by code that calls a function of the import system."""
    tree = tree_at(root, {})
    tree.roots = (str(root),)
    imports = RunTimeImports(tree, Readers(lambda _: True, str))
    functions = (importlib.import_module, importlib.util.find_spec, importing.find_spec.function)
    watched = {function.__code__ for function in functions if isinstance(function, FunctionType)}

    def see(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in watched:
            imports.note(frame)

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        exec(compile(text, "/srv/reader.py", "exec"), {"importlib": importlib, "__name__": "reader"})  # noqa: S102
    finally:
        sys.setprofile(before)
    return {*imports.drain()}


@pytest.mark.parametrize(
    "text",
    [
        "importlib.util.find_spec('nowhere')",
        "try: importlib.import_module('nowhere')\nexcept ImportError: pass",
        "try: __import__('nowhere')\nexcept ImportError: pass",
        "importlib.util.find_spec('.nowhere', 'json')",
    ],
)
def test_a_name_that_is_asked_for_is_needed(tmp_path: Path, text: str) -> None:
    """Though nothing is found; a relative one in its package."""
    name = "json.nowhere" if "json" in text else "nowhere"
    assert asked(tmp_path, text) == {Need(FOUND, "", name)}


def test_the_text_says_what_statements_import(tmp_path: Path) -> None:
    """They have needs of their own."""
    assert asked(tmp_path, "try: import nowhere\nexcept ImportError: pass") == set()


def test_names_may_come_to_folders_that_a_test_has_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree knows only those that all tests have."""
    monkeypatch.syspath_prepend(str(tmp_path / "more"))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = asked(tmp_path, "importlib.util.find_spec('nowhere')")
    assert found == {Need(FOUND, "", "nowhere"), Need(IMPORTABLE, "more")}


@pytest.mark.parametrize(
    ("text", "names"),
    [("import one.two", {"one.two"}), ("from . import two", {"there.two"}), ("two = 2", set())],
)
def test_code_that_stands_in_no_file_is_asked_what_it_imports(tmp_path: Path, text: str, names: set[str]) -> None:
    """There is no other text that could be known."""
    imports = RunTimeImports(tree_at(tmp_path, {}), Readers(lambda _: True, str))
    imports.note_text(compile(text, "<doctest text.txt[0]>", "exec"), {"__package__": "there"}, None)
    assert {need.name for need in imports.drain() if need.kind == FOUND} == names
    imports.note_text(compile("import one", "<frozen one>", "exec"), {}, None)
    assert imports.drain() == {}


def test_a_name_that_leads_nowhere_is_no_error(tmp_path: Path) -> None:
    """It is one for the code itself, when it imports."""
    imports = RunTimeImports(tree_at(tmp_path, {}), Readers(lambda _: True, str))
    imports.note_text(compile("from ... import one", "<string>", "exec"), {"__package__": "there"}, None)
    assert imports.drain() == {}
