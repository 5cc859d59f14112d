"""Exceptions of rules are one line each, with the rule and the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REASONED = re.compile(r"# noqa: [A-Z0-9, ]+ - \S")


@pytest.mark.parametrize("folder", ["pytest_zygote", "scripts"])
def test_each_exception_has_its_reason(folder: str) -> None:
    """A reader sees why it is one."""
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "# noqa" in line and not REASONED.search(line)
    ]

    assert found == []
