"""Workarounds: what a library needs before, after and around the forks of warm runs.

::

    from pytest_zygote.workaround import after_fork, register_workaround

    @register_workaround("my_library")
    def my_library_workaround():
        import my_library
        my_library.close_pool()          # before the fork of each run
        yield
        my_library.some_global = None    # after that run has ended

    @after_fork("my_library")
    def reconnect():                     # in the process of each run, before its session
        ...

This is source compatible with ``pytest_hot_reloading.workaround``. A function without ``yield`` has a first half only.
A workaround is for libraries that can be imported; a library switches all of its workarounds off by shipping a module
``_clear_hot_reload_workarounds``. One that raises is reported by name, with its traceback; everything else goes on.

Theory of operation. Zygotes only import, so what registers must be a module that layers hold: a plugin, a module of the
project, one named by ``zygote_workarounds``. Then its workarounds are there when the zygote forks, and run in it, first
halves before the first fork of runs at the same time, second halves after the last of them has ended. Importing
is not allowed meanwhile: nobody would look at the files of such a module again. A workaround that tries, or whose
library the layer does not hold (yet), or that is registered by a conftest file or test module, which no layer holds,
runs around the session in the process of the run instead.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
import types
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from importlib.machinery import ModuleSpec

    Halves = types.GeneratorType[object, None, object]

F = TypeVar("F", bound="Callable[[], object]")

SWITCH_OFF = "_clear_hot_reload_workarounds"
"""The module that a library ships to have none of its workarounds run; the name is the older plugin's."""

ENTRY_POINTS = "pytest_zygote.workarounds"
"""The group of entry points that name modules which register workarounds."""


class Postponed(BaseException):
    """A workaround needs what its zygote does not have: runs must do it.

    Not an `Exception`: ``try: import x; except ImportError`` must not hide it.
    """


Key: TypeAlias = "tuple[str, str, int]"


@dataclass(frozen=True)
class Workaround:
    """One function and the library that it is for.

    Attributes:
        library: the module that it is for.
        function: what is called.
        execution: the spec of its module, of which each execution of the module has another.
        number: tells functions of one name and one execution apart (``def _``, functions made in a loop).
    """

    library: str
    function: Callable[[], object]
    execution: object = None
    number: int = 0

    @property
    def name(self) -> str:
        """Return what the user knows it by."""
        function = f"{self.function.__module__}.{getattr(self.function, '__qualname__', self.function)}"
        return f"the workaround {function} for {self.library}"

    @property
    def key(self) -> Key:
        """Return its key in the registry: a module that is executed again replaces what it registered."""
        return self.library, self.name, self.number


def register_workaround(library: str) -> Callable[[F], F]:
    """Have a function, or a generator function with two halves, run around the forks of runs.

    Args:
        library: the module that it is for; without this module it does not run.
    """
    return registry.adder(registry.around, library)


def after_fork(library: str) -> Callable[[F], F]:
    """Have a function run in the process of each warm run, before the session starts."""
    return registry.adder(registry.forked, library)


