"""The import system: its functions, which the interpreter looks up by name each time, and the mark on a module.

For a module that is loaded already, the import statement looks at ``__spec__._initializing`` (another thread may be
executing the module) and calls ``importlib._bootstrap._lock_unlock_module`` if it is true; ``from package import
module`` finds a loaded module as an attribute, and calls ``importlib._bootstrap._handle_fromlist``.
"""

from __future__ import annotations

import importlib._bootstrap as bootstrap
import os
import sys
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of, spec_of
from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    class HandleFromlist(Protocol):
        """``_handle_fromlist``."""

        def __call__(
            self, module: ModuleType, names: Iterable[str], import_: object, /, *, recursive: bool = False
        ) -> object:
            """Import the names of a ``from`` statement that are modules; return the package."""

    Load = Callable[[ModuleSpec], ModuleType]
    LockUnlock = Callable[[str], None]
    FindSpec = Callable[..., ModuleSpec | None]  # type: ignore[explicit-any]  # its last argument has a default
    FindAndLoad = Callable[[str, object], ModuleType]

F = TypeVar("F")

_FROZEN = "<frozen importlib._bootstrap>"


class Step(Generic[F]):
    """A function of the import system that another may stand in for."""

    def __init__(self, name: str, *parameters: str) -> None:
        """Name it, and the parameters that it is known to have."""
        self.name = name
        self._parameters = parameters

    @property
    def function(self) -> F:
        """What the interpreter calls now."""
        return cast("F", vars(bootstrap)[self.name])

    @function.setter
    def function(self, function: F) -> None:
        vars(bootstrap)[self.name] = function

    def is_known(self) -> bool:
        """Return whether the interpreter has it, with the parameters that it is known to have."""
        found = vars(bootstrap)[self.name]
        while not isinstance(found, FunctionType):
            found = found.__func__  # a bound method of ours, while imports are recorded
        code = found.__code__
        return self._parameters == code.co_varnames[: code.co_argcount]


load_unlocked: Step[Load] = Step("_load_unlocked", "spec")
lock_unlock_module: Step[LockUnlock] = Step("_lock_unlock_module", "name")
handle_fromlist: Step[HandleFromlist] = Step("_handle_fromlist", "module", "fromlist", "import_")
find_spec: Step[FindSpec] = Step("_find_spec", "name", "path", "target")
find_and_load: Step[FindAndLoad] = Step("_find_and_load", "name", "import_")


def disguise(*functions: object) -> None:
    """Have warnings and tracebacks skip the frames of these functions, as they skip those of the import system."""
    for function in functions:
        if isinstance(function, FunctionType):
            function.__code__ = function.__code__.replace(co_filename=_FROZEN)


def mark(name: str, *, on: bool = True) -> None:
    """Have the interpreter call `lock_unlock_module` each time a loaded module is imported, or no longer."""
    names = dict_of(spec_of(sys.modules.get(name)))
    if names is not None and names.get("_initializing", on) is not on:
        names["_initializing"] = on


# Self-checks


class _Called(Exception):  # noqa: N818 - it says that all is well
    pass


def _raise(*_: object, **__: object) -> None:
    raise _Called


def _reaches(step: Step[F], statement: str, name: str, found: ModuleType) -> bool:
    """Return whether a statement calls a step while `sys.modules` has this module."""
    plain = step.function
    sys.modules[name] = found
    vars(bootstrap)[step.name] = _raise
    try:
        exec(statement, {"__builtins__": __builtins__})  # noqa: S102 - an import statement
    except _Called:
        return True
    finally:
        step.function = plain
        del sys.modules[name]
    return False


_PROBE = "pytest_zygote_probe"


def _module(**names: object) -> ModuleType:
    module = ModuleType(_PROBE)
    module.__spec__ = ModuleSpec(_PROBE, None)
    vars(module).update(names)
    return module


def _is_mark_seen() -> bool:
    module = _module()
    vars(module.__spec__)["_initializing"] = False
    if getattr(os.__spec__, "_initializing", None) is not False:
        return False  # so it stands in the spec of each module that is loaded
    is_quiet = not _reaches(lock_unlock_module, f"import {_PROBE}", _PROBE, module)
    vars(module.__spec__)["_initializing"] = True
    return is_quiet and _reaches(lock_unlock_module, f"import {_PROBE}", _PROBE, module)


def _is_fromlist_handled() -> bool:
    statement = f"from {_PROBE} import part"
    return handle_fromlist.is_known() and _reaches(handle_fromlist, statement, _PROBE, _module(__path__=[], part=1))


def _calls(caller: str, name: str) -> bool:
    return name in vars(bootstrap)[caller].__code__.co_names


INTERNALS = (
    Internal(
        "importlib._bootstrap._lock_unlock_module and ModuleSpec._initializing",
        ("lock_unlock_module", "mark"),
        Feature.LAYERS,
        "a run learns when its code first imports a module that its layer holds",
        lambda: lock_unlock_module.is_known() and _is_mark_seen(),
    ),
    Internal(
        "importlib._bootstrap._handle_fromlist",
        ("handle_fromlist",),
        Feature.LAYERS,
        "the same, for `from package import module`",
        _is_fromlist_handled,
    ),
    Internal(
        "importlib._bootstrap._load_unlocked",
        ("load_unlocked",),
        Feature.LAYERS,
        "each module that is executed while a layer is built is recorded",
        lambda: load_unlocked.is_known() and _calls("_find_and_load_unlocked", "_load_unlocked"),
    ),
    Internal(
        "importlib._bootstrap._find_spec",
        ("find_spec",),
        Feature.LAYERS,
        "a run notes the modules that it loads itself, in the order in which they begin",
        lambda: find_spec.is_known() and _calls("_find_and_load_unlocked", "_find_spec"),
    ),
    Internal(
        "importlib._bootstrap._find_and_load",
        ("find_and_load",),
        Feature.LAYERS,
        "imports by `importlib.import_module` are recorded while a layer is built",
        lambda: find_and_load.is_known() and _calls("_gcd_import", "_find_and_load"),
    ),
    Internal(
        "frames of <frozen importlib._bootstrap>",
        ("disguise",),
        Feature.LAYERS,
        "warnings and tracebacks skip what stands in for functions of the import system",
        lambda: vars(bootstrap)["_find_and_load_unlocked"].__code__.co_filename == _FROZEN,
    ),
)
