"""The plugin's part inside a run: checks the layer, and reports what was imported.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import fnmatch
import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters import coverage_settings
from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.private.bare_objects import spec_of
from pytest_zygote.adapters.pytest.assert_rewriting import is_rewritten
from pytest_zygote.adapters.pytest.header_filter import HeaderFilter
from pytest_zygote.adapters.pytest.private import configuration, terminal
from pytest_zygote.core.layers import layer_fit
from pytest_zygote.core.layers.import_log import executed_by
from pytest_zygote.core.layers.layer_inputs import MISSING, OURS
from pytest_zygote.core.layers.module_graph import EXCLUDED, FIRST, NEUTRAL, REWRITTEN, THIRD, is_excluded
from pytest_zygote.core.layers.process_questions import draws_at_import
from pytest_zygote.core.protocol import run_messages
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import TypeAlias

    from pytest_zygote.run.process import RunProcess

    Row: TypeAlias = tuple[str, str, str, str]

OPTIONAL = "pytest_zygote.affected"
"""The part of this package that only some projects' runs need: they teach it, as they do other packages."""


class RunPlugin:
    """Hooks of one run."""

    def __init__(self, run: RunProcess) -> None:
        """Belong to this run."""
        self._run = run
        self._facts: dict[str, str] = {}
        self._names: tuple[str, ...] = ()
        self._path: tuple[str, ...] = ()
        self._context: dict[str, str] = {}
        self._leaves: dict[str, str] = {}
        self._admitted: frozenset[str] = frozenset()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config, parser: pytest.Parser, args: list[str]
    ) -> Generator[None, object, object]:
        """Start over if the layer is not exact for these options, before anything was printed."""
        del parser, args
        self._facts = facts_of(early_config)
        self._admitted = frozenset(self._run.import_replay.admitted)
        layer = self._run.layer
        if layer.facts or layer.base_files:
            found = layer_fit.shallower(layer.traits(), self._facts)
            if found is not None:
                self._run.start_over(found.depth, found.reason)
            self._look_for_hidden(map(str, early_config.getini("pythonpath")))
            if early_config.known_args_namespace.affected and layer.kind == "project":
                self._run.start_over("base", Reason("affected-imports", "--affected must see the imports"))
        return (yield)

    @property
    def layer_kind(self) -> str:
        """Which layer the run was forked from."""
        return self._run.layer.kind

    def loaded(self) -> tuple[str, ...]:
        """Return the modules that this run has loaded itself: its layer may hold none of the project's."""
        return self._run.loaded()

    def _look_for_hidden(self, folders: Iterable[str]) -> None:
        """Start over if the run would import a module of its own in the place of an installed package.

        What plugins have imported before any conftest file could add a folder is there already: a project that is
        installed, and tested where its source lies.
        """
        places, layer = tuple(folders), self._run.layer
        found = layer.homes.hidden(places, layer.names)
        if found is not None:
            executed = executed_by(self._admitted, layer.ledger.log)
            found = layer.homes.hidden(places, layer.names - executed)
        if found is not None:
            text = f"{found[0]} is {found[1]} for this run, and an installed package otherwise"
            self._run.start_over("cold", Reason("shadowed-package", text))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember what is printed while the run may still start over."""
        writer = terminal.writer_of(session.config)
        if writer is not None:
            self._run.header = HeaderFilter(writer, self._run.request.seen)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what collection imported; from here on tests may import under any conditions."""
        self._look_for_hidden(entry for entry in sys.path if entry not in self._run.request.path)
        self._run.import_replay.finish()
        self._run.is_collecting = False
        if self._run.header is not None:
            self._run.header.lift()
        self._run.layer.namespaces.forget()
        self._names = self._run.loaded()
        self._path = tuple(sys.path)
        # What tests set after the first import, the project's modules have not seen.
        now = dict(os.environ) if self._run.import_replay.given is None else self._run.import_replay.given
        given = self._run.request.environ
        self._context = {
            key: now.get(key, MISSING)
            for key in sorted({*now, *given})
            if key not in OURS and now.get(key) != given.get(key)
        }
        patterns = session.config.getini("python_files")
        self._leaves = {name: file for name in self._names if (file := _leaf_file(name, patterns))}

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Report the modules that the daemon does not know yet.

        Coverage and debuggers import what no other run needs.
        """
        if not self._names or self._facts[layer_fit.COVERAGE] or self._run.request.debugger:
            return
        rows = self._rows(_drawing_plugins(config, self._run.loaded()))
        if not rows and self._facts == self._run.layer.facts:
            return
        cache = configuration.cache_folder(config)
        self._run.report(
            run_messages.Learned(
                modules=tuple(rows),
                leaves=self._leaves,
                path=self._path,
                context=self._context,
                facts=self._facts,
                cache="" if cache is None else str(cache),
            )
        )

    def _rows(self, drawing: Iterable[str]) -> list[Row]:
        """Return the modules that a layer may hold, in the order in which they were begun."""
        excluded = (*EXCLUDED, *self._facts["exclude"].split(), *drawing)
        late = [name for name in self._run.loaded() if name not in self._leaves and not is_excluded(name, excluded)]
        collected = frozenset(self._names)
        begun = {name: at for at, name in enumerate(self._run.import_replay.started)}
        rows = [row for name in late if (row := _row(name)) and (row[2] == THIRD or name in collected)]
        return sorted(rows, key=lambda row: begun.get(row[0], -1))


def _drawing_plugins(config: pytest.Config, names: Iterable[str]) -> list[str]:
    """Return which of these modules are plugins that draw a number of their run when they are imported.

    pytest-randomly 3 does so for its seed. What other packages draw, once and for all, serves all runs.
    """
    plugins = {plugin.__name__ for plugin in config.pluginmanager.get_plugins() if type(plugin) is ModuleType}
    return [name for name in names if name in plugins and _draws(name)]


def _draws(name: str) -> bool:
    origin = code_origin.origin_of(sys.modules.get(name))
    if not origin.endswith(".py"):
        return False
    try:
        code = SourceFileLoader(name, origin).get_code(name)
    except (OSError, SyntaxError, ImportError):
        return False
    return code is not None and draws_at_import(code)


def _row(name: str) -> Row | None:
    module = sys.modules.get(name)
    spec, origin = spec_of(module), code_origin.origin_of(module)  # neither is there without a module
    is_ours = name.partition(".")[0] == "pytest_zygote"
    if not origin or spec is None or spec.name != name or (is_ours and not name.startswith(OPTIONAL)):
        return None
    party = THIRD if is_ours or code_origin.is_third_party(origin) else FIRST
    return (name, origin, party, REWRITTEN if module is not None and is_rewritten(module) else "")


def _leaf_file(name: str, patterns: list[str]) -> str:
    file = code_origin.origin_of(sys.modules[name]) if name in sys.modules else ""
    base = os.path.basename(file)
    is_leaf = base == "conftest.py" or any(fnmatch.fnmatch(base, pattern) for pattern in patterns)
    return file if is_leaf and not code_origin.is_third_party(file) else ""


def facts_of(config: pytest.Config) -> dict[str, str]:
    """Return the options of a run that decide what its imports do (`core.layers.layer_fit`)."""
    options = config.known_args_namespace
    return {
        "rootdir": str(config.rootpath),
        "inipath": str(config.inipath or ""),
        "importmode": str(options.importmode),
        "assertmode": str(options.assertmode),
        "noconftest": str(options.noconftest),
        "confcutdir": str(options.confcutdir or ""),
        "overrides": "\n".join(options.override_ini or ()),
        "plugins": "\n".join(plugin for plugin in options.plugins or () if plugin not in NEUTRAL),
        "warnings": "\n".join(options.pythonwarnings or ()),
        "preload": " ".join(config.getini("zygote_preload")),
        "exclude": " ".join(config.getini("zygote_exclude")),
        "always_reload": " ".join(config.getini("zygote_always_reload")),
        "recheck": "1" if config.getini("zygote_recheck") else "",
        layer_fit.COVERAGE: _measured(options),
    }


def _measured(options: object) -> str:
    sources = getattr(options, "cov_source", None)
    if not sources or getattr(options, "no_cov", False):
        return ""
    named = [str(source) for source in sources if source is not True]
    return ":".join(named or _configured_sources(str(getattr(options, "cov_config", "") or ""))) or "*"


def _configured_sources(file: str) -> list[str]:
    settings = coverage_settings.read(file)
    return [*(settings.source or ()), *(settings.source_pkgs or ())]