class Registry:
    """What is registered in this process, and which of it has begun.

    Attributes:
        around: what runs around forks, or around a session.
        forked: what runs once in each run.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.around: dict[Key, Workaround] = {}
        self.forked: dict[Key, Workaround] = {}
        self._begun: dict[Key, Halves | None] = {}
        self._postponed: set[Key] = set()
        self._of_zygote: dict[Key, Halves | None] = {}

    @staticmethod
    def adder(entries: dict[Key, Workaround], library: str) -> Callable[[F], F]:
        """Return a decorator that registers and changes nothing."""

        def add(function: F) -> F:
            workaround = _numbered(entries, library, function)
            entries[workaround.key] = workaround
            return function

        return add

    def begin(
        self,
        is_wanted: Callable[[str], bool],
        around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> list[str]:
        """Run the first halves that have not run yet; return what went wrong.

        Args:
            is_wanted: returns whether the workarounds of a library run here.
            around: gives the context in which each runs.
        """
        failures: list[str] = []
        for key, workaround in tuple(self.around.items()):
            if key in self._begun or key in self._of_zygote or key in self._postponed:
                continue
            self._begun[key] = None
            try:
                if not is_wanted(workaround.library):
                    del self._begun[key]
                    continue
                with around():
                    self._begun[key] = _first_half(workaround)
            except Postponed:
                del self._begun[key]
                self._postponed.add(key)
            except BaseException as error:  # noqa: BLE001 - SystemExit must not end a zygote, nor a run
                failures.append(describe(workaround.name, error))
        return failures

    def end(self, around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext) -> list[str]:
        """Run the second halves, the last begun first; return what went wrong."""
        failures: list[str] = []
        for key, halves in reversed(tuple(self._begun.items())):
            if halves is None:
                continue
            try:
                with around():
                    _second_half(halves)
            except BaseException as error:  # noqa: BLE001 - as above
                failures.append(describe(self.around[key].name, error))
        self._begun.clear()
        return failures

    @property
    def has_begun(self) -> bool:
        """Whether any first half has run here, and its second half has not."""
        return bool(self._begun)

    @property
    def is_awaited(self) -> bool:
        """Whether the zygote of this run does something when the run has ended."""
        return bool(self._of_zygote)

    def inherit(self) -> None:
        """Leave to the zygote what the zygote has begun: this process is a run now.

        The generators stay alive: one that is dropped would run its ``finally`` here.
        """
        self._of_zygote = self._begun
        self._begun = {}
        self._postponed.clear()

    def run_forked(self, is_wanted: Callable[[str], bool]) -> list[str]:
        """Run what belongs into a run and has not run yet; return what went wrong."""
        failures: list[str] = []
        for key, workaround in tuple(self.forked.items()):
            try:
                if not is_wanted(workaround.library):
                    continue
                del self.forked[key]
                workaround.function()
            except BaseException as error:  # noqa: BLE001 - as above
                self.forked.pop(key, None)
                failures.append(describe(workaround.name, error))
        return failures


registry = Registry()
"""Of this process; runs begin with a copy of their zygote's."""


def _numbered(entries: dict[Key, Workaround], library: str, function: Callable[[], object]) -> Workaround:
    execution = getattr(sys.modules.get(function.__module__), "__spec__", None)
    first = Workaround(library, function, execution)
    others = [one for one in entries.values() if one.key[:2] == first.key[:2] and one.execution is execution]
    again = [one for one in others if one.function is function]
    return again[0] if again else replace(first, number=len(others))


def _first_half(workaround: Workaround) -> Halves | None:
    returned = workaround.function()
    if not isinstance(returned, types.GeneratorType):
        return None
    try:
        next(returned)
    except StopIteration:
        return None
    return returned


def _second_half(halves: Halves) -> None:
    try:
        next(halves)
    except StopIteration:
        return
    halves.close()
    message = "it yields more than once"
    raise RuntimeError(message)


def describe(name: str, error: BaseException) -> str:
    """Return what failed, with its own part of the traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return f"{name} failed:\n{''.join(lines).rstrip()}"


def is_loaded(library: str) -> bool:
    """Return whether a library is loaded, and has not switched its workarounds off."""
    return sys.modules.get(library) is not None and not _is_off(library, getattr(sys.modules[library], "__path__", ()))


def is_importable(library: str) -> bool:
    """Return whether a library can be imported, without doing so, and has not switched its workarounds off."""
    if not library:
        message = "it is registered for a library without a name"
        raise ValueError(message)
    if sys.modules.get(library) is not None:
        return is_loaded(library)
    folders: Iterable[str] | None = None
    name = ""
    for part in library.split("."):
        name = f"{name}.{part}".lstrip(".")
        spec = _find(name, None if folders is None else list(folders))
        if spec is None:
            return False
        folders = spec.submodule_search_locations or ()
    return not _is_off(library, folders or ())


def _is_off(library: str, folders: Iterable[str]) -> bool:
    name = f"{library}.{SWITCH_OFF}"
    return name in sys.modules or _find(name, list(folders)) is not None


def _find(name: str, folders: Sequence[str] | None) -> ModuleSpec | None:
    if folders is not None and not folders:
        return None
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find_spec(name, folders, None) if find_spec is not None else None
        if spec is not None:
            return spec
    return None
