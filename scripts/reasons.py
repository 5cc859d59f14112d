"""Writes docs/reasons.md, and `Code` in core/reasons.py, from the table of reasons: ``python -m scripts.reasons``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.reason_table import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "reasons.md"
MODULE = ROOT / "pytest_zygote" / "core" / "reasons.py"
LIST = re.compile(r"(?<=# begin codes: made by `python -m scripts.reasons`\n).*(?=        # end codes)", re.DOTALL)

HEAD = """\
# Reasons

Whenever something is not done as usual, we say why, with a code in brackets: `zygote: cold run [no-daemon]: …`.
The text behind it says what happened this time; this page says what a code means. Each code stands as
a literal where it is caused: `grep -rn '"no-daemon"' pytest_zygote`.

Made by `python -m scripts.reasons` from `scripts/reason_table.py`; do not edit.
"""


def render() -> Iterator[str]:
    """Give the parts of the page."""
    yield HEAD
    for code, entry in TABLE.items():
        yield f"\n## {code}\n\n{entry.means}\n\n* What to do: {entry.action}\n* What it costs: {entry.cost}\n"


def with_codes(source: str) -> str:
    """Return the module with the codes of the table: type checkers must find them as literals."""
    return LIST.sub("".join(f'        "{code}",\n' for code in TABLE), source)


def main() -> None:
    """Write the page and the codes."""
    MODULE.write_text(with_codes(MODULE.read_text(encoding="utf-8")), encoding="utf-8")
    DOCUMENT.write_text("".join(render()), encoding="utf-8")


if __name__ == "__main__":
    main()
