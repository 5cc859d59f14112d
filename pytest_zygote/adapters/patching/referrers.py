"""Finds the functions of a file, and counts who holds a code object besides them."""

from __future__ import annotations

import contextlib
import gc
import sys
from dataclasses import dataclass, field
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import attribute_names, dict_of
from pytest_zygote.core.patching import code_compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType


@contextlib.contextmanager
def thawed() -> Iterator[None]:
    """Make frozen objects visible to the collector's functions, and freeze all again."""
    is_enabled = gc.isenabled()
    gc.disable()
    gc.unfreeze()
    try:
        yield
    finally:
        gc.freeze()
        if is_enabled:
            gc.enable()


@dataclass
class Referrers:
    """The functions that have one code object.

    Attributes:
        conforming: other objects that keep it, and have ``__conform__``.
        excess: how many references nobody accounts for.
    """

    code: CodeType
    functions: list[FunctionType] = field(default_factory=list)
    conforming: list[object] = field(default_factory=list)
    excess: int = 0


def conforms(objects: Sequence[object]) -> bool:
    """Return whether all objects have ``__conform__``."""
    return all(hasattr(thing, "__conform__") for thing in objects)


def held(functions: Sequence[FunctionType], path: str) -> list[Referrers]:
    """Return the code objects of a file that functions have, each with these functions."""
    found: dict[int, Referrers] = {}
    for function in functions:
        if function.__code__.co_filename == path:
            found.setdefault(id(function.__code__), Referrers(function.__code__)).functions.append(function)
    return list(found.values())


def account(found: list[Referrers], *, is_after: bool = False) -> None:
    """Find out for each code whether anything holds it besides its functions and the code around it."""
    around = _count_around(found)
    own = _references(Referrers(compile("0", "", "exec")))
    for holders in found:
        expected = own + around.get(id(holders.code), 0) + (0 if is_after else len(holders.functions))
        holders.excess = _references(holders) - expected
        if holders.excess and not is_after:
            holders.conforming = _find_conforming(holders.code)
            holders.excess -= len(holders.conforming)


def _count_around(found: list[Referrers]) -> dict[int, int]:
    """Return how often each code is a constant of another one, by its id."""
    around: dict[int, int] = {}
    seen: set[int] = set()
    for holders in found:
        for _, code in code_compare.walk(holders.code):
            if id(code) not in seen:
                seen.add(id(code))
                for _, inner in code_compare.children(code):
                    around[id(inner)] = around.get(id(inner), 0) + 1
    return around


def _references(holders: Referrers) -> int:
    return sys.getrefcount(holders.code)


def _find_conforming(code: CodeType) -> list[object]:
    """Return the objects with ``__conform__`` that hold a code, themselves or in their namespace."""
    found: list[object] = []
    for referrer in gc.get_referrers(code):
        owners = gc.get_referrers(referrer) if type(referrer) is dict else [referrer]
        for owner in owners:
            is_owner = owner is referrer or dict_of(owner) is referrer
            if is_owner and type(owner) is not FunctionType and "__conform__" in attribute_names(owner):
                found.append(owner)
    return found
