"""Looks at objects of others without running any code of theirs.

``isinstance(value, type)`` asks ``value.__class__``, which evaluates a lazy object; ``getattr`` and `dir` call
whatever the class has defined, which may raise or never return. What stands here reads the slots of the interpreter.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import MappingProxyType


def is_a(value: object, kind: type) -> bool:
    """Return whether a value is an instance of a type, whatever it says of itself."""
    return kind in mro_of(type(value))


def mro_of(kind: type) -> tuple[type, ...]:
    """Return a class and its bases, whatever its metaclass says."""
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(kind)
    return found


def is_plain_key(key: object) -> bool:
    """Return whether looking a key up in a dictionary runs nobody's code: a text, number, class, tuple of these."""
    kind = type(key)
    if kind is str or kind is int or kind is bytes or key is None:
        return True
    if kind is tuple:
        return all(map(is_plain_key, key))  # type: ignore[call-overload]  # a tuple
    kinds = mro_of(kind)
    return type in kinds and not any(
        {"__hash__", "__eq__"} & class_namespace(meta).keys() for meta in kinds[: kinds.index(type)]
    )


def class_namespace(kind: object) -> MappingProxyType[str, object]:
    """Return the names that a class has itself, whatever its metaclass says."""
    found: MappingProxyType[str, object] = type.__dict__["__dict__"].__get__(kind)
    return found


def dict_of(value: object) -> dict[str, object] | None:
    """Return the dictionary with an object's attributes; None if it has none, or one of its own making."""
    if type(value) is ModuleType:
        return value.__dict__
    for kind in mro_of(type(value)):
        descriptor = class_namespace(kind).get("__dict__")
        if type(descriptor) is GetSetDescriptorType or type(descriptor) is MemberDescriptorType:
            found = descriptor.__get__(value)
            return found if type(found) is dict else None
        if descriptor is not None:
            return None
    return None


def attribute_names(value: object) -> frozenset[str]:
    """Return the attributes that an object and its classes have, but for those that they make when asked."""
    names = set(dict_of(value) or ())
    for kind in mro_of(type(value)):
        names.update(class_namespace(kind))
    return frozenset(names)


def module_of(value: object) -> str:
    """Return the name of the module that an object's class says it is from; '' if it does not say."""
    for kind in mro_of(type(value)):
        found = class_namespace(kind).get("__module__")
        if found is not None:
            return found if type(found) is str else ""
    return ""


def loaded_attribute(name: str, attribute: str) -> object:
    """Return an attribute of a loaded module; None if there is no such module, or it has none by itself."""
    return (dict_of(sys.modules.get(name)) or {}).get(attribute)


def spec_of(module: object) -> ModuleSpec | None:
    """Return the specification by which a module was loaded; None if it has none of the usual kind."""
    spec = (dict_of(module) or {}).get("__spec__")
    return spec if is_a(spec, ModuleSpec) else None  # type: ignore[return-value]  # it is one


def package_folders(name: str) -> Iterator[str]:
    """Give the folders in which the modules of a loaded package are; none for what is no package."""
    folders = loaded_attribute(name, "__path__")
    if type(folders) in (list, tuple) or module_of(folders).startswith("_frozen_importlib"):
        yield from (str(folder) for folder in folders if is_a(folder, str))  # type: ignore[attr-defined]  # see above


class _Hostile:
    """What no code may be asked of."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(name)


def _is_reading_slots() -> bool:
    hostile = _Hostile()
    object.__setattr__(hostile, "known", 1)
    return dict_of(hostile) == {"known": 1} and is_a(hostile, _Hostile) and module_of(hostile) == __name__


_READERS = (
    "is_a",
    "mro_of",
    "is_plain_key",
    "class_namespace",
    "dict_of",
    "attribute_names",
    "module_of",
    "loaded_attribute",
    "spec_of",
)

INTERNALS = (
    Internal(
        "type.__dict__: __mro__, __dict__",
        (*_READERS, "package_folders"),
        Feature.LAYERS,
        "objects of others are looked at without running any code of theirs",
        _is_reading_slots,
    ),
)
