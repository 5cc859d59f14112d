"""The page on what is relied on says what the code does."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_zygote.adapters import self_checks
from scripts import internals

if TYPE_CHECKING:
    from pathlib import Path

ROOM_FILES = [
    path for path in internals.PACKAGE.glob("adapters/*/private/*.py") if path.stem not in {"__init__", "checks"}
]


def _public_names(path: Path) -> set[str]:
    """Return what a module of the two rooms offers: what it defines, and what it passes on by ``__all__``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name) | ast.ClassDef(name):
                found.add(name)
            case ast.Assign(targets=[ast.Name("__all__")], value=ast.List(elts)):
                found |= {str(element.value) for element in elts if isinstance(element, ast.Constant)}
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                found.add(name)
            case _:
                pass
    return {name for name in found if not name.startswith("_") and name not in {"INTERNALS", "TYPE_CHECKING", "F"}}


def test_page_is_made_from_the_code() -> None:
    """`python -m scripts.internals` would write what stands there."""
    assert internals.DOCUMENT.read_text(encoding="utf-8") == "".join(internals.render())


def test_all_that_the_rooms_offer_has_a_self_check() -> None:
    """A function or alias that no self-check names would fail in a run."""
    checked = {name for one in self_checks.internals() for name in one.accessors}
    offered = {name for path in ROOM_FILES for name in _public_names(path)}

    assert checked == offered - {"Step", "Changes"}


def test_all_that_the_rooms_offer_is_used() -> None:
    """Nothing is relied on that nobody needs."""
    used = internals.users()
    # `new_watch` returns one of two, and asks for keys that may be looked up.
    inside = {"WatchedDictionaries", "DictionaryVersions", "is_plain_key"}

    assert [one.name for one in self_checks.internals() if not {*one.accessors} - inside <= used.keys()] == []
