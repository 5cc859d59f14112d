"""Watches imports while a layer is built, and when a run first imports what a layer holds.

Theory of operation. A module in a layer is a remembered execution. Executing it may have
depended on more than its file, and may have done more than fill the module; its *log* holds
both (`core.layers.import_effects`). A run starts with the client's environment and path, so each module is
*admitted* when code of the run first imports it (`adapters.interpreter.import_replay`): what it read is
compared with what holds now, and what it did is done again.

The moment of the first import is told by Python itself. For a module that is loaded already,
the import statement looks at ``__spec__._initializing`` (another thread may be executing the
module) and calls ``importlib.__BOOTSTRAP["_lock_unlock_module"]`` if it is true. We leave the mark on
modules that must be admitted and take the place of that function; nothing else pays anything.
``from package import module`` finds a loaded module as an attribute, without an import;
``importlib.__BOOTSTRAP["_handle_fromlist"]`` is called for it.

While a layer is built its modules are marked, so each import statement is seen, and a log says
what it imported at which point: a fresh interpreter would execute that there. To mark the modules of
the base as well would copy most of its pages into the project layer: there the import statement itself
(``builtins.__import__``) is watched. Compiled modules (Cython) do not go through it; for them all are marked.

Things that do not work: a finder on `sys.meta_path` is not asked for loaded modules; wrapping
``builtins.__import__`` in runs takes 2 % of their time;
removing a module so that it is imported again makes a second set of its classes.
"""

from __future__ import annotations

import builtins
import importlib._bootstrap as bootstrap
import sys
import time
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.import_effects import Imported, PathGrew, Warned, Wrote
from pytest_zygote.core.layers.import_log import ImportDigests
from pytest_zygote.core.layers.module_graph import is_excluded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pytest_zygote.core.layers.import_effects import Event


_BOOTSTRAP = vars(bootstrap)
"""The names of the import system; the interpreter looks them up whenever it needs one."""


class LeafReached(BaseException):
    """A module of a layer imports one that layers never hold: a test module, or a rejected one.

    Not an `Exception`: ``try: import x; except ImportError`` must not hide it.
    """


class Ledger:
    """The record of all imports of a layer and the ones below it.

    Attributes:
        files: path → identity, of the modules of the layer that was built last.
        log: name → what executing the module did, in order.
        importers: name → the modules that import it.
        digests: of the logs, once the layer is built.
        took_s: name → duration of its import, with what it imported; of that layer, in the order
            in which the imports ended.
        stack: the modules being executed, outermost first.
        on_turn: called when another module's code begins or goes on.
        on_loaded: called with the name of each module when it is loaded.
    """

    def __init__(self, identify: Callable[[str], tuple[int, ...]]) -> None:
        """Start without entries; `identify` gives the identity of a file."""
        self._identify = identify
        self.files: dict[str, tuple[int, ...]] = {}
        self.log: dict[str, list[Event]] = {}
        self.importers: dict[str, set[str]] = {}
        self.digests = ImportDigests()
        self.took_s: dict[str, float] = {}
        self.stack: list[str] = []
        self.on_turn: Callable[[], None] = _nothing
        self.on_loaded: Callable[[str], None] = _nothing
        self._load = _BOOTSTRAP["_load_unlocked"]
        self._lock_unlock = _BOOTSTRAP["_lock_unlock_module"]
        self._from_list = _BOOTSTRAP["_handle_fromlist"]
        self._path: list[str] = []
        self._statements = Statements(self._see)
        self._has_marked_all = False
        self._kept: set[str] = set()
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
        self._former.append((self.files, self.took_s))
        self.files, self.took_s = {}, {}

        def load(spec: ModuleSpec) -> ModuleType:
            return self._observed_load(spec)

        def from_list(module: ModuleType, names: Iterable[str], import_: object, *, recursive: bool = False) -> object:
            self._see_from_list(module, names)
            return self._from_list(module, names, import_, recursive=recursive)

        for function in (load, from_list, Ledger._observed_load):
            # Frames of this file name are skipped by warnings and tracebacks, as those they stand for.
            function.__code__ = function.__code__.replace(co_filename="<frozen importlib._bootstrap>")
        _BOOTSTRAP["_load_unlocked"] = load
        _BOOTSTRAP["_handle_fromlist"] = from_list
        _BOOTSTRAP["_lock_unlock_module"] = self._see
        self._has_marked_all = has_native or len(self._former) == 1
        if self._has_marked_all:
            for name in tuple(sys.modules):
                mark(name)
        else:
            self._statements.start()

    def stop_observing(self, kept: Iterable[str]) -> None:
        """Leave the import system as it was; the marks stay on the modules to keep and on those with a digest."""
        _BOOTSTRAP["_load_unlocked"] = self._load
        _BOOTSTRAP["_handle_fromlist"] = self._from_list
        _BOOTSTRAP["_lock_unlock_module"] = self._lock_unlock
        self.digests.add(tuple(self.took_s), self.log)
        self._kept.update(kept)
        self._statements.stop()
        marked = sys.modules if self._has_marked_all else self.took_s
        for name in tuple(marked):
            if name not in self.digests.reach and name not in self._kept:
                mark(name, on=False)

    def _observed_load(self, spec: ModuleSpec) -> ModuleType:
        self._turn()
        self._see(spec.name)
        self.stack.append(spec.name)
        self.log.pop(spec.name, None)
        if spec.has_location and spec.origin:
            # Before the file is read: if it changes meanwhile, the layer is stale, not wrong.
            self.files[spec.origin] = self._identify(spec.origin)
        started = time.perf_counter()
        try:
            module: ModuleType = self._load(spec)
        finally:
            self.took_s.pop(spec.name, None)
            self.took_s[spec.name] = time.perf_counter() - started
            self._turn()
            self.stack.pop()
        self.on_loaded(spec.name)
        mark(spec.name)
        return module

    def _turn(self) -> None:
        if sys.path != self._path:
            for at, entry in enumerate(sys.path):
                if entry not in self._path:
                    self.note(PathGrew(at, entry))
            self._path = list(sys.path)
        self.on_turn()

    def _see(self, name: str) -> None:
        """Note that the module which is being executed imports another."""
        if self.stack and name not in self.stack:
            known = self.importers.setdefault(name, set())
            if self.stack[-1] not in known:
                known.add(self.stack[-1])
                self.note(Imported(name))

    def _see_from_list(self, module: ModuleType, names: Iterable[str]) -> None:
        package = getattr(module, "__name__", "")
        for name in names:
            full = f"{package}.{name}"
            if full in sys.modules:
                self._see(full)

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


