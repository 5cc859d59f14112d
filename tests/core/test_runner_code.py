"""The list of what is nobody's own code exists once."""

from __future__ import annotations

from pathlib import Path

import pytest_zygote
from pytest_zygote.core.runner_code import RUNNER

HOME = "core/runner_code.py"


def test_no_other_module_writes_the_list() -> None:
    """A module that names pluggy beside pytest as text has begun a list of its own."""
    package = Path(str(pytest_zygote.__file__)).parent
    texts = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}

    assert [name for name, text in texts.items() if '"pluggy"' in text and '"pytest"' in text] == [HOME]


def test_this_package_is_in_it() -> None:
    """What this package does when tests are collected counts for nothing, as what pytest does."""
    assert {"pytest_zygote", "_pytest"} <= RUNNER
