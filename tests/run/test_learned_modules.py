"""What a run finds out about its layer, and what it reports of its imports."""

from __future__ import annotations

import os
import sys
from importlib.util import spec_from_file_location
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.core.layers import layer_fit
from pytest_zygote.core.layers.import_effects import Imported
from pytest_zygote.core.layers.layer_inputs import MISSING
from pytest_zygote.core.protocol import run_messages
from pytest_zygote.run.layer_check import RunPlugin, facts_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_zygote.core.reasons import Reason
    from pytest_zygote.run.process import RunProcess

USUAL: dict[str, object] = {
    "importmode": "prepend",
    "assertmode": "rewrite",
    "noconftest": False,
    "confcutdir": None,
    "override_ini": (),
    "plugins": (),
    "pythonwarnings": (),
    "affected": False,
}


class StartedOverError(Exception):
    """The run ended: it will start from another layer."""


class FakeRun:
    """A run of a project layer.

    Attributes:
        started_over: depth and code of the reason.
        reports: what was sent to the daemon.
        imported: modules that it has loaded itself.
        hidden: a module that this run has in the place of a package.
    """

    def __init__(self, root: Path) -> None:
        """Begin on a layer that was built for usual options."""
        self.root = root
        self.started_over: tuple[str, str] | None = None
        self.reports: list[object] = []
        self.imported: tuple[str, ...] = ()
        self.hidden: tuple[str, str] | None = None
        self.is_collecting = True
        self.header = None
        self.request = SimpleNamespace(debugger=(), environ={"HOME": "/home"}, path=["/project"], seen="")
        self.import_replay = SimpleNamespace(finish=lambda: None, given=None, started=[], admitted=set())
        self.layer = SimpleNamespace(
            ledger=SimpleNamespace(log={"plugin": [Imported("yaml")]}),
            facts=facts_of(self.config()),
            kind="project",
            base_files=(),
            names=frozenset({"yaml", "plugin"}),
            homes=SimpleNamespace(hidden=self._hidden),
            namespaces=SimpleNamespace(forget=lambda: None),
        )
        self.layer.traits = lambda: layer_fit.LayerTraits("project", self.layer.facts, (), (), (), rewritten=True)
        self.plugin = RunPlugin(cast("RunProcess", self))

    def _hidden(self, folders: Iterable[str], names: frozenset[str]) -> tuple[str, str] | None:
        del folders
        return self.hidden if self.hidden and self.hidden[0] in names else None

    def start_over(self, depth: str, reason: Reason) -> None:
        """Note where, and end."""
        self.started_over = depth, reason.code
        raise StartedOverError

    def report(self, message: object) -> None:
        """Note a message."""
        self.reports.append(message)

    def loaded(self) -> tuple[str, ...]:
        """Return the modules that it has loaded itself."""
        return self.imported

    def config(self, **options: object) -> pytest.Config:
        """Return pytest's configuration with these options."""
        ini = {"zygote_exclude": ["left_out"], "python_files": ["test_*.py"]}
        made = SimpleNamespace(
            known_args_namespace=SimpleNamespace(**{**USUAL, **options}),
            rootpath=self.root,
            inipath=None,
            getini=lambda name: ini.get(name, []),
            cache=None,
            pluginmanager=SimpleNamespace(getplugin=lambda _name: None, get_plugins=set),
        )
        return cast("pytest.Config", made)

    def load_conftests(self, **options: object) -> None:
        """Have the layer checked for these options."""
        hook = self.plugin.pytest_load_initial_conftests(self.config(**options), cast("pytest.Parser", None), [])
        next(hook)

    def collect(self, *names: str) -> None:
        """Collect tests, which imports these modules."""
        self.imported = names
        self.plugin.pytest_collection_finish(cast("pytest.Session", SimpleNamespace(config=self.config())))

    def end(self) -> list[run_messages.Learned]:
        """Return what was reported at the end."""
        self.plugin.pytest_unconfigure(self.config())
        return [message for message in self.reports if isinstance(message, run_messages.Learned)]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRun:
    """Provide a run; modules `app`, `helpers`, `left_out` and `test_app` are there to be imported."""
    monkeypatch.setattr(configuration, "cache_folder", lambda _config: tmp_path / "cache")
    for name in ("app", "helpers", "left_out", "test_app"):
        module = ModuleType(name)
        module.__spec__ = spec_from_file_location(name, tmp_path / f"{name}.py")
        monkeypatch.setitem(sys.modules, name, module)
    return FakeRun(tmp_path)


