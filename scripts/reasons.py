"""Writes docs/reasons.md from the table of reasons: ``python -m scripts.reasons``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.reason_table import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).parent.parent / "docs" / "reasons.md"

HEAD = """\
# Reasons

Whenever something is not done as usual, we say why, with a code in brackets: `zygote: cold run [no-daemon]: …`.
The text behind it says what happened this time; this page says what a code means. Each code stands in
`pytest_zygote/core/reasons.py`, and as a literal where it is caused: `grep -rn '"no-daemon"' pytest_zygote`.

Made by `python -m scripts.reasons` from `scripts/reason_table.py`; do not edit.
"""


def render() -> Iterator[str]:
    """Give the parts of the page."""
    yield HEAD
    for code, entry in TABLE.items():
        yield f"\n## {code}\n\n{entry.means}\n\n* What to do: {entry.action}\n* What it costs: {entry.cost}\n"


def main() -> None:
    """Write the page."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text("".join(render()), encoding="utf-8")


if __name__ == "__main__":
    main()
