"""The command line of programs that try many generated projects, each made again by the seed and its number."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Options(NamedTuple):
    """What to try.

    Attributes:
        seed: of all.
        numbers: of those to make.
        keep: folder for those that show a fault.
    """

    seed: int
    numbers: Sequence[int]
    keep: Path


def parse(description: str | None, things: str) -> Options:
    """Read the command line of a program with this description; `things` is what it makes, in the plural."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{things}", dest="count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help=f"number of the only one of the {things} to make")
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir(), f"{things}-kept"), help="folder for what shows a fault"
    )
    given = parser.parse_args()
    return Options(given.seed, range(given.count) if given.only is None else [given.only], given.keep)
