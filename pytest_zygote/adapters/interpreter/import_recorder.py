"""Watches imports while a layer is built, and when a run first imports what a layer holds.

Theory of operation. A module in a layer is a remembered execution. Executing it may have
depended on more than its file, and may have done more than fill the module; its *log* holds
both (`core.layers.import_effects`). A run starts with the client's environment and path, so each module is
*admitted* when code of the run first imports it (`adapters.interpreter.import_replay`): what it read is
compared with what holds now, and what it did is done again.

Python itself reports the moment of the first import. For a module that is loaded already,
the import statement looks at ``__spec__._initializing`` (another thread may be executing the
module) and calls ``importlib._bootstrap._lock_unlock_module`` if it is true. We leave the mark on
modules that must be admitted and take the place of that function; nothing else pays anything.
``from package import module`` finds a loaded module as an attribute, without an import;
``importlib._bootstrap._handle_fromlist`` is called for it.

While a layer is built its modules are marked, so each import statement is seen, and a log says
what it imported at which point: a fresh interpreter would execute that there. To mark the modules of
the base as well would copy most of its pages into the project layer: there the import statement itself
(``builtins.__import__``) is watched. Compiled modules (Cython) do not go through it; for them all are marked.

Things that do not work: a finder on `sys.meta_path` is not asked for loaded modules; wrapping
``builtins.__import__`` in runs takes 2 % of their time;
removing a module so that it is imported again makes a second set of its classes.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast
from zipimport import zipimporter

from pytest_zygote.adapters.interpreter.import_statements import ImportStatements
from pytest_zygote.adapters.interpreter.private import importing
from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.core.layers.import_effects import ATTRIBUTE, Became, Bound, Imported, Warned, Wrote, path_changes
from pytest_zygote.core.layers.import_log import ImportDigests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pytest_zygote.core.layers.import_effects import Event


class Ledger:
    """The record of all imports of a layer and the ones below it.

    Attributes:
        files: path → identity, of the modules of the layer that was built last.
        log: name → what executing the module did, in order.
        importers: name → the modules that import it.
        touched: module of the project → others of it that change, when they are imported, what it holds.
        digests: of the logs, once the layer is built.
        duration_s: name → duration of its import, with what it imported; of that layer, in the order
            in which the imports ended.
        stack: the modules being executed, outermost first.
        on_turn: called when another module's code begins or goes on.
        on_loaded: called with the name of each module when it is loaded.
        on_import: called with the name of a module that is there already, and whose import had effects, when another
            imports it.
        on_first_import: called with the name of a loaded module that the one which is being executed imports.
    """

    def __init__(self, identify: Callable[[str], tuple[int, ...]]) -> None:
        """Start without entries; `identify` gives the identity of a file."""
        self._identify = identify
        self.files: dict[str, tuple[int, ...]] = {}
        self.log: dict[str, list[Event]] = {}
        self.importers: dict[str, set[str]] = {}
        self.touched: dict[str, set[str]] = {}
        self.digests = ImportDigests()
        self.duration_s: dict[str, float] = {}
        self.stack: list[str] = []
        self.on_turn: Callable[[], None] = _nothing
        self.on_loaded: Callable[[str], None] = _nothing
        self.on_import: Callable[[str], None] = _nothing
        self.on_first_import: Callable[[str], None] = _nothing
        self._load = importing.load_unlocked.function
        self._lock_unlock = importing.lock_unlock_module.function
        self._from_list = importing.handle_fromlist.function
        self._path: list[str] = []
        self._statements = ImportStatements(self._see)
        self._has_marked_all = False
        self._own: set[str] = set()
        self._loading = ""
        self._former: list[tuple[dict[str, tuple[int, ...]], dict[str, float]]] = []

    def note(self, event: Event) -> None:
        """Add to the log of the module that is being executed, if one is."""
        if self.stack:
            self.log.setdefault(self.stack[-1], []).append(event)

    def start_observing(self, *, has_native: bool) -> None:
        """See every import from now on.

        Args:
            has_native: whether compiled modules will import others.
        """
        self._path = list(sys.path)
        # Kept, though nobody will ask: to free what the layer below has made is to write to its pages.
        self._former.append((self.files, self.duration_s))
        self.files, self.duration_s = {}, {}

        def load(spec: ModuleSpec) -> ModuleType:
            return self._observed_load(spec)

        def from_list(module: ModuleType, names: Iterable[str], import_: object, *, recursive: bool = False) -> object:
            self._see_from_list(module, names)
            return self._from_list(module, names, import_, recursive=recursive)

        importing.disguise(load, from_list, Ledger._observed_load)
        importing.load_unlocked.function = load
        importing.handle_fromlist.function = from_list
        importing.lock_unlock_module.function = self._see
        self._has_marked_all = has_native or len(self._former) == 1
        if self._has_marked_all:
            for name in tuple(sys.modules):
                importing.mark(name)
        else:
            self._statements.start()

    def stop_observing(self, own: Iterable[str]) -> None:
        """Leave the import system as it was; the marks stay on the modules to keep and on those with a digest."""
        importing.load_unlocked.function = self._load
        importing.handle_fromlist.function = self._from_list
        importing.lock_unlock_module.function = self._lock_unlock
        own = tuple(own)
        self._note_submodules(own)
        self.digests.add(tuple(self.duration_s), self.log)
        self._own.update(own)
        self._statements.stop()
        marked = sys.modules if self._has_marked_all else self.duration_s
        for name in tuple(marked):
            if name not in self.digests.reach and name not in self._own:
                importing.mark(name, on=False)

    def _observed_load(self, spec: ModuleSpec) -> ModuleType:
        self.end_turn()
        self._see(spec.name)
        self.stack.append(spec.name)
        self.log.pop(spec.name, None)
        if spec.has_location and spec.origin:
            # Before the file is read: if it changes meanwhile, the layer is stale, not wrong.
            file = _file_of(spec)
            self.files[file] = self._identify(file)
        self._loading = spec.origin or ""
        started = time.perf_counter()
        try:
            module = self._load(spec)
        finally:
            self._loading = ""
            self.duration_s.pop(spec.name, None)
            self.duration_s[spec.name] = time.perf_counter() - started
            self.end_turn()
            self.stack.pop()
        self.on_loaded(spec.name)
        importing.mark(spec.name)
        return module

    def is_loading(self, path: str) -> bool:
        """Return whether a file is that of the module whose import has begun last, and not ended."""
        return path == self._loading

    def end_turn(self) -> None:
        """Hold the module that is being executed responsible for what has changed so far."""
        self._note_path()
        self.on_turn()

    def accept_path(self) -> None:
        """Hold no module responsible for what `sys.path` is now."""
        self._path = list(sys.path)

    def _note_path(self) -> None:
        if sys.path != self._path:
            for change in path_changes(self._path, sys.path):
                self.note(change)
            self._path = list(sys.path)

    def lend(self, at: int, entry: str) -> None:
        """Add an entry to `sys.path` that no module is to be held responsible for."""
        self._note_path()
        sys.path.insert(at, entry)
        self.accept_path()

    def _see(self, name: str) -> None:
        """Note that the module which is being executed imports another."""
        if self.stack and name not in self.stack:
            if name in self.digests.reach:
                self.on_import(name)
            known = self.importers.setdefault(name, set())
            if self.stack[-1] not in known:
                known.add(self.stack[-1])
                self.note(Imported(name))
                if name in sys.modules:
                    self.on_first_import(name)

    def _see_from_list(self, module: ModuleType, names: Iterable[str]) -> None:
        package = (dict_of(module) or {}).get("__name__", "")
        for name in names:
            full = f"{package}.{name}"
            if full in sys.modules:
                self._see(full)

    def _note_submodules(self, own: Iterable[str]) -> None:
        """Note which modules importing their package does not import: only who imports them finds them in it."""
        for name in own:
            package, _, child = name.rpartition(".")
            contents = dict_of(sys.modules.get(package)) or {}
            log = self.log.get(package, ())
            is_part = any(type(event) is Imported and event.name == name for event in log)
            if name in self.duration_s and contents.get(child) is sys.modules[name] and not is_part:
                self.log.setdefault(name, []).append(Bound(package, child))

    def submodules(self) -> tuple[Bound, ...]:
        """Return the modules of the layer that was built last that their packages do not import."""
        logs = (self.log.get(name, ()) for name in self.duration_s)
        return tuple(event for log in logs for event in log if type(event) is Bound)

    def imported_by(self, names: Iterable[str]) -> frozenset[str]:
        """Return the loaded modules that these import."""
        logs = (self.log.get(name, ()) for name in names)
        return frozenset(event.name for log in logs for event in log if type(event) is Imported) & sys.modules.keys()

    def warned(self) -> tuple[str, ...]:
        """Return the modules that warned while they were executed."""
        return tuple(name for name in self.digests.bits if any(type(event) is Warned for event in self.log[name]))

    def written(self) -> tuple[str, ...]:
        """Return the environment keys that modules set."""
        events = (event for name in self.digests.bits for event in self.log[name])
        return tuple(sorted({event.key for event in events if isinstance(event, Wrote)}))

    def written_by_others(self, own: AbstractSet[str]) -> set[tuple[str, object]]:
        """Return module and attribute of all that modules other than these have written into others."""
        events = (event for name in self.digests.bits.keys() - own for event in self.log[name])
        return {
            cast("tuple[str, object, object]", event.value)[:2]
            for event in events
            if type(event) is Became and event.what.startswith(ATTRIBUTE)
        }


def _file_of(spec: ModuleSpec) -> str:
    """Return the file that a module is read from: an archive, if it is in one."""
    loader: object = spec.loader
    archive = (dict_of(loader) or {}).get("archive") if type(loader) is zipimporter else None
    return str(archive or spec.origin)


def _nothing(*_: object) -> None:
    pass
