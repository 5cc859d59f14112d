"""Test files that a run of a collected session collects again, because they were saved since.

See `core.sessions.recollection` for when that is exact. Here is what pytest has to do with it: the file's
node takes the place of the old one, then tests are selected and sorted again, as they were before the first
fork.

PYTEST_DONT_REWRITE: a session finds this module already imported.
"""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from bisect import bisect_left
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.pytest.private import terminal
from pytest_zygote.adapters.pytest.private.fixtures import forget_fixtures
from pytest_zygote.adapters.system import files
from pytest_zygote.core.sessions import recollection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from pytest_zygote.run.inherited_layer import InheritedLayer

    Span: TypeAlias = tuple[int, int]

MOST_BYTES = 64 << 20
"""Texts of test files that a session remembers."""

_EARLY = frozenset(
    {
        "pytest_collectstart",
        "pytest_make_collect_report",
        "pytest_collectreport",
        "pytest_itemcollected",
        "pytest_collect_file",
        "pytest_pycollect_makemodule",
        "pytest_pycollect_makeitem",
        "pytest_generate_tests",
        "pytest_make_parametrize_id",
        "pytest_deselected",
        "pytest_collection_modifyitems",
        "pytest_collection_finish",
        "pytest_report_collectionfinish",
    }
)
"""Hooks that are called again, or for other tests: another plugin that has one may rely on when they are called."""

_KNOWN = (
    "_pytest.",
    "pytest_zygote.run.layer_check",
    "pytest_zygote.run.workaround_hooks",
    "pytest_zygote.run.collected_session",
    "pytest_zygote.plugin",
    "pytest_zygote.parallel.collection_leftovers",  # looks at the process; collecting a plain file leaves nothing there
)
"""Modules whose hooks may be called again."""


class Recollection:
    """The test files of a session that may be collected again.

    Attributes:
        items: the tests in the order in which they were collected, before any was left out.
    """

    def __init__(self) -> None:
        """Know of nothing yet."""
        self.items: list[pytest.Item] = []
        self._session: pytest.Session
        self._modules: dict[str, pytest.Module] = {}
        self._texts: dict[str, bytes] = {}
        self._spans: dict[str, Span] = {}
        self._selected: list[int] = []
        self._left_out: list[int] = []
        self._fresh: list[tuple[Span, list[pytest.Item]]] = []

    def look(
        self, session: pytest.Session, identities: Mapping[str, tuple[int, ...]], layer: InheritedLayer
    ) -> tuple[str, ...]:
        """Return the files that may be collected again."""
        self._session = session
        if not _may_collect_again(session, self.items) or not self._place():
            return ()
        self._spans = _spans_of(self.items)
        modules = {path: node for path, node in _modules_of(self.items).items() if path in self._spans}
        names = {path: _module_of(node).__name__.rpartition(".")[2].encode() for path, node in modules.items()}
        mentioned = self._read(modules, names, identities)
        if mentioned is None:
            return ()
        loaded = set(map(_source_of, (*sys.modules, *layer.own)))
        elsewhere = _mentioned(loaded - {"", *modules}, frozenset(names.values()))
        if elsewhere is None:
            return ()
        mentioned |= elsewhere
        self._modules = {path: node for path, node in modules.items() if names[path] not in mentioned}
        self._texts = {path: self._texts[path] for path in self._modules}
        return tuple(self._modules)

    def _place(self) -> bool:
        """Note which tests were selected and left out; return whether that shows what another choice would be.

        A run must not look at all tests again: that would copy their memory.
        """
        places = {id(item): at for at, item in enumerate(self.items)}
        self._selected = sorted(places.get(id(item), -1) for item in self._session.items)
        self._left_out = [places.get(id(item), -1) for item in _left_out(self._session)]
        is_choice = sorted([*self._selected, *self._left_out]) == list(range(len(self.items)))
        return is_choice and self._left_out == sorted(self._left_out)

    def _read(
        self, modules: Iterable[str], names: Mapping[str, bytes], identities: Mapping[str, tuple[int, ...]]
    ) -> set[bytes] | None:
        """Read the test files; return which of their names another one has a word for; None if they are too many."""
        wanted, mentioned, left = frozenset(names.values()), set[bytes](), MOST_BYTES
        if len(wanted) < len(names):
            return None
        for path in modules:
            found = files.read_unchanged(path)
            if found is None or found[1] != identities.get(path):
                return None
            self._texts[path] = found[0]
            mentioned |= (recollection.words(found[0]) & wanted) - {names[path]}
            left -= len(found[0])
        return mentioned if left >= 0 else None

    def why_not_recollectable(self, paths: Sequence[str]) -> str:
        """Return why these files cannot be collected again, as far as their texts show it; '' if they can."""
        for path in paths:
            found = files.read_unchanged(path)
            reason = "it is being written" if found is None else recollection.difference(self._texts[path], found[0])
            if reason or self._has_warned(path):
                return f"{os.path.basename(path)} changed: {reason or 'it has warned'}"
        return ""

    # In a run

    def collect(self, paths: Sequence[str]) -> str:
        """Collect these files again; return why that is not exact, '' if it is.

        Nothing is written meanwhile, so that a run for which it is not can start over.
        """
        reason = self.why_not_recollectable(paths)
        for path in sorted(paths, key=lambda path: self._spans[path]):
            if not reason and not self._exchange(self._modules[path], self._spans[path]):
                reason = f"{os.path.basename(path)} changed: it warns, or cannot be collected"
        return reason

    def select(self) -> None:
        """Have the new tests selected or left out, and all sorted again.

        Of the others it is known: whether pytest leaves a test out depends on nothing but that test.
        """
        session = self._session
        left_out = _left_out(session)
        _stats(session).pop("deselected", None)
        items = [self.items[at] for at in self._selected]
        for (start, stop), new in reversed(self._fresh):
            items[bisect_left(self._selected, start) : bisect_left(self._selected, stop)] = new
        session.items[:] = items
        session.config.hook.pytest_collection_modifyitems(session=session, config=session.config, items=session.items)
        now = set(map(id, _stats(session).pop("deselected", ())))
        for (start, stop), new in reversed(self._fresh):
            places = slice(bisect_left(self._left_out, start), bisect_left(self._left_out, stop))
            left_out[places] = [item for item in new if id(item) in now]
        if left_out:
            _stats(session)["deselected"] = left_out

    def finish(self) -> None:
        """Report what was collected."""
        session = self._session
        manager = session.config.pluginmanager
        known = [plugin for plugin in (manager.getplugin("zygote_run"),) if plugin is not None]
        manager.subset_hook_caller("pytest_collection_finish", known)(session=session)
        session.testscollected = len(session.items)

    def _has_warned(self, path: str) -> bool:
        """Return whether there were warnings of the old text, which belong to the session now."""
        shown = _stats(self._session).get("warnings", ())
        return any(path in (getattr(warning, "fslocation", None) or ()) for warning in shown)

    def _exchange(self, node: pytest.Module, span: Span) -> bool:
        """Collect the file of a node again, in the place of what it was; return whether all went well."""
        session = self._session
        _forget(session, node)
        reporter = terminal.reporter_of(session.config)
        if reporter is not None:
            terminal.count_collected(reporter, span[0] - span[1])
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            made = session.gethookproxy(node.path).pytest_collect_file(file_path=node.path, parent=node.parent)
            new = list(session.genitems(made[0])) if [type(one) for one in made] == [pytest.Module] else []
        terminal.forget_collection(session)
        if warned or session.testsfailed or session.shouldstop or session.shouldfail or not new:
            return False
        self._fresh.append((span, new))
        return True


