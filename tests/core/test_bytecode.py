"""Bytecode is read by what this interpreter says of it, and not at all where that is not known."""

from __future__ import annotations

import dis
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core import bytecode
from pytest_zygote.core.affected.fingerprints import IMPORTS, MODULE, compiled_text, imported_names
from pytest_zygote.core.bytecode import Import, imports, stored, why_unknown
from pytest_zygote.core.layers.process_questions import questions_of
from pytest_zygote.core.patching.code_compare import alike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

TEXT = """\
import sys, a.b as c
from .d import e
def function():
    from . import f
    return sys.modules.get("pydoc")
"""


def code_of(text: str) -> CodeType:
    """Return the code of a module."""
    return compile(text, "module.py", "exec", dont_inherit=True)


def _another_number(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bytecode, "MAGIC_NUMBER", (3700).to_bytes(2, "little") + b"\r\n")


def _renamed(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    plain = dis.get_instructions

    def instructions(code: CodeType) -> Iterator[dis.Instruction]:  # type: ignore[explicit-any]  # its arguments
        return (found._replace(opname=f"NEW_{name}") if found.opname == name else found for found in plain(code))

    def rename(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(dis, "get_instructions", instructions)

    return rename


RENAMED = ("LOAD_CONST", "STORE_NAME", "LOAD_GLOBAL", "LOAD_ATTR", "IMPORT_NAME", "IMPORT_FROM")
NEWER = {"another number": _another_number, **{f"{name} is renamed": _renamed(name) for name in RENAMED}}


@pytest.fixture
def newer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Imitate an interpreter that is newer than all that are known."""
    caches = (bytecode.why_unknown, bytecode._import_shift)  # noqa: SLF001 - what is known is asked for once
    for cache in caches:
        cache.cache_clear()
    with monkeypatch.context() as patch:
        NEWER[request.param](patch)
        yield
    for cache in caches:
        cache.cache_clear()


every_newer = pytest.mark.parametrize("newer", NEWER, indirect=True)


def test_this_interpreter_is_known() -> None:
    """Its number is in the list, and all that is read of the specimen is right."""
    assert why_unknown() == ""


@every_newer
@pytest.mark.usefixtures("newer")
def test_a_newer_interpreter_is_unknown() -> None:
    """By its number, or because an instruction does not do what those of its name did."""
    assert "not" in why_unknown()


@every_newer
@pytest.mark.usefixtures("newer")
def test_tests_are_selected_by_files_there() -> None:
    """A file is one unit, and what it imports is read from its text."""
    units = compiled_text(TEXT.encode(), "module.py")

    assert set(units) == {MODULE, IMPORTS}
    assert units[IMPORTS].decode().split() == sorted(["sys", "a.b", ".d", ".d.e", ".f"])
    assert units != compiled_text(TEXT.replace("pydoc", "other").encode(), "module.py")


@every_newer
@pytest.mark.usefixtures("newer")
def test_no_question_of_an_import_is_missed_there() -> None:
    """All names and texts of the code count."""
    function = next(found for found in code_of(TEXT).co_consts if hasattr(found, "co_code"))

    assert "pydoc" in questions_of(function).modules


def test_imports_of_this_version() -> None:
    """Level and names are constants that are loaded before; each version loads them in its own way."""
    found = list(imports(code_of("from .d import e, f\nimport a.b as c\nfrom .. import g\nfrom h import *\n")))

    assert found == [Import("d", 1, ("e", "f")), Import("a.b", 0, ()), Import("", 2, ("g",)), Import("h", 0, ("*",))]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="the syntax came with 3.15")
def test_lazy_imports_are_imports() -> None:
    """How lazy an import is stands in the same argument as its name."""
    text = "lazy import a.b\nlazy from c import d, e\ntry:\n    import f\nexcept ImportError:\n    pass\n"

    assert imported_names(code_of(text)) == {"a.b", "c", "c.d", "c.e", "f"}


def test_constants_are_found_whatever_loads_them() -> None:
    """Small numbers and None are loaded by other instructions than texts are."""
    assert stored(code_of("a = 1\nb = None\nc = 'text'\nd = 1000\ne = -1\nf = True\n")) == {
        "a": 1,
        "b": None,
        "c": "text",
        "d": 1000,
        "e": -1,
        "f": True,
    }


def test_the_line_of_a_class_does_not_count() -> None:
    """Wherever its number is kept."""
    text = "class A:\n    x = 5\n    def f(self):\n        self.y = 1\n"
    codes = [code_of("\n" * lines + text) for lines in (0, 4, 300)]

    assert alike(codes[0], codes[1])
    assert alike(codes[0], codes[2])
    assert not alike(codes[0], code_of(text.replace("5", "6")))


@pytest.mark.parametrize(
    ("one", "other"), [("1", "True"), ("x[1:2]", "x[True:2]"), ("0.0", "-0.0"), ("(1,)", "(1.0,)")]
)
def test_equal_constants_may_differ(one: str, other: str) -> None:
    """Slices are constants, too, from 3.14 on."""
    assert not alike(code_of(f"x = []\ny = lambda: {one}\n"), code_of(f"x = []\ny = lambda: {other}\n"))


def test_words_are_names_and_texts_at_any_depth() -> None:
    """What code may read of a module by name, in whatever way."""
    text = (
        "import json\nclass A:\n    def f(self):\n        return getattr(json, 'dumps'), json.loads, ('a', b'c', 1)\n"
    )

    assert bytecode.words_of(code_of(text)) >= {"json", "A", "f", "dumps", "loads", "a"}
    assert "encode" not in bytecode.words_of(code_of(text))
