"""Finds in code what it may have asked for: names, docstrings, lines, bytecode.

A patch makes the process what a fresh import would make. It does not reach what an import computed from a function
*without running it*: from its line, its bytecode, its docstring, or from whether a class has a method. Such a
computation does not show in its result, but the code that makes it must name what it looks at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING

from pytest_zygote.core.bytecode import Kind, Step, steps

if TYPE_CHECKING:
    from collections.abc import Iterable

LINES = frozenset(
    {
        *("f_lineno", "f_lasti", "tb_lineno", "tb_lasti", "co_firstlineno", "co_code", "co_consts", "co_lnotab"),
        *("co_linetable", "co_lines", "co_positions", "_co_code_adaptive", "co_exceptiontable"),
        *("co_names", "co_cellvars", "co_freevars", "co_nlocals", "co_stacksize"),
    }
)
"""Attributes that say where code stands, or what it consists of: no two texts of a function agree in all of them."""

OWN_LINES = LINES | {"__code__", "get_instructions", "getclosurevars", "catch_warnings"}
"""In a module of the project also the way to the code object itself (handed on as a whole, anything may be read of
it), and functions that read such attributes, or keep a warning with its line. Those of `traceback` and `inspect` read
the text too, which is seen."""

CONFORM = b"__conform__"
"""A class with this method keeps code objects, and is notified about new ones."""


def line_words(source: bytes) -> frozenset[str]:
    """Return the words by which a module of the project may look at lines or bytecode."""
    return OWN_LINES - {"__code__"} if CONFORM in source else OWN_LINES


DOCS = frozenset({"__doc__", "getdoc"})

DYNAMIC = frozenset(
    {
        *("getattr", "hasattr", "vars", "dir", "globals", "locals", "__dict__", "getmembers", "getmembers_static"),
        *("eval", "exec", "issubclass", "isinstance", "attrgetter", "methodcaller"),
    }
)
"""Code that uses these may ask an object for any name."""

FINDERS = frozenset({"import_module", "__import__", "walk_packages", "iter_modules", "modules"})
"""Code that uses these may get a module without naming it."""

_IN_TEXT = {
    kind: re.compile(rb"\b(?:%b)\b" % "|".join(sorted(words)).encode())
    for kind, words in (("lines", OWN_LINES), ("docs", DOCS))
}


def kinds_in(source: bytes) -> frozenset[str]:
    """Return what the code of a text may look at, by its words: 'lines' or 'docs'."""
    return frozenset(kind for kind, pattern in _IN_TEXT.items() if pattern.search(source))


def may_ask(source: bytes, owner: str, name: str) -> bool:
    """Return whether `AskedFor.asks` may be true for the code of a text: a quick check, without compiling it.

    Args:
        source: the text.
        owner: last part of a module's name, or a class.
        name: what was not there before.
    """
    if re.search(rb"\b%b\b" % re.escape(name.encode()), source) or (_FINDS.search(source) and _ASKS.search(source)):
        return True
    word = rb"\b%b\b" % owner.encode()
    if re.search(word, source) is None:
        return False
    is_dynamic = _ASKS.search(source) or _STAR.search(source) or re.search(word + rb"\s+as\b", source)
    return bool(is_dynamic or re.search(word + rb"(?!\s*\.\s*\w)", _IMPORT.sub(b"", source)))


_FINDS, _ASKS = (re.compile(rb"\b(?:%b)\b" % "|".join(sorted(kind)).encode()) for kind in (FINDERS, DYNAMIC))
_STAR = re.compile(rb"\bimport\s*\(?\s*\*")
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+[.\w]+[ \t]+)?import\b[ \t]*(?:\([^)]*\)|[^\n;]*)", re.MULTILINE)


@dataclass(frozen=True)
class AskedFor:
    """What some code may have asked for.

    Attributes:
        read: names and texts that it reads, apart from import statements.
        imported: names of modules, and names taken from them.
        handed: names of objects that it has used for more than an attribute.
        named: names and single texts that it reads: not the texts in a list, such as `__all__`.
    """

    read: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    handed: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """All names that it has."""
        return self.read | {part for name in self.imported for part in (name, name.rpartition(".")[2])}

    def asks(self, owner: str, name: str) -> bool:
        """Return whether this code may have asked an owner (a class, or a module's last name) for a name."""
        if name in self.read or name in self.imported or owner in self.handed:
            return True
        known = self.known
        if owner in known and ("*" in self.imported or self.read & DYNAMIC):
            return True
        return bool(known & FINDERS and self.read & DYNAMIC)


_BETWEEN = frozenset({"PUSH_NULL", "PRECALL", "SWAP", "POP_TOP"})
"""Instructions that may stand between a name and its attribute, or between an import and its name."""

_NAMED = (Kind.NAME, Kind.ATTRIBUTE)
_END = Step(Kind.OTHER, "", None, -1)


def words(found: Iterable[CodeType]) -> AskedFor:
    """Return what any of these codes may have asked for."""
    read: set[str] = set()
    imported: set[str] = set()
    handed: set[str] = set()
    named: set[str] = set()
    for code in found:
        entered = ""
        for step, follower in _telling_steps(code):
            value = step.value
            if step.kind in (Kind.IMPORT, Kind.MEMBER):
                imported.add(str(value))
                handed.update(_renamed(str(value), follower))
            elif follower.kind is Kind.IMPORT:
                imported.update(value if isinstance(value, tuple) else ())
            elif isinstance(value, CodeType):
                entered = value.co_name
            elif step.kind is not Kind.WRITE:
                read.update(_texts(step, follower, entered))
                named.update(_single(step))
                handed.update(_single(step) if step.kind in _NAMED and follower.kind is not Kind.ATTRIBUTE else ())
    return AskedFor(frozenset(read | handed), frozenset(imported), frozenset(handed), frozenset(named))


def _telling_steps(code: CodeType) -> Iterable[tuple[Step, Step]]:
    """Return the instructions of a code, each with the one that follows it."""
    return pairwise([*(step for step in steps(code) if step.opname not in _BETWEEN), _END])


def _texts(step: Step, follower: Step, entered: str) -> Iterable[str]:
    """Return the names and texts of an instruction, but for those by which a definition knows its own name."""
    if isinstance(step.value, tuple):
        return [text for text in step.value if isinstance(text, str)]
    if not isinstance(step.value, str):
        return ()
    is_own_name = step.kind is Kind.CONSTANT and (
        step.value == entered or (follower.kind, follower.value) == (Kind.WRITE, "__qualname__")
    )
    return () if is_own_name else (step.value,)


def _single(step: Step) -> Iterable[str]:
    is_named = step.kind in (*_NAMED, Kind.CONSTANT) and isinstance(step.value, str)
    return (str(step.value),) if is_named else ()


def _renamed(name: str, follower: Step) -> Iterable[str]:
    """Return what is imported under another name, whose uses are not followed."""
    is_renamed = follower.value != name.partition(".")[0] and follower.kind is not Kind.MEMBER
    return (name.rpartition(".")[2],) if is_renamed else ()
