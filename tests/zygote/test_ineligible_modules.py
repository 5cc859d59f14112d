"""Which modules of a build can be in no layer, by what they did to the process."""

from __future__ import annotations

import sys
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import process_state
from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.interpreter.side_effects import MAKE
from pytest_zygote.core.layers.import_effects import Became
from pytest_zygote.core.layers.module_graph import FAILED
from pytest_zygote.core.protocol.layer_messages import Build
from pytest_zygote.zygote import ineligible_modules
from pytest_zygote.zygote.ineligible_modules import IneligibleModules, IneligibleModulesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class FakeState:
    """The state of the process: the changes that the test puts there."""

    def __init__(self) -> None:
        """Have changed nothing."""
        self.found: list[Became] = []
        self.is_restored = False
        self.changeable: list[str] = []

    def changes(self, _module: str) -> list[Became]:
        """Return what has changed."""
        return self.found

    def patches(self, _module: str) -> list[Became]:
        """Return nothing: only a look at everything shows it."""
        return []

    def loaded(self, _module: str) -> None:
        """Do nothing."""

    def may_change(self, module: str) -> None:
        """Note the module."""
        self.changeable.append(module)

    def restore(self) -> None:
        """Note it."""
        self.is_restored = True


class FakeLeaks:
    """What is left behind: what the test puts there."""

    def __init__(self) -> None:
        """Have left nothing."""
        self.thread = ""
        self.has_started = False
        self.left: dict[str, str] = {}
        self.looks: list[tuple[str, ...]] = []

    def threads(self, _is_own: Callable[[], bool]) -> str:
        """Return the threads that have started."""
        return self.thread

    def has_waited(self) -> bool:
        """Return whether a process was started and has ended."""
        return self.has_started

    def look(self, modules: Sequence[str]) -> None:
        """Note who is asked about."""
        self.looks.append(tuple(modules))

    def settle(self, _is_own: Callable[[str], bool]) -> dict[str, str]:
        """Return what was left."""
        return self.left


class World:
    """A build in which module `importer` imports `app`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        """Begin the build."""
        self.state, self.leaks = FakeState(), FakeLeaks()
        self.orphan = False
        monkeypatch.setattr(process_state, "ProcessState", lambda _is_own: self.state)
        monkeypatch.setattr(ineligible_modules, "LeakCheck", lambda: self.leaks)
        monkeypatch.setattr(ineligible_modules, "end_children", lambda: self.orphan)
        self.ledger = Ledger(lambda _path: ())
        self.ledger.stack[:] = ["importer", "app"]
        self.modules = IneligibleModules(Build(kind, (), (), (), (), (), (), {}, (), "/project", {}), self.ledger)
        self.modules.start()

    @property
    def reasons(self) -> dict[str, str]:
        """What was found."""
        return self.modules.reasons


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Provide the build of a project layer; `app` is the project's own."""
    module = ModuleType("app")
    module.__spec__ = spec_from_file_location("app", tmp_path / "app.py")
    monkeypatch.setitem(sys.modules, "app", module)
    return World(monkeypatch, "project")


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> World:
    """Provide the build of a base layer."""
    return World(monkeypatch, "base")


def test_who_imports_it_is_ineligible_too(project: World) -> None:
    """A layer that holds the importer holds what it has imported."""
    project.modules.reject("reads the command line")

    assert project.reasons == dict.fromkeys(("importer", "app"), "app reads the command line when it is imported")
    with pytest.raises(IneligibleModulesError, match="app reads the command line"):
        project.modules.raise_if_any()


def test_a_module_that_has_made_a_folder_has_another_chance(project: World) -> None:
    """Next time it finds the folder."""
    project.modules.reject(MAKE)

    assert project.reasons["app"] == f"{FAILED}app makes a folder when it is imported"


def test_a_variable_that_is_put_back_is_no_change(base: World) -> None:
    """A library may set one that only the loading of its C code reads."""
    base.modules.on_variable("KEY", is_another=True)
    base.modules.on_variable("KEY", is_another=False)
    base.modules.on_imported("importer")
    base.modules.on_variable("KEY", is_another=True)

    with pytest.raises(IneligibleModulesError, match=r"app changes the environment past os\.environ"):
        base.modules.on_imported("importer")


