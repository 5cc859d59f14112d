"""Aligns two syntax trees of a module: what was added, and what stands in the way of a patch.

`code_compare` says whether two compilations do the same. When they do not, this module proposes which
statements of the new tree are *additions*: it takes them out of a copy, and `verdict` compares what
is left with the old module. So an error here costs a reload, never a wrong patch.

Left out on both sides is what an import does not execute: ``if __name__ == "__main__":`` and
``if TYPE_CHECKING:`` (with nothing behind ``else``), ``pass``, and constants that stand alone. An import
statement counts as one statement for each of its names, so that one more name is one more statement.
Docstrings of modules and classes are left out too, and compared by `verdict`.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.patching.annotations import Annotated, Function, are_texts, come_or_go, strip, without_lazy
from pytest_zygote.core.patching.bindings import FUNCTIONS, IMPORTS, Import, bindings, lazy_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Scope: TypeAlias = "ast.Module | ast.ClassDef"


@dataclass(frozen=True)
class Addition:
    """A statement that only the new tree has.

    Attributes:
        scope: names of the classes around it.
        node: a function, or an import of one name.
        siblings: the statements of its scope in the new tree.
        at: its place among them.
        decorators: those of the class around it.
    """

    scope: tuple[str, ...]
    node: Function | Import
    siblings: tuple[ast.stmt, ...]
    at: int
    decorators: tuple[ast.expr, ...] = ()

    @property
    def name(self) -> str:
        """The name that it binds."""
        if isinstance(self.node, FUNCTIONS):
            return self.node.name
        alias = self.node.names[0]
        return alias.asname or (alias.name.partition(".")[0] if isinstance(self.node, ast.Import) else alias.name)


@dataclass
class Alignment:
    """Two trees, matched statement by statement.

    Attributes:
        old: the old tree without what an import does not execute.
        new: the new tree without that, and without the additions.
        names: the last line of the statement that binds a name in the new module; 0 for a name
            that is bound more than once, or in a function.
        difference: why no patch is possible ('class A has other bases'), or ''.
        are_texts: whether annotations are texts, before and now.
        annotated: functions that have other annotations; in both trees they have none.
    """

    old: ast.Module
    new: ast.Module
    additions: list[Addition] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    difference: str = ""
    are_texts: bool = False
    annotated: list[Annotated] = field(default_factory=list)

    def note(self, difference: str) -> None:
        """Note why no patch is possible; the first of several reasons counts, and '' is none."""
        self.difference = self.difference or difference


def align(old_source: bytes, new_source: bytes) -> Alignment:
    """Return how the new text of a module differs from the old one.

    Raises:
        SyntaxError: one of them is not Python.
    """
    old, new = ast.parse(old_source), ast.parse(new_source)
    alignment = Alignment(old, new, names=_lines_of_names(new), are_texts=are_texts(old) and are_texts(new))
    lazy = (lazy_names(old), lazy_names(new))
    _align_scope(alignment, old, new, (), lazy)
    return alignment


def _align_scope(
    alignment: Alignment, old: Scope, new: Scope, path: tuple[str, ...], lazy: tuple[frozenset[str], frozenset[str]]
) -> None:
    before, after = list(_statements(old, lazy[0])), list(_statements(new, lazy[1]))
    decorators = tuple(new.decorator_list) if isinstance(new, ast.ClassDef) else ()
    remaining: list[ast.stmt] = []
    rest = [(key(node), node) for node in before]
    for at, node in enumerate(after):
        if rest and key(node) == rest[0][0]:
            _align_pair(alignment, rest.pop(0)[1], node, path, lazy)
            remaining.append(node)
        elif isinstance(node, (*FUNCTIONS, *IMPORTS)):
            alignment.additions.append(Addition(path, node, tuple(after), at, decorators))
        elif not alignment.difference:
            alignment.note(_describe(node, rest, path))
    _note_lost(alignment, rest, after, path)
    old.body, new.body = before or [_nothing()], remaining or [_nothing()]


def _note_lost(
    alignment: Alignment, rest: Sequence[tuple[str, ast.stmt]], after: Sequence[ast.stmt], path: tuple[str, ...]
) -> None:
    """Note that the first of the old statements that are left has no counterpart."""
    if rest and not alignment.difference:
        alignment.note(_describe_lost(rest[0][1], after, path))


def _nothing() -> ast.stmt:
    return ast.copy_location(ast.Pass(), ast.Constant(None, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0))


def _statements(scope: Scope, lazy: frozenset[str]) -> Iterator[ast.stmt]:
    """Give what an import of this scope executes, one name for each import."""
    for node in scope.body:
        if _is_nothing(node) or (isinstance(node, ast.If) and _is_never(node, lazy)):
            continue
        if isinstance(node, IMPORTS) and len(node.names) > 1 and not _is_future(node):
            for alias in node.names:
                single = copy.copy(node)
                single.names = [alias]
                yield single
        else:
            yield node


def _is_nothing(node: ast.stmt) -> bool:
    """Return whether a statement is ``pass`` or a constant that stands alone."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_never(node: ast.If, lazy: frozenset[str]) -> bool:
    """Return whether the body is not executed by an import, and means nothing to the compiler."""
    if node.orelse or any(isinstance(inner, ast.AnnAssign) for inner in ast.walk(node)):
        return False
    return ast.unparse(node.test) in lazy or key(node.test) in (_MAIN, _MAIN_REVERSED)


