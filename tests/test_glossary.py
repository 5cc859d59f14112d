"""docs/glossary.md is the contract of words: the retired ones are neither names nor printed."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytest_zygote"
ROOMS = sorted(
    "/".join(path.relative_to(PACKAGE).parts) for path in PACKAGE.rglob("*") if path.is_dir() and path.name[0] != "_"
)

PUBLIC = frozenset({"took_ms"})
"""Names that programs read: a key of ``--daemon-status=json``, and what it is made of."""


def retired(*, is_name: bool = True) -> frozenset[str]:
    """Return the words of the last column: for names all, for sentences those that are not in italics."""
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("|")][2:]
    words = {word.strip() for row in rows for word in row[2].split(",") if word.strip()}
    return frozenset(word.strip("*") for word in words if is_name or not word.startswith("*"))


def parts(name: str) -> list[str]:
    """Return the words of a name: of ``_take_over`` 'take' and 'over', of ``LayerStack`` 'layer' and 'stack'."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


NAMED = {
    ast.Name: ("id",),
    ast.Attribute: ("attr",),
    ast.FunctionDef: ("name",),
    ast.AsyncFunctionDef: ("name",),
    ast.ClassDef: ("name",),
    ast.arg: ("arg",),
    ast.keyword: ("arg",),
    ast.MatchAs: ("name",),
    ast.MatchStar: ("name",),
    ast.ExceptHandler: ("name",),
    ast.alias: ("name", "asname"),
}
"""Where the nodes of a module have the names that they use or make."""


def names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Give all names that a module uses or makes."""
    for node in nodes:
        for field in NAMED.get(type(node), ()):
            yield getattr(node, field) or ""


def texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Give the texts of a module that users may see: all that are sentences, but for docstrings."""
    docstrings = set()
    for node in nodes:  # statements come before what they are made of
        if isinstance(node, ast.Expr):
            docstrings.add(node.value)
        elif isinstance(node, ast.Constant) and node not in docstrings and " " in str(node.value):
            yield str(node.value)


def uses(room: str) -> list[str]:
    """Return each use of a retired word in a room, with its place."""
    words, printed = retired(), retired(is_name=False)
    found = []
    for file in sorted((PACKAGE / room).glob("*.py")):
        source = file.read_text(encoding="utf-8")
        if not words & {*parts(file.stem), *parts(source)}:
            continue  # quicker than to look at all names
        nodes = [*ast.walk(ast.parse(source))]
        used = Counter(name for name in [file.stem, *names(nodes)] if name not in PUBLIC and words & {*parts(name)})
        used.update(text for text in texts(nodes) if printed & {*re.findall(r"\w+", text)})
        found += [f"{file.relative_to(ROOT)}: {name}" for name in used.elements()]
    return found


def test_the_contract_retires_words() -> None:
    """The test reads the table that is there."""
    assert {"hindrance", "tower", "take", "told"} <= retired()
    assert retired() - retired(is_name=False) >= {"take", "told"}


def test_no_term_is_retired() -> None:
    """A word cannot be both."""
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    terms = {line.split("|")[1].strip() for line in lines if line.startswith("|")}

    assert not terms & retired()


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_retired_words_are_not_used(room: str) -> None:
    """Neither as names nor in what is printed."""
    found = uses(room)

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def take_over(told): self.lease = Tower()", {"take_over", "told", "lease", "Tower"}),
        ("match x:\n    case [kept, *spare]: pass", {"kept", "spare"}),
        ("import a.desk as b", {"a.desk"}),
        ("mistaken = storage", set()),
    ],
)
def test_a_retired_word_is_found_wherever_it_is_a_name(source: str, expected: set[str]) -> None:
    """Also as a part of one, but not inside of another word."""
    assert {name for name in names(ast.walk(ast.parse(source))) if retired() & {*parts(name)}} == expected


def test_docstrings_are_not_printed() -> None:
    """Whoever reads them has the source."""
    tree = ast.parse('"""No one."""\nprint("a tower", f"{x} is told")')

    assert [*texts(ast.walk(tree))] == ["a tower", " is told"]
