"""What is left to print for somebody who has seen the beginning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.sessions.header import continuation

HEADER = "== session ==\nrootdir: /p\n"


@pytest.mark.parametrize(
    ("seen", "text", "expected"),
    [
        (HEADER, "== session ==\n", None),
        (HEADER, HEADER, None),
        (HEADER, f"{HEADER}collecting", "collecting"),
        (f"{HEADER}collecting ... \rcollecting 24 items", f"{HEADER}collecting ... ", None),
        (f"{HEADER}collecting 24", f"{HEADER}collecting 31", "\rcollecting 31"),
        (HEADER, "== other ==\n", "== other ==\n"),
        ("seed: 1\n", "seed: 2\n", "seed: 2\n"),
    ],
)
def test_whole_lines_that_were_seen_are_not_printed_again(seen: str, text: str, expected: str | None) -> None:
    """Whole lines that were seen are not printed again, unless they were wrong."""
    assert continuation(seen, text) == expected


@given(st.text("ab\n"), st.text("ab\n"))
def test_all_is_seen(seen: str, text: str) -> None:
    """What is on the screen in the end is the text, below lines that were wrong."""
    rest = continuation(seen, text)
    screen = (
        seen if rest is None else f"{seen[: seen.rfind(chr(10)) + 1]}{rest[1:]}" if rest[:1] == "\r" else seen + rest
    )
    assert screen.endswith(text) or (rest is None and screen.startswith(text))
