"""No module imports itself by way of others, not even for types only: whoever reads one need not read all at once."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["pytest_zygote", "scripts", "tests"])
def test_no_import_circles(package: str) -> None:
    """What is imported below `TYPE_CHECKING` or within a function counts, too."""
    files = {_name(path): path for path in (ROOT / package).rglob("*.py")}
    graph = {name: set(_imports(path, files.keys())) - {name} for name, path in files.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, modules: KeysView[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules else str(node.module) for name in names if str(node.module) in modules)
