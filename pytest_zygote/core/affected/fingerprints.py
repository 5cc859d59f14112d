"""Fingerprints of a module's code: one for what an import executes, one for each function's body.

Computed from compiled code, not from text: comments leave no trace in it, formatting hardly ever, line
tables are left out, and the fingerprint of a loaded module is that of the code which *ran*, even if the
file has changed since.

A *unit* is the smallest thing that a test can depend on. The body of each function is one, at any depth.
Everything else belongs to the unit around it: class bodies, lambdas, comprehensions, and those parts of a
function that show without a call: decorators, defaults and annotations (which are in that code anyway, or,
from 3.14 on, in code that the interpreter runs once, for whoever asks first), parameters, kind, and the
docstring, which programs print as their help.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from types import CodeType
from typing import TYPE_CHECKING

from pytest_zygote.core.bytecode import ANNOTATE, OPTIMIZED, Import, imports, is_class_body, masked_steps, why_unknown
from pytest_zygote.core.patching.code_compare import children, doc, parameters, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_zygote.core.patching.code_compare import Path

MODULE = ""
"""Name of the unit that holds what an import executes."""

IMPORTS = "\0imports"
"""Name under which the imports of a file are stored among its units: it is none itself."""

SIZE = 12
"""Bytes of a checksum: the chance that two of a million units share one is 1 in 10**17."""


def checksum(*parts: bytes) -> bytes:
    """Return a checksum of byte strings. Each goes in with its length, so their borders count."""
    text = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return hashlib.blake2b(text, digest_size=SIZE).digest()


def text_checksum(text: str) -> bytes:
    """Return the checksum of a text that may hold undecodable bytes."""
    return checksum(text.encode("utf-8", "surrogateescape"))


def names_checksum(names: Iterable[str]) -> bytes:
    """Return a checksum of names, in any order."""
    return checksum(*(name.encode("utf-8", "surrogateescape") for name in sorted(names)))


def fingerprint(code: CodeType) -> dict[str, bytes]:
    """Return name → checksum of all units of a module."""
    found: dict[str, bytes] = {}
    found[MODULE] = _digest(code, (), found)
    return found


def whole(units: Mapping[str, bytes]) -> bytes:
    """Return one checksum for all units of a file."""
    return checksum(*(part for name in sorted(units) for part in (name.encode(), units[name])))


def code_only(units: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return units without the list of imports."""
    return {name: found for name, found in units.items() if name != IMPORTS}


def units_of(code: CodeType) -> dict[str, bytes]:
    """Return the units of a module's code, and among them the names that it imports."""
    return {**fingerprint(code), IMPORTS: " ".join(sorted(imported_names(code))).encode()}


def compiled_text(text: bytes, path: str) -> dict[str, bytes]:
    """Return the units of a text; a single one if it is not Python, or Python whose bytecode is not known."""
    try:
        if why_unknown():
            names = _names(_statements(ast.parse(text, path)))
            return {MODULE: checksum(text), IMPORTS: " ".join(sorted(names)).encode()}
        return units_of(compile(text, path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {MODULE: checksum(text)}


def owners(code: CodeType) -> Iterator[tuple[CodeType, str]]:
    """Give each code object of a module with the name of the unit that it belongs to."""
    yield from _owners(code, (), MODULE)


def _owners(code: CodeType, path: Path, owner: str) -> Iterator[tuple[CodeType, str]]:
    yield code, owner
    for inner_path, inner in children(code, path):
        yield from _owners(inner, inner_path, unit_name(inner_path) if is_unit(inner) else owner)


def is_unit(code: CodeType) -> bool:
    """Return whether a code is the body of a named function."""
    return bool(code.co_flags & OPTIMIZED) and not code.co_name.startswith("<") and code.co_name != ANNOTATE


def unit_name(path: Path) -> str:
    """Return 'A.method', or 'A.method#1' for the second one of that name."""
    return ".".join(f"{name}#{number}" if number else name for name, number in path)


def _digest(code: CodeType, path: Path, found: dict[str, bytes]) -> bytes:
    """Return the checksum of a code without the functions in it; theirs are added to `found`."""
    inside: dict[int, bytes] = {}
    for inner_path, inner in children(code, path):
        digest = _digest(inner, inner_path, found)
        if is_unit(inner):
            found[unit_name(inner_path)] = digest
            digest = repr((inner.co_name, parameters(inner), doc(inner))).encode("utf-8", "surrogatepass")
        inside[id(inner)] = digest
    if is_class_body(code):
        steps = masked_steps(code)
        return checksum(*(part for name, value in steps for part in (name.encode(), _constant(value, inside))))
    return checksum(*_shell(code), *(_constant(constant, inside) for constant in code.co_consts))


def _shell(code: CodeType) -> tuple[bytes, ...]:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, repr((counts, names)).encode(), code.co_exceptiontable


def _constant(constant: object, inside: dict[int, bytes]) -> bytes:
    """Return a constant as bytes that tell 1, 1.0 and True apart, and do not depend on hashes."""
    if isinstance(constant, CodeType):
        return inside.get(id(constant), b"")
    if isinstance(constant, tuple):
        return b"(" + checksum(*(_constant(item, inside) for item in constant))
    if isinstance(constant, frozenset):
        return b"{" + checksum(*sorted(_constant(item, inside) for item in constant))
    return f"{type(constant).__name__} {constant!r}".encode("utf-8", "surrogatepass")


# What a module imports, by statements anywhere in it


def imported_names(code: CodeType) -> frozenset[str]:
    """Return the dotted names of all modules that a module may import by statements; '.x' for a relative one."""
    return _names(statement for _, inner in walk(code) for statement in imports(inner))


def _names(statements: Iterable[Import]) -> frozenset[str]:
    return frozenset[str]().union(*map(_named, statements))


@cache
def _named(statement: Import) -> frozenset[str]:
    name, level, names = statement
    full = "." * level + name
    dot = "." if name else ""
    found = (full, *(f"{full}{dot}{attribute}" for attribute in names if attribute != "*"))
    return frozenset(name for name in found if name.strip("."))


def _statements(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.module or "", node.level, tuple(alias.name for alias in node.names))
