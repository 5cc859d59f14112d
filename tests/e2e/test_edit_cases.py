"""Each known kind of edit, through a real daemon: save, run at once, and see what plain pytest shows.

Other tools left 61 of these kinds stale or wrong, 52 of them without a word.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Project
from tests.support.edit_cases import KNOWN, MORE, PATCHED, is_for, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.edit_cases import Case


SOME = frozenset(
    ["05", "18", "24", "26", "37b", "38", "58", "62b", "67c", "86", "121", "211", "212", "410", "418", "419"]
)
"""Numbers of the cases that are always tried; ``make test-edits`` tries all."""

CASES = [
    case
    for case in (*KNOWN, *MORE)
    if is_for(case) and ("ZYGOTE_TEST_ALL_EDITS" in os.environ or number_of(case) in SOME)
]

TEST = """
import asyncio, gc, json, pathlib, re, types
import m
try:
    import u
except ImportError:
    u = None

CASE = json.loads((pathlib.Path(__file__).parent / "case.txt").read_text())


def probe(expression):
    namespace = {"m": m, "asyncio": asyncio}
    try:
        exec(CASE["setup"], namespace)
        return re.sub("0x[0-9a-f]+", "0x", repr(eval(expression, namespace)))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def test_m():
    gc.unfreeze()
    functions = [thing for thing in gc.get_objects() if type(thing) is types.FunctionType]
    lines = {f"{f.__qualname__} {f.__code__.co_firstlineno}" for f in functions if f.__code__.co_filename == m.__file__}
    print("SHOWN", sorted(lines))
    for title, expression in CASE["probe"].items():
        print("SHOWN", title, probe(expression))
"""


@pytest.fixture(name="edited", scope="module")
def _edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("edited"))
    project.write("test_m.py", TEST)
    _save(project, {"name": "", "old": "", "new": [], "static": {"u.py": "import m\n"}, "setup": "", "probe": {}})
    project.warm_up("-s")
    yield project
    project.close()


def _save(project: Project, case: Case) -> None:
    (project.root / "u.py").unlink(missing_ok=True)
    for path, text in case["static"].items():
        (project.root / path).write_text(text, encoding="utf-8")
    # Not a module, and read by the test alone: so no layer depends on it.
    (project.root / "case.txt").write_text(json.dumps(case), encoding="utf-8")
    (project.root / "m.py").write_text(case["old"], encoding="utf-8")


def _shown(output: str) -> list[str]:
    return [line for line in output.splitlines() if "SHOWN" in line or line.startswith("E  ")]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_an_edit_is_seen_at_once(case: Case, edited: Project, tmp_path: Path) -> None:
    """Every probe, and the first line of every function, equals that of plain pytest in a fresh copy."""
    _save(edited, case)
    assert edited.pz("-s").was_warm

    for number, text in enumerate(case["new"]):
        (edited.root / "m.py").write_text(text, encoding="utf-8")
        warm = edited.pz("-s")
        copy = shutil.copytree(edited.root, tmp_path / str(number), ignore=shutil.ignore_patterns("__pycache__", ".*"))
        plain = edited.run(["python", "-m", "pytest", "-s"], {"PYTEST_DAEMON_DISABLE": "1"}, cwd=copy)

        assert warm.was_warm, warm.stderr
        assert _shown(warm.stdout) == _shown(plain.stdout)
        assert len(_shown(warm.stdout)) > len(case["probe"]) or warm.returncode
        assert warm.returncode == plain.returncode
        if case in KNOWN:
            verdict = re.sub(r"^\[[a-z-]+\] ", "", json.loads(edited.status().raw)["verdicts"][-1]["reason"])
            assert verdict.startswith("m.py: "), "the layer did not hold the module"
            assert verdict.endswith(": reloaded") == (number_of(case) not in PATCHED), verdict
