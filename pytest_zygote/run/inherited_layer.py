"""A layer as its runs see it: the modules, what building them has shown, and what they must find unchanged."""

from __future__ import annotations

import gc
import itertools
import sys
from importlib.machinery import FileFinder
from typing import TYPE_CHECKING

from pytest_zygote import workaround
from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.attribute_writes import may_read
from pytest_zygote.adapters.interpreter.exit_handlers import ExitHandlers
from pytest_zygote.adapters.interpreter.import_answers import answer
from pytest_zygote.adapters.interpreter.import_hooks import ImportHooks
from pytest_zygote.adapters.interpreter.namespace_watch import NamespaceWatch
from pytest_zygote.adapters.interpreter.private.importing import mark
from pytest_zygote.adapters.interpreter.process_state import become
from pytest_zygote.adapters.interpreter.run_state import RunState
from pytest_zygote.adapters.pytest.assert_rewriting import PluginMarks
from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers import layer_fit
from pytest_zygote.core.layers.module_graph import is_leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger
    from pytest_zygote.core.protocol import layer_messages
    from pytest_zygote.core.reasons import Reason


def loaded_after(last: str) -> tuple[str, ...]:
    """Return the modules that were loaded after one, in the order in which they were begun; all if it is ''."""
    return tuple(itertools.takewhile(lambda name: name != last, reversed(sys.modules)))[::-1]


class InheritedLayer:
    """What a run needs to know of the zygote that it was forked from."""

    def __init__(self, ledger: Ledger) -> None:
        """Start with nothing built."""
        self.ledger = ledger
        self.exits = ExitHandlers(is_installed=code_origin.is_installed, is_foreign=code_origin.is_third_party)
        self.kind = "base"
        self.facts: dict[str, str] = {}
        self.names: frozenset[str] = frozenset()
        self.new: tuple[str, ...] = ()
        self.last_name = ""
        self.finders: tuple[FileFinder, ...] = ()
        self.environ: dict[str, str] = {}
        self.base_files: tuple[tuple[str, str], ...] = ()
        self.base_warned: tuple[str, ...] = ()
        self.warned: tuple[str, ...] = ()
        self.known: frozenset[str] = frozenset()
        self.rewritten = False
        self.own: frozenset[str] = frozenset()
        self.leaves: frozenset[str] = frozenset()
        self.namespaces = NamespaceWatch()
        self.readers: dict[tuple[str, object], set[str]] = {}
        self.homes = code_origin.Homes(files.importable_names)
        self.marks = PluginMarks()
        self.submodules: tuple[tuple[str, str], ...] = ()
        self.path: tuple[str, ...] = ()
        self.workarounds: tuple[str, ...] = ()

    def add_build(self, plan: layer_messages.Build, built: layer_messages.Built) -> None:
        """Add what a build brought."""
        self.kind = plan.kind
        self.path = plan.path
        if plan.kind == "base":
            self.workarounds = code_origin.entry_points(workaround.ENTRY_POINTS)
            self.marks.learn(plan.client_path)
        self.facts = plan.facts
        self.names = frozenset(built.names)
        self.new = loaded_after(self.last_name)
        self.last_name = self.new[-1] if self.new else self.last_name
        self.environ = plan.environ
        self.rewritten = self.rewritten or bool(plan.rewritten)
        # Once here instead of in each run, where looking through the logs would copy their pages.
        self.warned = self.ledger.warned()
        if plan.kind == "base":
            self.base_files = tuple(zip(plan.modules, plan.origins, strict=True))
            self.base_warned = built.warned
        self._remember(plan, built)

    def _remember(self, plan: layer_messages.Build, built: layer_messages.Built) -> None:
        """Note what a run must find unchanged when it imports modules of this layer.

        A project layer does not look at the modules of its base: that would copy most of it.
        """
        code_origin.gather_names(self.new)
        self.leaves = frozenset(plan.leaves)
        self.own |= code_origin.own_modules(self.new)
        self.known = self.own | self.ledger.digests.reach.keys()
        foreign = self.ledger.imported_by(self.own) - self.own
        # In the order in which they were complete: what two of them hold belongs to the first.
        self.namespaces.remember([name for name in self.ledger.duration_s if name in self.own], foreign)
        self.homes.remember(self.own | foreign)
        self.submodules += self.ledger.submodules()
        if plan.kind == "project":
            self._note_readers()
        found = (sys.path_importer_cache.get(folder) for folder in built.directories)
        self.finders += tuple(finder for finder in found if isinstance(finder, FileFinder))
        if plan.kind == "base":
            gc.freeze()

    def _note_readers(self) -> None:
        """Note which modules of the project may have read what libraries write into modules of others."""
        importers = self.ledger.importers
        asked: dict[str, set[tuple[str, object]]] = {}
        for owner, key in self.ledger.written_by_others(self.own):
            for name in self.own & importers.get(owner, set()):
                asked.setdefault(name, set()).add((owner, key))
        for name, places in asked.items():
            keys = may_read(name, (key for _, key in places))
            for place in places:
                if place[1] in keys:
                    self.readers.setdefault(place, set()).add(name)

    def refresh(self, imports: Mapping[str, frozenset[str]]) -> None:
        """Accept what modules hold now: they were patched, and may import more than before."""
        self.namespaces.refresh(imports.keys(), {name for names in imports.values() for name in names} - self.own)

    def run_state(self, reject_modules: Callable[[Reason, tuple[str, ...]], None]) -> RunState:
        """Return what is needed to admit modules of this layer to a run."""
        ledger = self.ledger
        return RunState(
            log=ledger.log,
            importers=ledger.importers,
            touched=ledger.touched,
            digests=ledger.digests,
            own=self.own,
            known=self.known,
            environ=self.environ,
            changed=self.namespaces.changed,
            readers=self.readers,
            submodules=self.submodules,
            moved=self.homes.moved,
            home_of=self.homes.home_of,
            hook=ImportHooks().added,
            rewritten=self._rewritten,
            answer=answer,
            become=become,
            refuse=reject_modules,
            unmark=lambda name: mark(name, on=False),
            is_own=lambda path: code_origin.is_own(path) and not is_leaf(path),
        )

    def _rewritten(self, name: str) -> str:
        path = code_origin.origin_of(sys.modules.get(name))
        known = self.ledger.files.get(path)
        return "" if known is None or files.identity(path) == known else path

    def traits(self) -> layer_fit.LayerTraits:
        """Return what the depth rules need to know."""
        return layer_fit.LayerTraits(
            self.kind, self.facts, self.warned, self.base_warned, self.base_files, self.rewritten
        )
