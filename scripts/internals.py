"""Writes docs/internals-we-rely-on.md from the self-checks: ``python -m scripts.internals``."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.adapters.self_checks import internals
from pytest_zygote.core.internals import Feature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.internals import Internal

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytest_zygote"
DOCUMENT = ROOT / "docs" / "internals-we-rely-on.md"
ROOMS = ("pytest_zygote.adapters.interpreter.private", "pytest_zygote.adapters.pytest.private")

HEAD = """\
# Internals we rely on

CPython and pytest have no public names for some of what a fork server needs. All of it is reached through two rooms,
`adapters/interpreter/private` and `adapters/pytest/private`; import-linter and ruff forbid it everywhere else.
Each has a self-check, which is made once, when a layer is built, and holds for all runs that are forked from it.
A failed one costs the feature that stands at the head of its table, with a reason that names it (`internals-changed`),
and never a wrong result.

Made by `python -m scripts.internals` from the tables beside the self-checks; do not edit.
"""

TITLES = {
    Feature.LAYERS: "Without these, all runs are cold",
    Feature.PATCHES: "Without these, no edit is patched",
    Feature.SESSIONS: "Without these, no session is collected ahead",
    Feature.WORKERS: "Without these, tests are not run by forked workers",
    Feature.ISOLATION: "Without these, tests are not isolated in forks to record what they need",
    Feature.NOTHING: "Without these, the caller does something else",
}


@cache
def users() -> dict[str, set[str]]:
    """Return the names in the two rooms that are used outside of them, each with the modules that do."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path.parent.name != "private" and ".private" in source:
            for name in _names_used(ast.parse(source)):
                found.setdefault(name, set()).add(path.relative_to(PACKAGE).as_posix())
    return found


def _names_used(tree: ast.AST) -> Iterator[str]:
    modules: set[str] = set()
    nodes = [*ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in ROOMS:
            modules.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and str(node.module).rpartition(".")[0] in ROOMS:
            yield from (alias.name for alias in node.names)
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield node.attr


def render() -> Iterator[str]:
    """Yield the parts of the page."""
    yield HEAD
    known = users()
    for feature, title in TITLES.items():
        yield f"\n## {title}\n\n| what | where it is used | what for |\n|---|---|---|\n"
        yield from (_row(one, known) for one in internals() if one.feature is feature)


def _row(internal: Internal, known: dict[str, set[str]]) -> str:
    places = sorted({place for name in internal.accessors for place in known.get(name, ())})
    return f"| {internal.name} | {', '.join(f'`{place}`' for place in places)} | {internal.purpose} |\n"


def main() -> None:
    """Write the page."""
    DOCUMENT.write_text("".join(render()), encoding="utf-8")


if __name__ == "__main__":
    main()
