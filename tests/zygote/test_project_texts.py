"""How a project layer remembers the texts of its modules, and follows edits of them."""

from __future__ import annotations

import os
import sys
import warnings
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.patching import PatchError
from pytest_zygote.adapters.system.files import identity
from pytest_zygote.core.layers.import_effects import Compiled, Imported, Warned
from pytest_zygote.core.patching.verdict import Keep, Patch, Reload
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.zygote import updater as updater_module
from pytest_zygote.zygote.updater import Updater, describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_zygote.core.patching.patch_plan import PatchPlan
    from pytest_zygote.core.patching.verdict import Verdict
    from pytest_zygote.run.inherited_layer import InheritedLayer

PLAN = cast("PatchPlan", None)
LOST = Reason("internals-changed", "the compiler is another")


class FakePatcher:
    """Notes what it is told, and decides as the test says.

    Attributes:
        verdict: about each file.
        error: raised instead of patching.
        imports: what patched modules import now.
    """

    def __init__(self, *_: object) -> None:
        """Know of nothing."""
        self.texts: dict[str, bytes] = {}
        self.forbidden: dict[str, str] = {}
        self.all_forbidden = ""
        self.has_scanned = False
        self.verdict: Verdict = Patch(("f",), PLAN)
        self.error: Exception | None = None
        self.imports: dict[str, frozenset[str]] = {}

    def remember(self, name: str, _path: str, source: bytes) -> None:
        """Note the text of a module."""
        self.texts[name] = source

    def scan(self) -> None:
        """Note that all texts are known."""
        self.has_scanned = True

    def forbid(self, name: str, reason: Reason) -> None:
        """Note which module must not be patched."""
        self.forbidden[name] = reason.code

    def forbid_all(self, reason: Reason) -> None:
        """Note why none must be."""
        self.all_forbidden = reason.code

    def distrust_stock(self) -> None:
        """Note that something was executed."""
        self.has_scanned = False

    def decide(self, changed: Mapping[str, bytes]) -> dict[str, Verdict]:
        """Return the verdict for each file."""
        return dict.fromkeys(changed, self.verdict)

    def apply(self) -> dict[str, frozenset[str]]:
        """Return what modules import now."""
        if self.error is not None:
            raise self.error
        return self.imports

    def verify(self) -> None:
        """Do nothing."""


class FakeStarts:
    """No code starts."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class FakeLayer:
    """A layer as its runs see it."""

    def __init__(self) -> None:
        """Have been refreshed by nothing."""
        self.refreshed: Mapping[str, frozenset[str]] = {}

    def refresh(self, imports: Mapping[str, frozenset[str]]) -> None:
        """Note what was patched."""
        self.refreshed = imports


class World:
    """A project layer of the modules `a`, `b` and `c`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Import them."""
        self.folder = folder
        self.patcher = FakePatcher()
        self.children = 0
        self.layer = FakeLayer()
        monkeypatch.setattr(updater_module, "Patcher", lambda *_: self.patcher)
        monkeypatch.setattr(updater_module, "new_starts", lambda _is_new: FakeStarts())
        monkeypatch.setattr(updater_module, "_traces_of_children", lambda: self.children)
        self.ledger = Ledger(identity)
        for name in ("a", "b", "c"):
            file = folder / f"{name}.py"
            file.write_text(f"NAME = '{name}'\n")
            module = ModuleType(name)
            module.__spec__ = spec_from_file_location(name, file)
            monkeypatch.setitem(sys.modules, name, module)
            self.ledger.files[str(file)] = identity(str(file))
        self.updater = Updater(str(folder), self.ledger)

    def path(self, name: str) -> str:
        """Return the file of a module."""
        return str(self.folder / f"{name}.py")

    def follow(self, *names: str) -> layer_messages.Patched | layer_messages.NotPatched:
        """Follow edits of these modules."""
        paths = [self.path(name) for name in names]
        order = layer_messages.Patch(dict.fromkeys(paths, b"new"), dict.fromkeys(paths, (1, 2, 3)))
        return self.updater.follow(order, cast("InheritedLayer", self.layer))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Provide a layer that is built."""
    return World(monkeypatch, tmp_path)


def warning(module: str) -> Warned:
    """Return a warning that names a line of a module."""
    return Warned(warnings.WarningMessage("text", UserWarning, f"{module}.py", 1), module, -1)