class Statements:
    """Watches import statements, and imports by ``importlib.import_module``, of modules that are loaded."""

    def __init__(self, see: Callable[[str], None]) -> None:
        """Have `see` called with the name of what is imported."""
        self._see = see
        self._plain = builtins.__import__
        self._find_and_load = _BOOTSTRAP["_find_and_load"]
        self._is_watching = False

        def import_(
            name: str,
            globals: dict[str, object] | None = None,  # noqa: A002 - its name in the interpreter
            locals: dict[str, object] | None = None,  # noqa: A002
            fromlist: Sequence[str] = (),
            level: int = 0,
        ) -> ModuleType:
            self._note(name, globals, level)
            return self._plain(name, globals, locals, fromlist, level)

        def find_and_load(name: str, import_: object) -> ModuleType:
            self._note(name, None, 0)
            module: ModuleType = self._find_and_load(name, import_)
            return module

        for function in (import_, find_and_load):
            function.__code__ = function.__code__.replace(co_filename="<frozen importlib._bootstrap>")
        self._import = import_
        self._load = find_and_load

    def start(self) -> None:
        """See them from now on."""
        self._is_watching = True
        self._plain = builtins.__import__
        builtins.__import__ = self._import  # type: ignore[assignment]  # called in the same ways
        _BOOTSTRAP["_find_and_load"] = self._load

    def stop(self) -> None:
        """See them no more; what a module has put in our place, on top of us, stays."""
        self._is_watching = False
        _BOOTSTRAP["_find_and_load"] = self._find_and_load
        if builtins.__import__ is self._import:
            builtins.__import__ = self._plain

    def _note(self, name: str, importer: dict[str, object] | None, level: int) -> None:
        if level and importer is not None:
            package = importer.get("__package__") or str(importer.get("__name__", "")).rpartition(".")[0]
            name = ".".join([*str(package).split(".")[: 1 - level or None], *([name] if name else [])])
        if self._is_watching and name in sys.modules:
            self._see(name)


def _nothing(*_: object) -> None:
    pass


def mark(name: str, *, on: bool = True) -> None:
    """Have the import system tell us when a loaded module is imported, or no longer."""
    module = sys.modules.get(name)
    spec = module.__dict__.get("__spec__") if hasattr(module, "__dict__") else None
    if spec is not None and getattr(spec, "_initializing", on) is not on:
        spec._initializing = on


class LeafGuard:
    """A finder that stops a layer from importing what every run must import itself."""

    def __init__(self, leaves: Sequence[str], excluded: tuple[str, ...]) -> None:
        """Guard against these names, and against patterns of the user's."""
        self._leaves = frozenset(leaves)
        self._excluded = excluded

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever.

        Raises:
            LeafReached: the name is a leaf's.
        """
        if name in self._leaves or (self._excluded and is_excluded(name, self._excluded)):
            raise LeafReached(name)


class MissRecorder:
    """A finder that is asked last, and so learns the names that nobody found."""

    def __init__(self) -> None:
        """Start with no names."""
        self.names: set[str] = set()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever; remember the name."""
        self.names.add(name)


class ClosedImports:
    """A context in which nothing new can be imported: where nobody records imports, nobody would look at the files.

    A module that does not exist is reported missing, as always.
    """

    def __init__(self, refusal: type[BaseException]) -> None:
        """Raise `refusal` at every attempt."""
        self._refusal = refusal

    def __enter__(self) -> None:
        """Be asked first."""
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        """Be asked no more."""
        sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Find nothing, ever.

        Raises:
            BaseException: the chosen one, if somebody else would find the module.
        """
        for finder in sys.meta_path:
            if finder is not self and finder.find_spec(name, path, target) is not None:
                raise self._refusal(name)
