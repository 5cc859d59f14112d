"""Where in a module's text an import stands."""

from __future__ import annotations

import ast
from importlib.util import resolve_name
from typing import TYPE_CHECKING

from pytest_zygote.core.patching.bindings import FUNCTIONS, IMPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_line(text: bytes, module: str, package: str, wanted: str) -> int:
    """Return the line of the first statement that imports a module while the text is executed; 0 if none does.

    Args:
        text: of a module.
        module: what it is called.
        package: what its relative imports start from (`__package__`).
        wanted: the module to be imported.

    Raises:
        SyntaxError: the text cannot be compiled.
    """
    for statement in _executed(ast.parse(text, module)):
        if any(f"{name}.".startswith(f"{wanted}.") for name in _names(statement, package)):
            return statement.lineno
    return 0


def _executed(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give the imports in the order of the text, except those in functions, which run later, if at all."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, IMPORTS):
            yield child
        elif not isinstance(child, (*FUNCTIONS, ast.Lambda)):
            yield from _executed(child)


def _names(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Give the names that a statement may import."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    try:
        base = resolve_name("." * statement.level + (statement.module or ""), package)
    except ImportError:  # it goes above the top: executing it would raise the same
        return
    yield from (f"{base}.{alias.name}" for alias in statement.names)
