"""What prepared this interpreter before pytest began, beyond what starting Python does.

A run happens in another process. What a launcher (``kernprof``, ``python -m gevent.monkey``, ``memray run``), a program
that calls `pytest.main`, or a ``sitecustomize`` has done to this one is not there. Client and daemon both describe
their interpreter, and a difference makes the run cold: what is not known to be the same is not taken to be.

Nothing here asks an object anything but its type: it may be anybody's.
"""

from __future__ import annotations

import builtins
import os
import sys

from pytest_zygote.adapters.interpreter.private.light import x_options
from pytest_zygote.core.runner_code import MAIN_MODULES, RUNNER, SCRIPTS, UNDER_DEBUGGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import BuiltinFunctionType, FunctionType, ModuleType
else:  # as in `types`, whose import a warm ``pz`` does without
    BuiltinFunctionType, FunctionType, ModuleType = type(len), type(lambda: None), type(sys)

_CONFIGURED = "_pytest.pastebin"
"""A plugin that pytest imports when it makes its configuration, and ``import pytest`` does not."""

_EXPECTED = frozenset(
    RUNNER
    | {"__main__", "__mp_main__", "iniconfig", "packaging", "pygments"}
    | {"exceptiongroup", "tomli", "py", "colorama", "coverage"}
)
"""Packages of pytest's and ours. coverage has a reason of its own (`client.request`)."""

_RUNNERS = ("_jb_", "teamcity", "testing_tools", "unittestadapter", "vscode_", "debugpy", "pydevd", "_pydevd")
"""What the runners of PyCharm and VS Code load into their own process before they call pytest."""

_IMPORTERS = frozenset({"BuiltinImporter", "FrozenImporter", "PathFinder", "AssertionRewritingHook"})
_FILE_FINDERS = ("importlib._bootstrap_external", "_frozen_importlib_external")
_SITE_NAMES = frozenset({"exit", "quit", "copyright", "credits", "license", "help"})


def interpreter_flags() -> tuple[str, str, str]:
    """Return how this interpreter was started: `sys.flags`, its ``-X`` options, and its ``-W`` options.

    Debuggers start Python with ``frozen_modules=off``, to step into modules of the standard library: it is left out.
    From 3.15 on it matters, too, which imports are lazy; `sys.flags` does not show that.
    """
    options = sorted(f"{key}={value}" for key, value in x_options().items() if key not in ("frozen_modules", _LAZY))
    flags = repr(sys.flags)
    if sys.version_info >= (3, 15):
        flags = f"{flags.removesuffix(')')}, {_LAZY}={sys.get_lazy_imports()})"
    return flags, ",".join(options), ",".join(sys.warnoptions)


_LAZY = "lazy_imports"


def is_pytest() -> bool:
    """Return whether this process was started to be pytest; a program that calls pytest may go on afterwards."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name in MAIN_MODULES
    return os.path.basename(str(getattr(main, "__file__", ""))) in SCRIPTS


def start_state() -> tuple[str, ...]:
    """Return, sorted, what this interpreter has that a bare one has not: 'module x', 'builtin x', 'import hook x'.

    Only `UNDER_DEBUGGER` under one of pydevd's family, which joins the run by itself (`client.request`): it replaces
    hooks and imports libraries that it knows (Django), and nobody can tell what of all that is whose.
    """
    if "pydevd" in sys.modules:
        return (UNDER_DEBUGGER,)
    return tuple(sorted({*_modules(), *_builtin_names(), *_hooks()}))


def _modules() -> Iterator[str]:
    first_own = _CONFIGURED if _CONFIGURED in sys.modules else "pytest_zygote"
    for name in tuple(sys.modules):
        if name == first_own:
            return
        top = name.partition(".")[0]
        is_expected = top in sys.stdlib_module_names or top in _EXPECTED or top.startswith(_RUNNERS)
        if not is_expected and not _is_made_by_build(name):
            yield f"module {top}"


def _is_made_by_build(name: str) -> bool:
    """Return whether a module is one that building Python has made: `sys.stdlib_module_names` lacks these.

    3.15 has ``_missing_stdlib_info``, which `traceback` imports.
    """
    module = sys.modules.get(name)
    file = vars(module).get("__file__") if type(module) is ModuleType and name.startswith("_") else None
    return type(file) is str and os.path.dirname(file) == os.path.dirname(os.__file__)


def _builtin_names() -> Iterator[str]:
    for name, value in tuple(vars(builtins).items()):
        kind = type(value)
        is_plain = kind is BuiltinFunctionType or (kind is type and _module_of(value) == "builtins")
        is_constant = value is None or kind in (bool, type(...), type(NotImplemented)) or name in _SITE_NAMES
        is_import = name in ("__import__", "__build_class__")
        if not is_plain and not is_constant and (is_import or not name.startswith("_")):
            yield f"builtin {name}"


def _hooks() -> Iterator[str]:
    finders: list[object] = [*sys.meta_path]
    for finder in finders:
        kind = finder if type(finder) is type else type(finder)
        if kind.__name__ not in _IMPORTERS:
            yield f"import hook {_module_of(kind)}.{kind.__name__}"
    for hook in sys.path_hooks:
        if type(hook) is FunctionType and hook.__module__ not in _FILE_FINDERS:
            yield f"path hook {hook.__module__}.{hook.__qualname__}"
    yield from _replaced_functions()


def _replaced_functions() -> Iterator[str]:
    if sys.version_info >= (3, 15) and sys.get_lazy_imports_filter() is not None:
        yield "filter of lazy imports"
    for name in ("excepthook", "displayhook", "unraisablehook"):
        if getattr(sys, name) is not getattr(sys, f"__{name}__"):
            yield f"sys.{name}"


def _module_of(kind: object) -> str:
    return str(type.__getattribute__(kind, "__module__")) if type(kind) is type else ""


def patched_by_program() -> tuple[str, ...]:
    """Return the attributes of the standard library that a program has put functions of its own into."""
    if is_pytest():
        return ()  # and the search would take some milliseconds
    main = vars(sys.modules["__main__"])
    found = []
    for module_name, module in tuple(sys.modules.items()):
        if type(module) is ModuleType and module_name.partition(".")[0] in sys.stdlib_module_names:
            found += [f"{module_name}.{name}" for name, value in tuple(vars(module).items()) if _is_of(main, value)]
    return tuple(sorted(found))


def _is_of(main: dict[str, object], value: object) -> bool:
    if type(value) is FunctionType:
        return value.__globals__ is main
    return type(value) is type and _module_of(value) == "__main__"
