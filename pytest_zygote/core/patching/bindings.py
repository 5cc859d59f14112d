"""Finds the names that statements bind, and the expressions that stand for `typing.TYPE_CHECKING`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Import: TypeAlias = "ast.Import | ast.ImportFrom"

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)

_TYPING = (("typing", "TYPE_CHECKING"), ("typing_extensions", "TYPE_CHECKING"), ("", "typing"))


def lazy_names(tree: ast.Module) -> frozenset[str]:
    """Return the expressions that stand for `typing.TYPE_CHECKING`, and for nothing else, in this module."""
    bound: dict[str, list[bool]] = {}
    for node in ast.walk(tree):
        for name, is_typing in bindings(node):
            bound.setdefault(name, []).append(is_typing)
    expressions = {"TYPE_CHECKING": "TYPE_CHECKING", "typing": "typing.TYPE_CHECKING"}
    return frozenset(text for name, text in expressions.items() if bound.get(name) == [True])


def bindings(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """Give the names that this node itself binds, and whether the name stands for part of `typing`."""
    if isinstance(node, IMPORTS):
        yield from _imported(node)
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, False
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name, False
    elif isinstance(node, ast.Global):
        yield from ((name, False) for name in node.names)


def _imported(node: Import) -> Iterator[tuple[str, bool]]:
    """Give the names that an import binds, and whether the name stands for part of `typing`."""
    origin = node.module if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        is_typing = alias.asname is None and (origin, alias.name) in _TYPING
        yield alias.asname or alias.name.partition(".")[0], is_typing


def bound_names(node: ast.AST) -> Iterator[str]:
    """Give the names that executing a statement may bind in its scope."""
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return  # only an annotation
    yield from (name for name, _ in bindings(node))
    for name in (getattr(node, "name", None), getattr(node, "rest", None)):
        if isinstance(node, (ast.MatchAs, ast.MatchStar, ast.MatchMapping)) and name:
            yield name
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda, ast.Global)):
        for inner in ast.iter_child_nodes(node):
            yield from bound_names(inner)
