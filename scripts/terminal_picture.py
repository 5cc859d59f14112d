"""Draws docs/terminal.svg from what runs printed: ``python -m scripts.terminal_picture``.

docs/terminal.txt holds the text. ``--record`` makes it anew: it runs the example project as `make demo` does, and needs
what it needs.
"""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import example, procfs
from scripts.runners import example_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.stopwatch import Run

DOCS = Path(__file__).parents[1] / "docs"
TEXT, PICTURE = DOCS / "terminal.txt", DOCS / "terminal.svg"
PROMPT = "$ "
WIDTH = 100
"""Columns; recorded lines are not longer."""

ROW, COLUMN, MARGIN = 20, 8.4, 16
COLOURS = {"command": "#ffffff", "ours": "#e5c07b", "passed": "#98c379", "output": "#abb2bf"}
SWITCHED_OFF = "PYTEST_DAEMON_DISABLE=1 "


def draw(text: str) -> str:
    """Return the picture of a text: an SVG of rows in a dark window."""
    lines = text.splitlines()
    width, height = WIDTH * COLUMN + 2 * MARGIN, len(lines) * ROW + 2 * MARGIN
    rows = "".join(_row(number, line) for number, line in enumerate(lines, 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height}" role="img" '
        f'aria-label="A terminal in which the same test is run cold and warm">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#1e2127"/>\n'
        f'<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">\n'
        f"{rows}</g>\n</svg>\n"
    )


def _row(number: int, line: str) -> str:
    weight = ' font-weight="bold"' if line.startswith(PROMPT) else ""
    # The length is given, so that columns stand below each other in any font.
    length = f' textLength="{len(line) * COLUMN:g}" lengthAdjust="spacingAndGlyphs"' if line else ""
    place = f'x="{MARGIN}" y="{MARGIN + number * ROW - 5}"'
    return f'<text {place} fill="{COLOURS[_kind(line)]}"{weight}{length}>{escape(line)}</text>\n'


def _kind(line: str) -> str:
    if line.startswith(PROMPT):
        return "command"
    if line.startswith("zygote:"):
        return "ours"
    return "passed" if " passed" in line else "output"


def transcript() -> Iterator[str]:
    """Yield the lines of the same test run in four ways: cold, the first time, warm, and by `pz`."""
    with example_project() as (cold, warm):
        scratch = warm.place.scratch
        cold.call("pytest", example.ONE_TEST)  # has everything compiled, as any earlier run had
        yield from _lines(SWITCHED_OFF, cold.call("pytest", example.ONE_TEST), scratch)
        yield from _lines("", warm.call("pytest", example.ONE_TEST), scratch)
        procfs.wait_until_idle(scratch)
        for name in ("pytest", "pz"):
            yield from _lines("", warm.call(name, example.ONE_TEST), scratch)


def _lines(switch: str, run: Run, scratch: Path) -> Iterator[str]:
    run.that_succeeded()
    command = " ".join((Path(run.command[0]).name, *run.command[1:]))
    time = f"[{run.seconds:.2f} s]"
    yield f"{PROMPT}{switch}{command}".ljust(WIDTH - len(time)) + time
    for line in (*run.err.splitlines(), *run.out.splitlines()):
        if line.strip():
            yield line.replace(str(scratch), "/home/you")[:WIDTH]
    yield ""


def main() -> None:
    """Draw the picture; record the text before if that is wanted."""
    parser = argparse.ArgumentParser(description="Draw docs/terminal.svg.")
    parser.add_argument("--record", action="store_true", help="run the example project to get the text")
    if parser.parse_args().record:
        TEXT.write_text("\n".join(transcript()).rstrip() + "\n", encoding="utf-8")
    PICTURE.write_text(draw(TEXT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
