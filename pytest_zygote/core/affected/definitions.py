"""Whether the text of a module only defines things: executing it reads nothing that its code does not show."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKERS = frozenset({"pytest", "typing", "TypeVar", "NamedTuple", "frozenset", "dataclass", "field"})
"""What may be called: these make marks, fixtures and types."""

_CALLS = (ast.Call, ast.Await, ast.Subscript, ast.BinOp, ast.comprehension, ast.JoinedStr)


def only_defines(text: bytes) -> bool:
    """Return whether importing a module with this text executes definitions, imports and plain values only."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return all(map(_is_definition, tree.body))


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if isinstance(node, ast.ClassDef):
        return all(map(_is_plain, (*node.bases, *node.decorator_list))) and all(map(_is_definition, node.body))
    if isinstance(node, ast.If):
        return _is_plain(node.test) and all(map(_is_definition, (*node.body, *node.orelse)))
    return all(map(_is_plain, _executed(node)))


def _executed(node: ast.stmt) -> Iterator[ast.expr | None]:
    """Give the expressions that a statement evaluates; None, which is not plain, for a statement of another kind."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from (*node.decorator_list, *node.args.defaults)
        yield from (default for default in node.args.kw_defaults if default is not None)
    elif isinstance(node, (ast.Assign, ast.Expr)):
        yield node.value
    elif isinstance(node, ast.AnnAssign):
        yield node.value or node.target
    else:
        yield None


def _is_plain(node: ast.expr | None) -> bool:
    """Return whether an expression calls nothing but what makes marks and types."""
    if node is None:
        return False
    return all(_is_maker(inner) for inner in ast.walk(node) if isinstance(inner, _CALLS))


def _is_maker(node: ast.AST) -> bool:
    root = node.func if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Subscript) else None
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in MAKERS