def test_nothing_found_ends_no_build(project: World) -> None:
    """The process is given back as it was."""
    project.modules.on_turn()
    project.modules.on_loaded("app")
    project.modules.on_imported("importer")
    project.modules.stop()

    project.modules.raise_if_any()
    assert project.state.is_restored


def test_a_thread_is_found_when_another_modules_code_begins(project: World) -> None:
    """Nothing is raised there: the importer may catch all exceptions."""
    project.leaks.thread = "Thread-1"

    project.modules.on_turn()

    assert project.reasons["importer"] == "app starts a thread when it is imported (Thread-1)"


def test_a_change_that_runs_can_repeat_is_noted(project: World) -> None:
    """It is one more event in the log of the module."""
    change = Became("recursion limit", 5000)
    project.state.found = [change]

    project.modules.on_turn()

    assert project.ledger.log["app"] == [change]
    assert project.reasons == {}


def test_configured_logging_is_left_to_runs_of_the_project_only(project: World, base: World) -> None:
    """`logging.basicConfig` does nothing while pytest collects, and much before."""
    for world in (project, base):
        world.state.found = [Became("root handlers", ())]
        world.modules.on_turn()

    assert project.reasons["app"] == "app configures logging when it is imported"
    assert base.reasons == {}


def test_packages_are_looked_at_as_a_whole_when_they_are_imported(base: World) -> None:
    """Each by itself hardly ever changes anything."""
    base.state.found = [Became("recursion limit", 5000)]

    base.modules.on_turn()
    assert base.ledger.log == {}
    base.modules.on_imported("lib")

    assert [*base.ledger.log] == ["lib"]


def test_a_process_that_code_of_the_project_has_waited_for_makes_it_ineligible(project: World, base: World) -> None:
    """Nobody has recorded what it has told; what packages ask the system stays as it is."""
    for world in (project, base):
        world.leaks.has_started = True
        world.modules.on_turn()

    assert project.reasons["app"] == "app starts a process when it is imported"
    assert base.reasons == {}


def test_a_process_that_is_left_ends_the_build(base: World) -> None:
    """This process is of no more use."""
    base.orphan = True

    with pytest.raises(IneligibleModulesError, match="lib starts a process when it is imported"):
        base.modules.on_imported("lib")


def test_a_module_that_only_failed_ends_the_build_later(project: World) -> None:
    """What else cannot be imported is found in the same attempt."""
    project.reasons["app"] = f"{FAILED}ValueError"

    project.modules.on_imported("importer")

    with pytest.raises(IneligibleModulesError):
        project.modules.raise_if_any()


def test_what_is_left_open_does_not_hide_the_thread_that_holds_it(project: World) -> None:
    """The first reason says more; one that only failed says less."""
    project.leaks.left = dict.fromkeys(("importer", "app"), "app opens a socket when it is imported")
    project.reasons.update(app="app starts a thread when it is imported", importer=f"{FAILED}ValueError")

    with pytest.raises(IneligibleModulesError):
        project.modules.on_imported("importer")

    assert project.reasons["app"] == "app starts a thread when it is imported"
    assert project.reasons["importer"] == "app opens a socket when it is imported"


def test_only_code_of_the_project_may_not_ask_for_the_process_id(project: World, tmp_path: Path) -> None:
    """Packages do so to find out whether they were forked."""
    project.modules.on_pid(pytest.__file__)
    project.ledger.stack[:] = ["pytest"]
    project.modules.on_pid("compiled/by_cython.pyx")
    assert project.reasons == {}
    project.ledger.stack[:] = ["app"]

    project.modules.on_pid(str(tmp_path / "app.py"))
    assert project.reasons["app"] == "app asks for the process id when it is imported"


def test_chance_counts_for_code_of_the_project_only(project: World) -> None:
    """Any number that a library has drawn is one that a run could have drawn."""
    project.state.found = [Became(process_state.DRAWS, None)]
    project.ledger.stack[:] = ["library"]
    project.modules.on_turn()
    assert project.reasons == {}

    project.ledger.stack[:] = ["app"]
    project.modules.on_turn()
    assert project.reasons == {"app": "app draws random numbers when it is imported"}


def test_what_code_of_the_project_imports_is_watched(project: World) -> None:
    """It may patch that; so may all others patch what is the project's."""
    project.modules.on_first_import("library")
    project.ledger.stack[:] = ["library"]
    project.modules.on_first_import("other")
    project.modules.on_loaded("app")
    assert project.state.changeable == ["library", "app"]