def _mentioned(paths: Iterable[str], names: frozenset[bytes]) -> set[bytes] | None:
    """Return the names that these files have a word for; None if one of them cannot be read."""
    found: set[bytes] = set()
    for path in paths:
        read = files.read_unchanged(path)
        if read is None:
            return None
        found |= recollection.words(read[0]) & names
    return found


def _may_collect_again(session: pytest.Session, items: Iterable[pytest.Item]) -> bool:
    """Return whether options, arguments, fixtures and plugins of a session let files be collected a second time."""
    config = session.config
    options = (config.getoption("capture") == "no", config.getoption("keepduplicates"), config.getini("log_cli"))
    sharing = sys.modules.get("pytest_zygote.fixtures.declare")
    outlives_runs = sharing is not None and bool(sharing.PERSISTENT)
    if any(options) or outlives_runs or any("::" in arg for arg in config.args):
        return False
    marks = {mark.name for item in items for mark in item.own_markers}
    known = _KNOWN if "hypothesis" in marks else (*_KNOWN, "_hypothesis_pytestplugin")  # all that this does is to mark
    return not any(_has_strangers(config, name, known) for name in _EARLY)


def _has_strangers(config: pytest.Config, name: str, known: tuple[str, ...]) -> bool:
    """Return whether a hook is implemented by a plugin that is not known to allow a second call."""
    callers = getattr(config.pluginmanager.hook, name).get_hookimpls()  # `config.hook` of pytest 8 has wrappers
    modules = (caller.function.__module__ for caller in callers)
    return any(not module.startswith(known) for module in modules)


def _stats(session: pytest.Session) -> dict[str, list[object]]:
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    stats: dict[str, list[object]] = {} if reporter is None else reporter.stats
    return stats


def _left_out(session: pytest.Session) -> list[object]:
    return _stats(session).get("deselected", [])


def _spans_of(items: Sequence[pytest.Item]) -> dict[str, Span]:
    """Return path → where its tests are, of the files whose tests are side by side."""
    found: dict[str, Span] = {}
    split: set[str] = set()
    for at, item in enumerate(items):
        path = str(item.path)
        start, stop = found.get(path, (at, at))
        if stop != at:
            split.add(path)
        found[path] = start, at + 1
    return {path: span for path, span in found.items() if path not in split}


def _modules_of(items: Iterable[pytest.Item]) -> dict[str, pytest.Module]:
    """Return path → node of those files that are collected once, as a test module, whose tests are functions."""
    found: dict[str, pytest.Module] = {}
    strange: set[str] = set()
    for item in items:
        node, path = item.getparent(pytest.Module), str(item.path)
        if type(node) is pytest.Module and type(item) is pytest.Function and found.setdefault(path, node) is node:
            continue
        strange.add(path)
    strange |= {path for path, node in found.items() if not _is_module(_module_of(node), path)}
    return {path: node for path, node in found.items() if path not in strange}


def _is_module(module: ModuleType, path: str) -> bool:
    """Return whether a node's module is what an import of its name would give."""
    return sys.modules.get(module.__name__) is module and _source_of(module.__name__) == path


def _source_of(name: str) -> str:
    module = sys.modules.get(name)
    origin = code_origin.origin_of(module) if module is not None else ""
    return origin if origin.endswith(".py") and code_origin.is_own(origin) else ""


def _forget(session: pytest.Session, node: pytest.Module) -> None:
    """Remove a module that was collected from the session, from `sys.modules` and from the fixtures."""
    linecache.cache.pop(str(node.path), None)
    del sys.modules[_module_of(node).__name__]
    forget_fixtures(session, node)


def _module_of(node: pytest.Module) -> ModuleType:
    module = node.obj
    assert isinstance(module, ModuleType)  # noqa: S101 - it was collected
    return module