def test_a_run_with_the_options_of_its_layer_goes_on(run: FakeRun) -> None:
    """Nothing is reported."""
    run.load_conftests()

    assert run.started_over is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"importmode": "importlib"}, ("base", "options-differ")),
        ({"assertmode": "plain"}, ("cold", "assert-mode")),
        ({"affected": True}, ("base", "affected-imports")),
        ({"cov_source": ["app"]}, ("base", "coverage-of-imports")),
    ],
)
def test_a_run_with_other_options_starts_over(
    run: FakeRun, options: dict[str, object], expected: tuple[str, str]
) -> None:
    """Before anything was printed."""
    with pytest.raises(StartedOverError):
        run.load_conftests(**options)

    assert run.started_over == expected


def test_a_module_in_the_place_of_a_package_makes_the_run_cold(run: FakeRun) -> None:
    """The layer holds the package, and nobody would import the module."""
    run.hidden = ("yaml", "/project/yaml.py")

    with pytest.raises(StartedOverError):
        run.load_conftests()

    assert run.started_over == ("cold", "shadowed-package")


def test_a_module_in_the_place_of_a_package_that_plugins_have_imported_before_is_never_imported(run: FakeRun) -> None:
    """The run goes on: plain pytest has the package, too."""
    run.hidden = ("yaml", "/project/yaml.py")
    run.import_replay.admitted.add("plugin")

    run.load_conftests()
    run.collect("app")

    assert run.started_over is None


def test_modules_are_learned_in_the_order_in_which_they_were_begun(run: FakeRun) -> None:
    """Without test modules, which each run imports, and without those that the user leaves out."""
    run.load_conftests()
    run.collect("app", "helpers", "left_out", "test_app", "json")
    run.import_replay.started = ["helpers", "app"]

    (learned,) = run.end()

    assert [(name, party) for name, _, party, _ in learned.modules] == [
        ("json", "third"),
        ("helpers", "first"),
        ("app", "first"),
    ]
    assert learned.leaves == {"test_app": str(run.root / "test_app.py")}
    assert learned.cache == str(run.root / "cache")
    assert not run.is_collecting


def test_environment_that_collection_has_changed_is_learned(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules have read it; what tests set later they have not."""
    monkeypatch.setattr(os, "environ", {"MODE": "test"})
    run.load_conftests()
    run.collect("app")

    (learned,) = run.end()

    assert learned.context == {"MODE": "test", "HOME": MISSING}


def test_what_tests_import_of_the_project_is_not_learned(run: FakeRun) -> None:
    """They may import under any conditions."""
    run.load_conftests()
    run.collect("app")
    run.imported = ("app", "helpers")

    (learned,) = run.end()

    assert [row[0] for row in learned.modules] == ["app"]


def test_a_run_that_imported_nothing_new_reports_nothing(run: FakeRun) -> None:
    """Unless its options are others: the next layer is made for them."""
    run.load_conftests()
    run.collect("test_app")
    assert run.end() == []

    run.layer.facts = {**run.layer.facts, "exclude": ""}
    assert len(run.end()) == 1


def test_debuggers_and_coverage_teach_nothing(run: FakeRun) -> None:
    """They import what no other run needs."""
    run.load_conftests()
    run.collect("app")
    run.request.debugger = ("127.0.0.1", "5678")

    assert run.end() == []


@pytest.mark.parametrize(
    ("options", "measured"),
    [
        ({}, ""),
        ({"cov_source": ["app", "lib"]}, "app:lib"),
        ({"cov_source": ["app"], "no_cov": True}, ""),
        ({"cov_source": [True, "app"]}, "app"),
    ],
)
def test_what_a_run_measures_is_a_fact(run: FakeRun, options: dict[str, object], measured: str) -> None:
    """Lines that run at import count."""
    assert facts_of(run.config(**options))[layer_fit.COVERAGE] == measured
