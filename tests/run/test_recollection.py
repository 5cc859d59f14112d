"""Which test files runs may collect again, and what a run does with them."""

from __future__ import annotations

import sys
from importlib.util import spec_from_file_location
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.pytest.private import terminal
from pytest_zygote.adapters.system.files import identity
from pytest_zygote.run.recollection import Recollection

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.run.inherited_layer import InheritedLayer

LAYER = cast("InheritedLayer", SimpleNamespace(own=frozenset()))


class FakeHooks:
    """The hooks of a session: nobody implements one but pytest, or a plugin of the test's.

    Attributes:
        strangers: hook → module of a plugin that has it.
    """

    def __init__(self) -> None:
        """Have none."""
        self.strangers: dict[str, str] = {}

    def __getattr__(self, name: str) -> SimpleNamespace:
        """Return a hook."""
        module = self.strangers.get(name, "_pytest.main")
        impl = SimpleNamespace(function=SimpleNamespace(__module__=module))
        return SimpleNamespace(get_hookimpls=lambda: [impl])


class World:
    """A session that has collected the functions of `test_a` and `test_b`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Collect them."""
        self.folder = folder
        self.options: dict[str, object] = {"capture": "fd"}
        self.hooks = FakeHooks()
        self.reporter = SimpleNamespace(stats={})
        manager = SimpleNamespace(getplugin=lambda name: self.reporter if name == "terminalreporter" else None)
        self.config = SimpleNamespace(
            getoption=self.options.get,
            getini=lambda _name: False,
            args=["tests"],
            pluginmanager=SimpleNamespace(hook=self.hooks, getplugin=manager.getplugin),
            hook=SimpleNamespace(pytest_collection_modifyitems=self.select),
        )
        self.session = SimpleNamespace(config=self.config, items=[])
        self.recollection = Recollection()
        self.identities: dict[str, tuple[int, ...]] = {}
        self.selects = 0
        # Other tests of this process have declared fixtures that outlive runs.
        monkeypatch.delitem(sys.modules, "pytest_zygote.fixtures.declare", raising=False)
        # So that no module of this test run has a word for theirs.
        monkeypatch.setattr(code_origin, "is_own", lambda path: path.startswith(str(folder)))
        for name in ("test_a", "test_b"):
            self.add(monkeypatch, name)

    def add(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Collect one more file, with two tests."""
        file = self.folder / f"{name}.py"
        file.write_text("def test_one():\n    assert True\n")
        self.identities[str(file)] = identity(str(file))
        module = ModuleType(name)
        module.__spec__ = spec_from_file_location(name, file)
        monkeypatch.setitem(sys.modules, name, module)
        node = object.__new__(pytest.Module)
        node._obj = module
        self.session.items += [self.item(node, file) for _ in range(2)]
        self.recollection.items = list(self.session.items)

    def item(self, node: pytest.Module, file: Path) -> pytest.Function:
        """Return a test."""
        made = object.__new__(pytest.Function)
        made.path, made.parent, made.own_markers = file, node, []
        made.getparent = lambda _kind: node  # type: ignore[method-assign, assignment, return-value]
        return made

    def select(self, **_: object) -> None:
        """Count: pytest's own selection changes nothing here."""
        self.selects += 1

    def renewable(self) -> tuple[str, ...]:
        """Return the files that runs may collect again, by their names."""
        found = self.recollection.look(cast("pytest.Session", self.session), self.identities, LAYER)
        return tuple(path.removeprefix(f"{self.folder}/") for path in found)

    def save(self, name: str, text: str) -> str:
        """Save a file; return its path."""
        file = self.folder / f"{name}.py"
        file.write_text(text)
        return str(file)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Provide a session."""
    return World(monkeypatch, tmp_path)


def test_plain_files_of_functions_are_collected_again(world: World) -> None:
    """Nothing else has a word for them."""
    assert world.renewable() == ("test_a.py", "test_b.py")


def test_a_file_that_another_names_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have looked at it while it was imported."""
    world.save("test_b", "import test_a\n")
    world.identities[str(world.folder / "test_b.py")] = identity(str(world.folder / "test_b.py"))
    assert world.renewable() == ("test_b.py",)

    helper = ModuleType("helper")
    helper.__spec__ = spec_from_file_location("helper", world.save("helper", "NAMES = 'test_b'\n"))
    monkeypatch.setitem(sys.modules, "helper", helper)
    assert world.renewable() == ()


def test_a_file_that_was_saved_meanwhile_is_not(world: World) -> None:
    """Nobody knows the text that was collected."""
    world.save("test_a", "def test_other():\n    assert 1\n")

    assert world.renewable() == ()


def test_options_that_look_at_all_files_forbid_it(world: World) -> None:
    """So do arguments that name one test."""
    world.options["keepduplicates"] = True
    assert world.renewable() == ()
    world.options.clear()

    world.config.args = ["test_a.py::test_one"]
    assert world.renewable() == ()


def test_a_plugin_that_takes_part_in_collection_forbids_it(world: World) -> None:
    """It may rely on when it is called."""
    world.hooks.strangers["pytest_itemcollected"] = "conftest"

    assert world.renewable() == ()


def test_tests_of_one_file_must_be_side_by_side(world: World) -> None:
    """Else nobody knows where the new ones belong."""
    first, second, *rest = world.session.items
    world.session.items[:] = world.recollection.items[:] = [first, *rest, second]

    assert world.renewable() == ("test_b.py",)


def test_an_edit_of_a_body_can_be_collected_again(world: World) -> None:
    """One that imports something else cannot, nor one whose file has warned."""
    world.renewable()
    path = world.save("test_a", "def test_one():\n    assert 2\n")
    assert world.recollection.why_not_recollectable([path]) == ""

    world.reporter.stats["warnings"] = [SimpleNamespace(fslocation=(path, 1))]
    assert world.recollection.why_not_recollectable([path]) == "test_a.py changed: it has warned"
    world.reporter.stats.clear()

    world.save("test_a", "import json\n")
    assert "it imports something else" in world.recollection.why_not_recollectable([path])


def test_what_cannot_be_collected_again_has_the_run_start_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was written yet."""
    monkeypatch.setattr(terminal, "reporter_of", lambda _config: None)
    world.renewable()
    path = world.save("test_a", "import json\n")

    assert "test_a.py changed" in world.recollection.collect([path])


def test_the_tests_of_unchanged_files_are_selected_as_before(world: World) -> None:
    """Only the plugins' order is asked for again; what was left out stays so."""
    left_out = world.session.items.pop(1)
    world.reporter.stats["deselected"] = [left_out]
    assert world.renewable() == ("test_a.py", "test_b.py")
    before = list(world.session.items)

    world.recollection.select()

    assert world.session.items == before
    assert world.reporter.stats["deselected"] == [left_out]
    assert world.selects == 1
