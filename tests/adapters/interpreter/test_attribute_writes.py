"""What is written into modules from outside."""

from __future__ import annotations

import csv
import importlib
import json
import sys
import types
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.attribute_writes import ADDED, AttributeWrites, describe, may_read, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="CPython does not tell who writes")


def module(name: str, code: str) -> types.ModuleType:
    """Make a module of this code, as an import would."""
    made = types.ModuleType(name)
    exec(code, vars(made))  # noqa: S102 - our own code
    return made


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Give a package that is installed."""
    code = "class Client:\n    limit = 1\n\nHOOKS = {}\nUSED = 0\ndef use():\n    global USED\n    USED += 1\n"
    made = module("library", code)
    monkeypatch.setitem(sys.modules, "library", made)
    return made


@pytest.fixture
def writes(library: types.ModuleType) -> AttributeWrites:
    """Watch, with `app` for the project; each test ends it."""
    found = AttributeWrites(lambda name: name.partition(".")[0] == "app")
    found.add_parts(library.__name__)
    return found


def told(writes: AttributeWrites) -> dict[str, object]:
    """Return what has changed, by its name in messages."""
    found = {describe(owner, key): value for owner, key, value in writes.changes()}
    return {name: value for name, value in found.items() if not name.startswith("hypothesis.")}  # runs tests, too


def test_a_patched_class_of_the_standard_library(writes: AttributeWrites) -> None:
    """Whoever does it, with names of methods like ``__init__`` too; it is undone, and done again."""
    plain, other = json.JSONEncoder.default, json.JSONEncoder.encode
    json.JSONEncoder.default = other  # type: ignore[method-assign]  # that is the point
    changes = tuple(writes.changes())
    writes.restore()

    (change,) = (change for change in changes if describe(*change[:2]) == "json.encoder.JSONEncoder.default")
    assert json.JSONEncoder.default is plain
    put(*change)
    assert vars(json.JSONEncoder)["default"] is other
    json.JSONEncoder.default = plain  # type: ignore[method-assign]  # see above


def test_an_entry_of_a_registry(writes: AttributeWrites) -> None:
    """Like the dialects of csv."""
    csv.register_dialect("own", delimiter=";")
    assert [name for name in told(writes) if name.endswith(".own")] == ["_csv._dialects.own"]
    writes.restore()
    assert "own" not in csv.list_dialects()


def test_code_of_the_project_patches_a_library(writes: AttributeWrites, library: types.ModuleType) -> None:
    """Its names, classes and registries."""
    module("app", "import library\nlibrary.use = 1\nlibrary.Client.limit = 2\nlibrary.HOOKS['app'] = 3\n")
    assert told(writes) == {"library.use": 1, "library.Client.limit": 2, "library.HOOKS.app": 3}
    writes.restore()
    assert (vars(library)["Client"].limit, vars(library)["HOOKS"]) == (1, {})


def test_a_library_keeps_its_own_state(writes: AttributeWrites, library: types.ModuleType) -> None:
    """Half of it put back could be worse than all of it kept."""
    vars(library)["use"]()
    module("library.setup", "import library\nlibrary.Client.limit = 2\nlibrary.USED = 5\n")
    assert told(writes) == {}
    writes.restore()


def test_only_a_name_is_printed_of_a_key() -> None:
    """It may be anybody's object."""
    assert describe("copyreg:dispatch_table", object()) == "copyreg.dispatch_table.[…]"


@pytest.mark.parametrize(
    ("code", "read"), [("json.dumps(1)", {"dumps"}), ("json.loads('1')", set()), ("vars(json)", {"dumps", "encode"})]
)
def test_who_may_have_read_what_was_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, read: set[str]
) -> None:
    """Whose code has a word for it, or goes through all names of a module."""
    (tmp_path / "reader.py").write_text(f"import json\nRESULT = {code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "reader", raising=False)
    importlib.import_module("reader")

    assert may_read("reader", ["dumps", "encode"]) == read
    monkeypatch.delitem(sys.modules, "reader")


def test_who_has_no_code_to_look_at_may_have_read_all() -> None:
    """A module of C, or one that is made by a finder of its own."""
    assert may_read("sys", ["dumps"]) == {"dumps"}


def test_what_modules_add_to_lists_and_sets_of_the_project(
    writes: AttributeWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of others it is their own affair; objects are never compared; a list that is written anew is told as such."""
    other = Hostile()
    registry = module("app.registry", "ITEMS, NAMES, ORDER, _cache, __all__ = [], set(), [1, 2], [], []\n")
    vars(registry)["ITEMS"].append(other)
    monkeypatch.setitem(sys.modules, "app.registry", registry)
    writes.add_parts("app.registry")
    assert told(writes) == {}
    items, names, order = (vars(registry)[name] for name in ("ITEMS", "NAMES", "ORDER"))
    items.extend([other, "one"])
    names.add("one")
    order.reverse()
    for name in ("_cache", "__all__"):
        vars(registry)[name].append(1)
    changes = tuple(writes.changes())
    assert told(writes) == {}
    writes.restore()

    assert {(owner, key is ADDED) for owner, key, _ in changes} == {
        ("app.registry:ITEMS", True),
        ("app.registry:NAMES", True),
        ("app.registry:ORDER", False),
    }
    assert (len(items), names, order) == (1, set(), [1, 2])
    for change in changes:
        put(*change)
    assert (items[1] is other, items[2], names, order) == (True, "one", {"one"}, [1, 2])


class Hostile:
    """Must never be asked whether it equals anything."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]  # see above
