"""What the gate says of other Pythons."""

from __future__ import annotations

import tomllib
from pathlib import Path

from scripts.other_pythons import VERSIONS, Outcome, summary

ROOT = Path(__file__).parents[2]


def test_versions_that_are_missing_are_named() -> None:
    """They count neither as passed nor as failed."""
    found = [Outcome("3.11", "a fast part (9 s)"), Outcome("3.13", "MISSING: no interpreter")]

    assert summary("3.12", found) == "Pythons: 3.12 the gate; 3.11 a fast part (9 s); 3.13 MISSING: no interpreter"


def test_all_texts_name_the_same_versions() -> None:
    """The package, its page, and what is run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: "
    named = [name.removeprefix(prefix) for name in project["classifiers"] if name.startswith(prefix)]

    assert sorted(VERSIONS) == named
    assert project["requires-python"] == f">={named[0]}"
    assert f"Python {named[0]} to {named[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"$(call find-pythons,{' '.join(named)},1)" in (ROOT / "Makefile").read_text(encoding="utf-8")
