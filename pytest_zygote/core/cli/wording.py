"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return '1 test', '2 tests'."""
    return f"{number} {noun}{'s' * (number != 1)}"
