"""No module imports itself by way of others, not even for types only: whoever reads one need not read all at once."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView

ROOT = Path(__file__).parents[1]
# Not the syntax tree: of all files, that would take longer than all that the unit tests of a room do.
IMPORT = re.compile(r"^ *(?:from ([\w.]+) import (\([^)]*\)|.*)|import ([\w.]+))", re.MULTILINE)


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
    for source, names, whole in IMPORT.findall(path.read_text(encoding="utf-8")):
        full = [f"{source}.{name}" for name in re.findall(r"\w+", names)]
        yield from (
            name for name in (whole, *(name if name in modules else source for name in full)) if name in modules
        )
