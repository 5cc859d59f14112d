"""Compares code objects: what two compilations of a file share, and what has only moved.

Terms. A *path* leads from the module's code to a code object in it: the names on the way, each
with its number among its namesakes. A *scope* is code that runs when the module is imported:
the module's own, class bodies, and the parameters of generics. All other code is a *definition*:
the body of a function, lambda or generator expression.

Two codes are *identical* if they are equal, line tables included, and *alike* if only lines (and
columns) differ. Executing alike code does the same; so a module whose scopes are all alike
is, except for the bodies of its definitions, the module that a fresh import would make. Syntax
trees say this less well: decorators, defaults, annotations and bases are all in the scope's code,
while formatting and comments are not.

Since 3.13 a class body stores its own line and the attributes its methods assign to `self`. Neither
affects what it does, so both are masked; `adapters.patching` sets them on the live class.
"""

from __future__ import annotations

from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.core.bytecode import OPTIMIZED, is_class_body, masked_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Path: TypeAlias = tuple[tuple[str, int], ...]

KIND = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Flags that callers can see: *args, **kwargs, generator, coroutine, asynchronous generator."""

GENERIC = "<generic parameters of "


def is_scope(code: CodeType) -> bool:
    """Return whether this code runs when its module is imported (or its function is called)."""
    return not code.co_flags & OPTIMIZED or code.co_name.startswith(GENERIC)


def children(code: CodeType, path: Path = ()) -> Iterator[tuple[Path, CodeType]]:
    """Give the codes directly inside, with their paths."""
    seen: dict[str, int] = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            number = seen.get(constant.co_name, 0)
            seen[constant.co_name] = number + 1
            yield (*path, (constant.co_name, number)), constant


def walk(code: CodeType, path: Path = ()) -> Iterator[tuple[Path, CodeType]]:
    """Give a code and all inside it, with their paths."""
    yield path, code
    for inner_path, inner in children(code, path):
        yield from walk(inner, inner_path)


def executed(code: CodeType) -> Iterator[CodeType]:
    """Give the scopes of a module: what every import of it executes."""
    yield code
    for _, inner in children(code):
        if is_scope(inner):
            yield from executed(inner)


# Comparing two codes


def identical(one: CodeType, other: CodeType) -> bool:
    """Return whether two codes differ in nothing."""
    return (
        one.co_firstlineno == other.co_firstlineno
        and one.co_linetable == other.co_linetable
        and _is_shell_identical(one, other)
        and len(one.co_consts) == len(other.co_consts)
        and all(_is_constant_same(a, b, identical) for a, b in zip(one.co_consts, other.co_consts, strict=True))
    )


def alike(one: CodeType, other: CodeType) -> bool:
    """Return whether two codes do the same, wherever they stand."""
    return is_shell_alike(one, other) and all(
        alike(a, b) for (_, a), (_, b) in zip(children(one), children(other), strict=True)
    )


def is_shell_alike(one: CodeType, other: CodeType) -> bool:
    """Compare two codes without what is inside the codes in them, whose names must be equal."""
    if (
        _is_shell_identical(one, other)
        and len(one.co_consts) == len(other.co_consts)
        and all(_is_constant_same(a, b, _is_namesake) for a, b in zip(one.co_consts, other.co_consts, strict=True))
    ):
        return True
    return is_class_body(one) and is_class_body(other) and _is_class_alike(one, other)


def _is_shell_identical(one: CodeType, other: CodeType) -> bool:
    return (
        one.co_name == other.co_name
        and one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and _numbers(one) == _numbers(other)
    )


def _numbers(code: CodeType) -> tuple[object, ...]:
    return (
        *(code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_stacksize),
        *(code.co_exceptiontable, code.co_qualname),
    )


def _is_namesake(one: CodeType, other: CodeType) -> bool:
    return one.co_name == other.co_name


def _is_constant_same(one: object, other: object, compare: Callable[[CodeType, CodeType], bool]) -> bool:
    """Compare constants as the compiler does: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return compare(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_is_constant_same(a, b, compare) for a, b in zip(one, other, strict=True))
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return set(map(repr, one)) == set(map(repr, other))
    return repr(one) == repr(other)  # also of slices, which are constants from 3.14 on


def _is_class_alike(one: CodeType, other: CodeType) -> bool:
    """Compare class bodies whose own lines are constants, which may even share a place with others."""
    steps, others = masked_steps(one), masked_steps(other)
    return len(steps) == len(others) and all(
        a[0] == b[0] and _is_constant_same(a[1], b[1], _is_namesake) for a, b in zip(steps, others, strict=True)
    )


# What a code says


def parameters(code: CodeType) -> tuple[object, ...]:
    """Return what callers see of a definition: its kind, its parameters, the variables it closes over."""
    flags = code.co_flags & KIND
    count = code.co_argcount + code.co_kwonlyargcount + bool(flags & 0x04) + bool(flags & 0x08)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    return (flags, counts, code.co_varnames[:count], code.co_freevars)


def doc(code: CodeType) -> str | None:
    """Return the docstring that a function made of this code has."""
    return FunctionType(code, {}, closure=tuple(CellType() for _ in code.co_freevars)).__doc__


def title(path: Path) -> str:
    """Return a path as users write it: 'A.method'."""
    return ".".join(name for name, _ in path if not name.startswith(GENERIC)) or "the module"
