"""Executes statements that an edit added, and binds their names at their places."""

from __future__ import annotations

import ast
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.patching.classes import bodies_of, find_class
from pytest_zygote.core.bytecode import ANNOTATE
from pytest_zygote.core.patching.additions import FUTURE_ANNOTATIONS, place
from pytest_zygote.core.patching.errors import NotPatchable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_zygote.core.patching.additions import Added


def make(module: ModuleType, path: str, added: Added) -> object:
    """Execute an added statement, without binding its name yet."""
    tree = ast.Module([added.node], [])
    flags = added.code.co_flags & FUTURE_ANNOTATIONS if added.code is not None else 0
    before = set(sys.modules)
    namespace: dict[str, object] = {}
    try:
        exec(compile(tree, path, "exec", flags=flags, dont_inherit=True), vars(module), namespace)  # noqa: S102 - the user's own statement
    except Exception as error:  # noqa: BLE001 - the user's statement may raise anything
        raise NotPatchable(
            "addition-fails", f"line {added.node.lineno} fails: {type(error).__name__}: {error}"
        ) from None
    if set(sys.modules) != before:
        raise NotPatchable("addition-fails", f"line {added.node.lineno} imports more than is loaded")
    made = namespace[added.name]
    if added.code is not None and isinstance(made, FunctionType):
        made.__code__ = added.code
        made.__qualname__ = added.title
        for annotate in annotate_of(made):
            annotate.__code__ = added.annotate or annotate.__code__
            annotate.__qualname__ = f"{added.title}.{ANNOTATE}"
    return made


def annotate_of(function: object) -> list[FunctionType]:
    """Return the function, from Python 3.14 on, that makes the annotations of another one, if that has some."""
    found = getattr(function, ANNOTATE, None) if type(function) is FunctionType else None
    return [found] if isinstance(found, FunctionType) else []


def imported(node: ast.stmt) -> Iterator[str]:
    """Give the names of the modules that executing a statement imports."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            full = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            parts = full.split(".")
            yield from (name for end in range(len(parts)) if (name := ".".join(parts[: end + 1])) in sys.modules)


def check_places(module: ModuleType, additions: Sequence[Added]) -> None:
    """Make sure that the order of the names will be that of a fresh import."""
    orders: dict[tuple[str, ...], list[str]] = {}
    for added in additions:
        names = orders.setdefault(added.scope, _names(module, added.scope))
        at = place(names, added)
        if at is None:
            raise NotPatchable("addition-visible", f"{added.title} is new, and its place among the names is not clear")
        names.insert(at, added.name)


def _names(module: ModuleType, scope: tuple[str, ...]) -> list[str]:
    if not scope:
        return list(vars(module))
    return [name for name in vars(_class_of(module, scope)) if not _is_special(name)]


def _class_of(module: ModuleType, scope: tuple[str, ...]) -> type:
    found = find_class(module, ".".join(scope))
    if found is None:
        raise NotPatchable("function-ambiguous", f"class {'.'.join(scope)} is not where its name says")
    return found


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def bind(module: ModuleType, added: Added, made: object, functions: Sequence[FunctionType]) -> None:
    """Bind a name at its place, everything behind it again; `functions` are those of the module."""
    names = _names(module, added.scope)
    behind = names[place(names, added) :]
    if added.scope:
        found = _class_of(module, added.scope)
        for body in bodies_of(".".join(added.scope), functions):
            body[added.name] = made
        values = [(name, vars(found)[name]) for name in behind]
        for name in behind:
            type.__delattr__(found, name)
        for name, value in [(added.name, made), *values]:
            type.__setattr__(found, name, value)
    else:
        namespace = vars(module)
        namespace.update([(added.name, made), *[(name, namespace.pop(name)) for name in behind]])