def key(node: ast.AST) -> str:
    """Return a key that statements share if they are the same one: a definition's name, else all but its place."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return f"{'class' if isinstance(node, ast.ClassDef) else 'def'} {node.name}"
    return ast.dump(_Bodiless().visit(copy.deepcopy(node)))


class _Bodiless(ast.NodeTransformer):
    """Cuts the bodies out of the functions in a statement: code objects compare those."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body = []
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body = []
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.Constant(None)
        return node


_MAIN = ast.dump(ast.parse("__name__ == '__main__'", mode="eval").body)
_MAIN_REVERSED = ast.dump(ast.parse("'__main__' == __name__", mode="eval").body)


def _lines_of_names(tree: ast.Module) -> dict[str, int]:
    lines: dict[str, int] = {}
    at_top = {id(part) for node in tree.body for part in _own_parts(node)}
    for node in ast.walk(tree):
        for name, _ in bindings(node):
            is_clear = id(node) in at_top and name not in lines
            lines[name] = (getattr(node, "end_lineno", 0) or 0) if is_clear else 0
    return lines


def _own_parts(node: ast.stmt) -> Iterator[ast.AST]:
    """Give a statement, and the targets of a plain assignment."""
    yield node
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        yield from node.targets if isinstance(node, ast.Assign) else (node.target,)


# Pairs, and how their differences are described


def _align_pair(
    alignment: Alignment, old: ast.stmt, new: ast.stmt, path: tuple[str, ...],
    lazy: tuple[frozenset[str], frozenset[str]],
) -> None:  # fmt: skip
    if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
        found = _differing_part(old, new, _CLASS_PARTS)
        title = ".".join((*path, new.name))
        alignment.note(found and f"class {title} has {found}")
        _align_scope(alignment, old, new, (*path, new.name), lazy)
    elif isinstance(old, FUNCTIONS) and isinstance(new, FUNCTIONS):
        _align_functions(alignment, old, new, path)


def _align_functions(alignment: Alignment, old: Function, new: Function, path: tuple[str, ...]) -> None:
    """Take the annotations out of both where they may differ; note any other difference but that of the bodies."""
    annotated = strip(old, new, path) if alignment.are_texts or come_or_go(old, new) else None
    alignment.annotated += [annotated] if annotated else []
    is_other = type(old) is not type(new)
    parts = "another kind (async)" if is_other else _differing_part(*without_lazy(old, new), _FUNCTION_PARTS)
    title = ".".join((*path, new.name))
    alignment.note(parts and f"{title}() has {parts}")


_FUNCTION_PARTS = {
    "decorator_list": "other decorators",
    "args": "other parameters, defaults or annotations",
    "returns": "another return annotation",
    "type_params": "other type parameters",
}
_CLASS_PARTS = {
    "bases": "other bases",
    "keywords": "other class arguments",
    "decorator_list": "other decorators",
    "type_params": "other type parameters",
}


def _differing_part(old: ast.AST, new: ast.AST, parts: dict[str, str]) -> str:
    for part, text in parts.items():
        if _dump(getattr(old, part, None)) != _dump(getattr(new, part, None)):
            return text
    return ""


def _dump(part: object) -> str:
    if isinstance(part, list):
        return ";".join(key(item) for item in part)
    return key(part) if isinstance(part, ast.AST) else repr(part)


def _describe(node: ast.stmt, rest: Sequence[tuple[str, ast.stmt]], path: tuple[str, ...]) -> str:
    """Describe a new statement. In the place of one of the same kind, it has changed rather than been added."""
    where = f"in class {'.'.join(path)}" if path else "at module level"
    old = rest[0][1] if rest else None
    if isinstance(node, ast.ClassDef):
        return f"class {'.'.join((*path, node.name))} is new"
    names = [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]
    if names and old is not None and type(old) is type(node):
        return f"{'.'.join((*path, names[0]))} has another value"
    verb = "changed" if old is not None and type(old) is type(node) else "is new"
    return f"line {node.lineno} {verb}, which runs {where} when it is imported"


def _describe_lost(node: ast.stmt, after: Sequence[ast.stmt], path: tuple[str, ...]) -> str:
    is_elsewhere = key(node) in {key(other) for other in after}
    verb = "is at another place" if is_elsewhere else "is gone or renamed"
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        mark = "" if isinstance(node, ast.ClassDef) else "()"
        return f"{'.'.join((*path, node.name))}{mark} {verb}"
    if isinstance(node, IMPORTS):
        return f"the import of {node.names[0].name} {verb}"
    where = f"in class {'.'.join(path)}" if path else "at module level"
    return f"a statement {where} (line {node.lineno} before) {verb}"