def test_texts_are_remembered_a_few_at_a_time(world: World) -> None:
    """Orders are looked for in between; functions are looked at when the last text is known."""
    world.updater.queue_texts(["a", "b", "c"])

    assert not world.updater.remember_texts(2)
    assert not world.patcher.has_scanned
    assert world.updater.remember_texts(2)
    assert world.patcher.texts == {name: f"NAME = '{name}'\n".encode() for name in ("a", "b", "c")}
    assert world.patcher.has_scanned


def test_a_fork_remembers_all_that_is_left(world: World) -> None:
    """It would not learn those that change before it has looked."""
    world.updater.queue_texts(["a", "b", "c"])

    assert world.updater.remember_texts(None)
    assert len(world.patcher.texts) == 3


def test_a_file_that_has_changed_since_its_import_is_not_remembered(world: World) -> None:
    """The patch would begin at a text that nobody has imported."""
    world.updater.queue_texts(["a", "b"])
    (world.folder / "a.py").write_text("NAME = 'another'\n")

    world.updater.remember_texts(None)

    assert [*world.patcher.texts] == ["b"]


def test_modules_that_warn_or_were_looked_at_are_never_patched(world: World) -> None:
    """A patch cannot repeat either."""
    world.ledger.log["a"] = [Compiled("a")]
    world.ledger.log["b"] = [warning("c")]
    world.ledger.digests.add(["a", "b"], world.ledger.log)
    world.updater.see(frozenset((world.path("a"),)))

    world.updater.queue_texts(["a", "b", "c"])

    assert world.patcher.forbidden == {"a": "file-examined", "b": "import-warns", "c": "import-warns"}


def test_a_process_that_was_started_forbids_all_patches(world: World) -> None:
    """It may have imported the project; what it wrote may have become a value."""
    with world.updater.recording():
        pass
    assert world.patcher.all_forbidden == ""

    with world.updater.recording():
        world.children += 1
    assert world.patcher.all_forbidden == "process-started"


def test_code_that_runs_besides_imports_makes_functions_of_its_own(world: World) -> None:
    """They are looked for with each patch."""
    world.updater.queue_texts(["a"])
    world.updater.remember_texts(None)

    with world.updater.executing():
        pass

    assert not world.patcher.has_scanned


def test_edits_are_patched_and_what_modules_import_now_is_noted(world: World) -> None:
    """The next edit begins at the new file."""
    world.patcher.imports = {"a": frozenset({"json"})}

    answer = world.follow("a")

    assert isinstance(answer, layer_messages.Patched)
    assert answer.verdicts == {world.path("a"): "patched f"}
    assert world.ledger.files[world.path("a")] == (1, 2, 3)
    assert world.ledger.importers["json"] == {"a"}
    assert world.ledger.log["a"] == [Imported("json")]
    assert world.layer.refreshed == {"a": frozenset({"json"})}


def test_one_reload_is_a_reload_of_all(world: World) -> None:
    """Nothing was patched."""
    reason = Reason("ran-at-import", "f ran while the project was imported")
    world.patcher.verdict = Reload(reason)

    assert world.follow("a", "b") == layer_messages.NotPatched(reason.add(" (and 1 more files)"))
    assert world.layer.refreshed == {}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PatchError("f is another"), "a patch failed: f is another"),
        (KeyError("f"), "the patcher failed: KeyError: 'f'"),
    ],
)
def test_a_patch_that_fails_costs_an_import(world: World, error: Exception, text: str) -> None:
    """Also by a fault of ours."""
    world.patcher.error = error

    assert world.follow("a") == layer_messages.NotPatched(Reason("patch-failed", text))


def test_a_file_that_becomes_a_link_is_imported_anew(world: World) -> None:
    """Code that resolves its `__file__` would find another folder."""
    world.updater.queue_texts(["a"])
    world.updater.remember_texts(None)
    os.rename(world.path("a"), world.folder / "elsewhere.py")  # noqa: PTH104 - as text
    (world.folder / "a.py").symlink_to(world.folder / "elsewhere.py")

    answer = world.follow("a")

    assert isinstance(answer, layer_messages.NotPatched)
    assert answer.reason.code == "file-relinked"


def test_nothing_is_patched_where_the_interpreter_is_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the feature's."""
    monkeypatch.setattr(updater_module, "lost_reason", lambda _feature: LOST)

    Updater(str(world.folder), world.ledger)

    assert world.patcher.all_forbidden == LOST.code


def test_verdicts_have_words() -> None:
    """For the status and the log."""
    assert describe(Patch(("f", "C.m"), PLAN)) == "patched f, C.m"
    assert describe(Keep(PLAN)) == "kept"
    assert describe(Reload(LOST)) == f"reloaded: {LOST}"
