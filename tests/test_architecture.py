"""docs/architecture.md is true: its diagrams and tables are those of the code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from scripts import architecture

if TYPE_CHECKING:
    from pathlib import Path

PAGES = (architecture.DOCUMENT, architecture.DOCUMENT.with_name("contributing.md"))
MODULE = re.compile(r"`((?:pytest_zygote|scripts|tests|docs)/[\w./-]+)`")


def test_generated_parts_are_up_to_date() -> None:
    """``python -m scripts.architecture`` brings them up to date."""
    page = architecture.DOCUMENT.read_text(encoding="utf-8")

    assert architecture.render(page) == page, "run `python -m scripts.architecture`"


def test_all_parts_are_in_the_page() -> None:
    """A part that is generated and stands nowhere is dead code."""
    page = architecture.DOCUMENT.read_text(encoding="utf-8")

    assert {match[2] for match in architecture.PART.finditer(page)} == set(architecture.PARTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """A file that was moved is found where the page says."""
    text = page.read_text(encoding="utf-8")
    names = MODULE.findall(text)

    assert names
    assert [name for name in names if not (architecture.REPOSITORY / name).exists()] == []


def test_every_module_says_what_it_is_for() -> None:
    """The table of the tree has a purpose in each row."""
    assert [row for row in architecture.tree().splitlines() if row.endswith("|  |")] == []
