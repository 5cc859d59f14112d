"""Watches imports: while a layer is built, and when a run imports what a layer holds.

Theory of operation. A module in a layer is a remembered execution. Executing it may have
depended on the environment, and may have done more than fill the module: it may have warned,
set an environment key, or changed `sys.path`. A run starts with the client's environment and
path, so each module with such *traits* is *admitted* when code of the run first imports it:
what it read is compared with what holds now, and what it did is done again.

The moment of the first import is told by Python itself. For a module that is loaded already,
the import statement looks at ``__spec__._initializing`` (another thread may be executing the
module) and calls ``importlib._bootstrap._lock_unlock_module`` if it is true. We leave the mark on
modules with traits and take the place of that function; nothing else pays anything.

A module also *carries* the traits of what it imports: importing ``app`` executes
``app.settings`` in a fresh interpreter. While a layer is built, carriers are found the same way:
a module with traits is marked as soon as it is loaded, so whoever imports it later is seen.

Things that do not work: a finder on `sys.meta_path` is not asked for loaded modules; wrapping
``builtins.__import__`` adds a frame that ``warnings.warn(stacklevel=2)`` then blames, and 2 % of
time; removing a module so that it is imported again makes a second set of its classes.
"""

from __future__ import annotations

import importlib._bootstrap as bootstrap
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import warnings
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class LeafReached(BaseException):
    """A module of a layer imports a test module or conftest file, which layers never hold.

    Not an `Exception`: ``try: import x; except ImportError`` must not hide it.
    """


@dataclass
class Traits:
    """What executing one module read and did beside filling the module."""

    reads: dict[str, str] = field(default_factory=dict)
    writes: dict[str, str] = field(default_factory=dict)
    path: list[tuple[int, str]] = field(default_factory=list)
    warnings: list[tuple[warnings.WarningMessage, str]] = field(default_factory=list)


class Ledger:
    """The record of all imports of a layer and the ones below it."""

    def __init__(self, identify: Callable[[str], tuple[int, ...]]) -> None:
        """Start without entries; `identify` gives the identity of a file."""
        self._identify = identify
        self.files: dict[str, tuple[int, ...]] = {}
        self.traits: dict[str, Traits] = {}
        self.carried: dict[str, set[str]] = {}
        self.took_s: dict[str, float] = {}
        self.stack: list[str] = []
        self.on_loaded: Callable[[str], None] = lambda _name: None
        self._load = bootstrap._load_unlocked
        self._lock_unlock = bootstrap._lock_unlock_module
        self._path: list[str] = []

    def note(self) -> Traits | None:
        """Return the traits of the module that is being executed, to add to; None outside of one."""
        if not self.stack:
            return None
        self._carry({self.stack[-1]})
        return self.traits.setdefault(self.stack[-1], Traits())

    def _carry(self, origins: set[str]) -> None:
        for name in self.stack:
            self.carried.setdefault(name, set()).update(origins)

    # While a layer is built

    def start_observing(self) -> None:
        """See every module load from now on."""
        self._path = list(sys.path)

        def load(spec: ModuleSpec) -> ModuleType:
            return self._observed_load(spec)

        for function in (load, Ledger._observed_load):
            # Frames of this file name are skipped by warnings and tracebacks, as those they stand for.
            function.__code__ = function.__code__.replace(co_filename=self._load.__code__.co_filename)
        bootstrap._load_unlocked = load
        bootstrap._lock_unlock_module = self._seen_again

    def stop_observing(self) -> None:
        """Leave the import system as it was; the marks stay."""
        bootstrap._load_unlocked = self._load
        bootstrap._lock_unlock_module = self._lock_unlock

    def _observed_load(self, spec: ModuleSpec) -> ModuleType:
        self.stack.append(spec.name)
        if spec.has_location and spec.origin:
            # Before the file is read: if it changes meanwhile, the layer is stale, not wrong.
            self.files[spec.origin] = self._identify(spec.origin)
        started = time.perf_counter()
        try:
            module: ModuleType = self._load(spec)
        finally:
            self.took_s[spec.name] = time.perf_counter() - started
            if sys.path != self._path:
                self._note_path()
            self.stack.pop()
        self.on_loaded(spec.name)
        self.mark(spec.name)
        return module

    def _note_path(self) -> None:
        traits = self.note()
        if traits is not None:
            traits.path.extend((at, entry) for at, entry in enumerate(sys.path) if entry not in self._path)
        self._path = list(sys.path)

    def mark(self, name: str) -> None:
        """Have the import system tell us when a loaded module with traits is imported."""
        if name in self.carried:
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if spec is not None:
                spec._initializing = True

    def _seen_again(self, name: str) -> None:
        if name in self.carried and name not in self.stack:
            self._carry(self.carried[name])
        else:
            self._lock_unlock(name)

    # In a run

    def admit_imports(self, admit: Callable[[str, Traits], None]) -> None:
        """Call `admit` for every module with traits that a run's import would have executed.

        Args:
            admit: gets the module's name and traits, before the import statement goes on.
        """
        admitted: set[str] = set()

        def first_import(name: str) -> None:
            # ``import a.b`` executes ``a`` first.
            parts = name.split(".")
            for prefix in (".".join(parts[: end + 1]) for end in range(len(parts))):
                spec = getattr(sys.modules.get(prefix), "__spec__", None)
                if prefix in self.carried and spec is not None:
                    spec._initializing = False
                    for origin in self._unadmitted(prefix, admitted):
                        admit(origin, self.traits[origin])

        def lock_unlock(name: str) -> None:
            if name in self.carried and name not in admitted:
                first_import(name)
            else:
                self._lock_unlock(name)

        bootstrap._lock_unlock_module = lock_unlock

    def _unadmitted(self, name: str, admitted: set[str]) -> Iterator[str]:
        admitted.add(name)
        done = {f"trait:{origin}" for origin in self.carried[name]} - admitted
        admitted.update(done)
        for origin in self.traits:
            if f"trait:{origin}" in done:
                yield origin


class LeafGuard:
    """A finder that stops a layer from importing what every run must import itself."""

    def __init__(self, leaves: Sequence[str]) -> None:
        """Guard against these names."""
        self._leaves = frozenset(leaves)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever.

        Raises:
            LeafReached: the name is a leaf's.
        """
        if name in self._leaves:
            raise LeafReached(name)


class MissRecorder:
    """A finder that is asked last, and so learns the names that nobody found."""

    def __init__(self) -> None:
        """Start with no names."""
        self.names: set[str] = set()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, ever; remember the name."""
        self.names.add(name)
