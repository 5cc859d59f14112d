"""The known kinds of edits: what is saved, and what is looked at afterwards."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict


class Case(TypedDict):
    """One kind of edit.

    Attributes:
        name: begins with its number.
        old: text of the module `m`; `new` are the texts that are saved, one after the other.
        static: path → text of other modules.
        setup: what a test does before it evaluates the probes.
        probe: title → expression.
    """

    name: str
    old: str
    new: list[str]
    static: dict[str, str]
    setup: str
    probe: dict[str, str]


def number_of(case: Case) -> str:
    """Return the number that a case has for ever."""
    return case["name"].split()[0]


def _read(name: str) -> list[Case]:
    cases: list[Case] = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return cases


KNOWN = _read("edit_cases.json")
"""Those that other tools left stale or wrong."""

MORE = _read("more_edit_cases.json")
"""Those that were thought of to prove ours wrong; some did."""

_VERDICTS: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("edit_case_verdicts.json").read_text(encoding="utf-8")
)
_CHANGES = [version for version in ("3.14", "3.15") if sys.version_info >= tuple(map(int, version.split(".")))]
PATCHED = frozenset(
    {*_VERDICTS["patched"], *(number for version in _CHANGES for number in _VERDICTS[f"patched from {version} on"])}
)
"""Numbers of those that need no reload."""

IN_LAYERS = frozenset(_VERDICTS["seen by layers"])
"""Numbers of those that only the recorders of a layer see: files that are read, processes, warnings."""


def is_for(case: Case) -> bool:
    """Return whether this version of Python knows the syntax of a case, and its packages are installed."""
    if "pydantic" in case["old"] and find_spec("pydantic") is None:
        return False
    try:
        compile(case["old"], "m.py", "exec")
    except SyntaxError:
        return False
    return True
