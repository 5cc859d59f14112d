"""Whether a layer is exact for the options of a run."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from pytest_zygote.core.layers import layer_fit
from pytest_zygote.core.reasons import Reason
from pytest_zygote.run import layer_check
from pytest_zygote.run.layer_check import RunPlugin

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.run.process import RunProcess


class StartedOver(Exception):  # noqa: N818 - not an error
    """The run has ended here, and starts over."""


class Run:
    """A run that was forked from a layer."""

    def __init__(self, kind: str) -> None:
        """Be forked from a layer of this kind, which fits all options."""
        homes = SimpleNamespace(hidden=lambda *_: None)
        self.import_replay = SimpleNamespace(admitted=())
        self.layer = SimpleNamespace(kind=kind, facts={"a": "b"}, traits=lambda: None, homes=homes, names=())

    def start_over(self, depth: str, reason: Reason) -> NoReturn:
        """End."""
        raise StartedOver(depth, reason)


def load_conftests(monkeypatch: pytest.MonkeyPatch, kind: str, affected: str) -> None:
    """Begin a session of a run from a layer of this kind."""
    monkeypatch.setattr(layer_check, "facts_of", lambda _: {"a": "b"})
    monkeypatch.setattr(layer_fit, "shallower", lambda *_: None)
    options = SimpleNamespace(affected=affected)
    config = cast("pytest.Config", SimpleNamespace(known_args_namespace=options, getini=lambda _: []))
    plugin = RunPlugin(cast("RunProcess", Run(kind)))
    next(plugin.pytest_load_initial_conftests(config, cast("pytest.Parser", None), []))


def test_selection_must_see_the_imports_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a project layer has done before."""
    with pytest.raises(StartedOver) as raised:
        load_conftests(monkeypatch, "project", "1")

    assert raised.value.args == ("base", Reason("affected-imports", "--affected must see the imports"))


@pytest.mark.parametrize(("kind", "affected"), [("base", "1"), ("project", "")])
def test_a_layer_that_fits_serves(monkeypatch: pytest.MonkeyPatch, kind: str, affected: str) -> None:
    """Packages are nobody's to select by."""
    load_conftests(monkeypatch, kind, affected)


SEEDED = "import random\nseed = random.Random().getrandbits(32)\n"
LAZY = "import random\ndef seed():\n    return random.Random().getrandbits(32)\n"


@pytest.mark.parametrize(("text", "expected"), [(SEEDED, ["own_seed"]), (LAZY, [])])
def test_plugins_that_draw_a_seed_are_left_to_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    """Else all runs of a layer would have one order of tests; a module that is no plugin may draw what it likes."""
    for name, source in (("own_seed", text), ("library", SEEDED)):
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        monkeypatch.setitem(sys.modules, name, importlib.util.module_from_spec(spec))
    manager = pytest.PytestPluginManager()
    manager.register(sys.modules["own_seed"])
    config = cast("pytest.Config", SimpleNamespace(pluginmanager=manager))

    assert layer_check._drawing_plugins(config, ["library", "own_seed"]) == expected  # noqa: SLF001 - the decision
