"""What a run knows of the layer that it was forked from."""

from __future__ import annotations

import sys
from importlib.machinery import FileFinder
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.system.files import identity
from pytest_zygote.core.layers.import_effects import Imported
from pytest_zygote.core.protocol.layer_messages import Build, Built
from pytest_zygote.run import inherited_layer
from pytest_zygote.run.inherited_layer import InheritedLayer, loaded_after

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_zygote.core.reasons import Reason

FACTS = {"rootdir": "/project"}


class FakeWatch:
    """Tells of no changes: a real one would go on watching modules of the test process."""

    def __init__(self) -> None:
        """Watch nothing."""
        self.remembered: list[tuple[list[str], frozenset[str]]] = []
        self.refreshed: list[tuple[list[str], set[str]]] = []

    def remember(self, own: list[str], foreign: frozenset[str]) -> None:
        """Note what is to be watched."""
        self.remembered.append((own, foreign))

    def refresh(self, own: Iterable[str], foreign: set[str]) -> None:
        """Note what was patched."""
        self.refreshed.append(([*own], foreign))

    def changed(self, _imported: Iterable[str]) -> dict[str, str]:
        """Return no modules."""
        return {}


class World:
    """A project layer of the modules `first_app` and `second_app`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Import them."""
        self.folder = folder
        self.ledger = Ledger(identity)
        self.watch = FakeWatch()
        monkeypatch.setattr(inherited_layer, "NamespaceWatch", lambda: self.watch)
        self.layer = InheritedLayer(self.ledger)
        self.layer.last_name = next(reversed(sys.modules))
        for name in ("first_app", "second_app"):
            file = folder / f"{name}.py"
            file.write_text("VALUE = 1\n")
            module = ModuleType(name)
            module.__spec__ = spec_from_file_location(name, file)
            vars(module)["VALUE"] = 1
            monkeypatch.setitem(sys.modules, name, module)
            self.ledger.files[str(file)] = identity(str(file))
            self.ledger.duration_s[name] = 0.1
        monkeypatch.setitem(sys.path_importer_cache, str(folder), FileFinder(str(folder)))
        self.rejected: list[tuple[str, ...]] = []

    def build(self, **fields: object) -> None:
        """Add them to the layer."""
        plan = Build(
            kind="project",
            modules=("first_app", "second_app"),
            origins=(),
            rewritten=(),
            leaves=("test_app",),
            path=(str(self.folder),),
            client_path=(str(self.folder),),
            environ={"MODE": "test"},
            context=(),
            cwd=str(self.folder),
            facts=FACTS,
        )
        built = Built(
            names=tuple(sys.modules),
            files={},
            directories={str(self.folder): ""},
            missing=(),
            environ={},
            readers={},
            written=(),
            slowest=(),
            rejected={},
            warned=(),
            took_ms=1,
        )
        self.layer.add_build(plan.replaced(**fields), built)

    def reject(self, _reason: Reason, modules: tuple[str, ...]) -> None:
        """Note which modules a run rejects."""
        self.rejected.append(modules)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Provide a layer."""
    return World(monkeypatch, tmp_path)


def test_modules_are_given_in_the_order_in_which_they_were_begun(world: World) -> None:
    """Those that came after one; all if there is none."""
    assert loaded_after(world.layer.last_name) == ("first_app", "second_app")
    assert loaded_after("") == tuple(sys.modules)


def test_a_layer_knows_the_modules_of_its_build(world: World) -> None:
    """The project's own are watched; cached listings of their folders are dropped in each run."""
    world.build()

    assert world.layer.new == ("first_app", "second_app")
    assert world.layer.last_name == "second_app"
    assert world.layer.own == {"first_app", "second_app"}
    assert world.layer.leaves == {"test_app"}
    assert [finder.path for finder in world.layer.finders] == [str(world.folder)]


def test_the_rules_of_depth_get_what_the_plan_says(world: World) -> None:
    """A module that was rewritten once stays so."""
    world.build(rewritten=("first_app",))
    world.build()

    traits = world.layer.traits()
    assert (traits.kind, traits.facts, traits.rewritten) == ("project", FACTS, True)
    assert (traits.warned, traits.base_warned, traits.base_files) == ((), (), ())


def test_what_modules_hold_is_watched(world: World) -> None:
    """What a run changes before others of its layer are imported counts; what a patch has changed does not."""
    world.ledger.log["first_app"] = [Imported("json"), Imported("second_app")]
    world.build()
    world.layer.refresh({"first_app": frozenset({"second_app", "random"})})

    assert world.watch.remembered == [(["first_app", "second_app"], frozenset({"json"}))]
    assert world.watch.refreshed == [(["first_app"], {"random"})]


def test_a_file_that_was_written_since_its_import_is_named(world: World) -> None:
    """The run itself has written it, and imports it."""
    world.build()
    state = world.layer.run_state(world.reject)
    file = world.folder / "first_app.py"
    assert state.rewritten("first_app") == ""

    file.write_text("VALUE = 1234\n")

    assert state.rewritten("first_app") == str(file)
    assert state.rewritten("never_there") == ""


def test_test_modules_are_no_code_that_a_layer_may_hold(world: World) -> None:
    """Each run imports them."""
    world.build()
    state = world.layer.run_state(world.reject)

    assert state.is_own(str(world.folder / "first_app.py"))
    assert not state.is_own(str(world.folder / "test_app.py"))
    assert not state.is_own(pytest.__file__)
