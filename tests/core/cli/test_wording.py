"""Numbers of things in sentences."""

from __future__ import annotations

import pytest

from pytest_zygote.core.cli.wording import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 tests"), (1, "1 test"), (2, "2 tests")])
def test_one_is_no_plural(number: int, text: str) -> None:
    """All other numbers are."""
    assert counted(number, "test") == text
