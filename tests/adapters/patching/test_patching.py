"""A patched module is, in everything that can be seen, what a fresh import would have made."""

from __future__ import annotations

import importlib
import inspect
import os
import random
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.executed_code import CountedStarts, new_starts
from pytest_zygote.adapters.patching import Patcher, thawed
from pytest_zygote.adapters.pytest.assert_rewriting import rewriting
from pytest_zygote.core.bytecode import HAS_LAZY_ANNOTATIONS
from pytest_zygote.core.patching.verdict import Reload
from tests.adapters.patching.cases_patching import CASES, GENERIC_CASES, KEEP, LAZY_CASES, PATCH, RELOAD
from tests.support.edit_cases import IN_LAYERS, KNOWN, MORE, PATCHED, Case, is_for, number_of
from tests.support.edits import Editor, in_fork, try_edit

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

pytestmark = pytest.mark.integration

SOME = frozenset(
    [
        "200",
        "201",
        "203",
        "204",
        "207",
        "214",
        "216",
        "219",
        "226",
        "228",
        "230",
        "233",
        "236",
        "240",
        "246",
        "249",
        "250",
        "251",
        "253",
        "254",
        "256",
        "257",
        "262",
        "500",
        "501",
        "503",
        "504",
        "506",
        "507",
        "508",
        "510",
        "512",
        "516",
        "517",
        "518",
        "520",
        "531",
        "537",
        "540",
        "541",
        "545",
    ]
)
"""Numbers of the additional cases that are always tried: where ours was wrong once, and what is told by a tuple."""

TRIED = [
    case
    for case in (*KNOWN, *MORE)
    if is_for(case)
    and number_of(case) not in IN_LAYERS
    and ("ZYGOTE_TEST_ALL_EDITS" in os.environ or case in KNOWN or number_of(case) in SOME)
]


@pytest.mark.parametrize("case", TRIED, ids=[case["name"] for case in TRIED])
def test_a_known_kind_of_edit(case: Case, tmp_path: Path) -> None:
    """Each kind of edit that other tools, or ours once, got wrong is patched exactly, or reloaded."""
    probes = {title: f"{case['setup']}\n{probe}" for title, probe in case["probe"].items()}
    outcome = try_edit(tmp_path, {"m.py": case["old"], **case["static"]}, "m", case["new"], probes)
    assert outcome.differences == []
    if sys.version_info >= (3, 12):  # before, more counts as having run
        assert outcome.is_reloaded == (number_of(case) not in PATCHED), outcome.verdicts


