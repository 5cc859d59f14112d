"""Finds live classes by their names, and moves the lines that they know."""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType
from typing import TYPE_CHECKING, cast

from pytest_zygote.adapters.interpreter.private.bare_objects import class_namespace, dict_of, is_a
from pytest_zygote.adapters.patching.inventory import file_of
from pytest_zygote.core.bytecode import MASKED, stored
from pytest_zygote.core.patching.additions import ClassFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FunctionType

    from pytest_zygote.core.patching.patch_plan import PatchPlan


def find_class(module: ModuleType, title: str) -> type | None:
    """Return the class of a module with a qualified name, if it is where its name says."""
    found: object = None
    namespace: Mapping[str, object] = vars(module)
    for name in title.split("."):
        found = namespace.get(name)
        if not is_a(found, type) or class_namespace(found).get("__module__") != module.__name__:
            return None
        namespace = class_namespace(found)
    return cast("type", found) if type.__dict__["__qualname__"].__get__(found) == title else None


def is_dataclass(module: ModuleType, name: str) -> bool:
    """Return whether a name in a module stands for the standard library's decorator, which lets methods alone."""
    found: object = module
    for part in name.split("."):
        found = (dict_of(found) or {}).get(part) if is_a(found, ModuleType) else None
    return found is dataclasses.dataclass


def facts_of(module: ModuleType, title: str, is_ours: Callable[[str], bool]) -> ClassFacts | None:
    """Return what is known about a class of a module; None if it is not where its name says."""
    found = find_class(module, title)
    if found is None:
        return None
    bases = found.__mro__[1:]
    files = {name: file_of(sys.modules.get(name)) for name in {base.__module__ for base in bases}}
    return ClassFacts(
        is_plain=type(found) is type and not any("__init_subclass__" in vars(base) for base in bases[:-1]),
        is_ours=all(name == "builtins" or is_ours(file) for name, file in files.items()),
        has_subclasses=bool(subclasses(found)),
        attributes=frozenset(dir(found)),
    )


def bodies_of(title: str, functions: Sequence[FunctionType]) -> list[dict[str, object]]:
    """Return the namespaces in which a body was executed that is not that of the class, as with `typing.NamedTuple`.

    From 3.14 on, annotations look names up there: with a plain class, that is the class's own namespace, from which
    the name of the class is gone.
    """
    found = [_body_of(function) for function in functions if "__classdict__" in function.__code__.co_freevars]
    return list({id(body): body for body in found if body.get("__qualname__") == title}.values())


def _body_of(function: FunctionType) -> dict[str, object]:
    cell = (function.__closure__ or ())[function.__code__.co_freevars.index("__classdict__")]
    try:
        return cast("dict[str, object]", cell.cell_contents)
    except ValueError:  # the body failed
        return {}


def move_classes(module: ModuleType, plan: PatchPlan) -> None:
    """Since 3.13 a class knows its first line, and what its methods assign to `self`."""
    changes = {}
    for pair in plan.scopes if sys.version_info >= (3, 13) else ():
        old, new = stored(pair.old), stored(pair.new)
        if any(old.get(name) != new.get(name) for name in MASKED):
            changes[old.get("__qualname__"), old.get("__firstlineno__")] = new
    for found in _classes() if changes else ():
        own = class_namespace(found)
        new = changes.get((type.__dict__["__qualname__"].__get__(found), own.get("__firstlineno__")), {})
        if own.get("__module__") == module.__name__:
            for name in MASKED & new.keys():
                type.__setattr__(found, name, new[name])


def _classes() -> Iterator[type]:
    """Give all classes of the process."""
    seen: set[int] = set()
    rest: list[type] = [object]
    while rest:
        found = rest.pop()
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            # Not found.__subclasses__(): that of a metaclass wants an argument, and others are overwritten.
            rest.extend(subclasses(found))


subclasses = cast("Callable[[type], list[type]]", type.__subclasses__)