@pytest.mark.parametrize(("title", "old", "new", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_edit_that_is_hard_to_get_right(title: str, old: str, new: str, expected: str, tmp_path: Path) -> None:
    """The result equals a fresh import, and what can be patched is."""
    check(title, old, new, expected, tmp_path)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax came with 3.12")
@pytest.mark.parametrize(("title", "old", "new", "expected"), GENERIC_CASES, ids=[case[0] for case in GENERIC_CASES])
def test_an_edit_of_generic_code(title: str, old: str, new: str, expected: str, tmp_path: Path) -> None:
    """Type parameters are no obstacle."""
    check(title, old, new, expected, tmp_path)


@pytest.mark.skipif(not HAS_LAZY_ANNOTATIONS, reason="annotations are evaluated by the scope around them")
@pytest.mark.parametrize("case", LAZY_CASES, ids=[case[0] for case in LAZY_CASES])
def test_an_edit_of_annotations(case: tuple[str, str, list[str], str, dict[str, str]], tmp_path: Path) -> None:
    """They are patched if nobody has asked for them: then they have never run."""
    title, old, new, expected, probes = case
    outcome = try_edit(tmp_path, {"m.py": old}, "m", new, probes)
    assert outcome.differences == [], title
    assert expected == "any" or outcome.is_reloaded == (expected == RELOAD), outcome.verdicts


@pytest.mark.skipif(not HAS_LAZY_ANNOTATIONS, reason="annotations are evaluated by the scope around them")
@pytest.mark.parametrize(
    ("other", "is_reloaded"),
    [
        ("from m import f\n", False),
        ("import functools, m\ng = functools.wraps(m.f)(lambda x: x)\n", True),
        ("import m\ng = m.f.__annotate__ is None\n", True),
        (
            "import functools, m\nclass G: pass\ng = functools.update_wrapper(G(), m.f)\n",
            True,
        ),
    ],
)
def test_first_and_last_annotations_that_another_module_has_seen(
    other: str, *, is_reloaded: bool, tmp_path: Path
) -> None:
    """What it has copied would not change, and that it has looked leaves no mark."""
    for old, new in (("def f(x): pass\n", "def f(x: int): pass\n"), ("def f(x: int): pass\n", "def f(x): pass\n")):
        outcome = try_edit(tmp_path, {"m.py": old, "other.py": other}, "m", [new])
        assert (outcome.is_reloaded, outcome.differences) == (is_reloaded, []), (old, outcome.verdicts)


def check(title: str, old: str, new: str, expected: str, folder: Path) -> None:
    """Try one case."""
    outcome = try_edit(folder, {"m.py": old}, "m", [new])
    assert outcome.differences == [], title
    got = {"k": KEEP, "p": PATCH, "r": RELOAD}[outcome.verdicts[-1][0]]
    assert expected in ("any", got), outcome.verdicts


OTHERS = [
    ("asks for it", "import m\nx = hasattr(m, 'zz')\n"),
    ("imports it if it is there", "try:\n    from m import zz\nexcept ImportError:\n    zz = None\n"),
    ("imports everything", "from m import *\n"),
    ("lists the module", "import m\nx = sorted(vars(m))\n"),
    ("finds the module by its name", "import importlib\nx = dir(importlib.import_module('m'))\n"),
]


@pytest.mark.parametrize(("title", "other"), OTHERS, ids=[title for title, _ in OTHERS])
def test_a_function_is_not_added_if_another_module_looked_for_it(title: str, other: str, tmp_path: Path) -> None:
    """What the other module found then would be different now."""
    outcome = try_edit(tmp_path, {"m.py": "x = 1\n", "other.py": other}, "m", ["x = 1\ndef zz(): pass\n"])
    assert outcome.is_reloaded, title


@pytest.mark.parametrize("batch", range(8))
def test_random_edits_are_patched_as_an_import_would_have_it(batch: int, tmp_path: Path) -> None:
    """Random edits of real modules; `scripts/edits.py` does thousands."""
    names = ("textwrap", "shlex", "sched", "queue", "csv", "string", "fractions", "cmd")
    patched, wrong = 0, []
    for number in range(batch * 15, batch * 15 + 15):
        chance = random.Random(number)  # noqa: S311 - repeatable
        name = chance.choice(names)
        text = inspect.getsource(importlib.import_module(name))
        kind, new = Editor(text, chance).edit()
        outcome = try_edit(tmp_path / str(number), {f"zm_{name}.py": text}, f"zm_{name}", [new], is_measured=False)
        patched += not outcome.is_reloaded
        wrong += [f"{number} {kind}: {difference}" for difference in outcome.differences[:2]]
    assert wrong == []
    assert patched, "many edits are such that they can be patched"


REWRITTEN = "def check(a):\n    assert a == 2\n"


MOVED = f"\n\n{REWRITTEN}"
CHANGED = MOVED.replace("== 2", "== 3")
ADDED = f"{CHANGED}def more(a):\n    assert a == 4\n"


def test_rewritten_assertions_stay_rewritten(tmp_path: Path) -> None:
    """In functions that moved, changed, and came: a failing assertion shows its values."""
    file = tmp_path / "zy_helper.py"
    file.write_text(REWRITTEN, encoding="utf-8")

    def look() -> dict[str, object]:
        sys.path.insert(0, str(tmp_path))
        sys.dont_write_bytecode = True
        starts = new_starts(lambda path: path == str(file))
        patcher = Patcher(str(tmp_path), starts, lambda path: path == str(file))
        starts.start()
        with rewriting(["zy_helper"]):
            module = importlib.import_module("zy_helper")
        starts.stop()
        patcher.remember("zy_helper", str(file), REWRITTEN.encode())
        steps = ((MOVED, "check"), (CHANGED, "check"), (ADDED, "more"))
        return {"said": [save_and_call(patcher, file, text, module, name) for text, name in steps]}

    assert in_fork(look) == {"said": ["assert 1 == 2", "assert 1 == 3", "assert 1 == 4"]}


def save_and_call(patcher: Patcher, file: Path, text: str, module: ModuleType, name: str) -> str:
    """Patch a module, call one of its functions as runs do, in a fork, and return what its assertion says."""
    with thawed():
        verdict = patcher.decide({str(file): text.encode()})[str(file)]
        assert not isinstance(verdict, Reload), verdict
        patcher.apply()
        patcher.verify()

    def call() -> dict[str, object]:
        with pytest.raises(AssertionError) as caught:
            getattr(module, name)(1)
        return {"said": str(caught.value)}

    return str(in_fork(call)["said"])


def test_jurigged_leaves_nothing_behind() -> None:
    """No audit hook, no finder, no module: a run must not be slower, and not find what it did not import."""

    def look() -> dict[str, object]:
        hooks: list[object] = []
        finders = list(sys.meta_path)
        sys.addaudithook = hooks.append  # type: ignore[assignment]
        Patcher("/", CountedStarts(), lambda _path: True)
        found = [name for name in sys.modules if name.partition(".")[0] in ("codefind", "jurigged", "ovld")]
        return {"hooks": len(hooks), "finders": sys.meta_path != finders, "modules": found}

    assert in_fork(look) == {"hooks": 0, "finders": False, "modules": []}
