"""Fingerprints: what changes them, and which of them."""

from __future__ import annotations

import marshal
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.affected.fingerprints import MODULE, fingerprint, imported_names, owners, whole

if TYPE_CHECKING:
    from types import CodeType

SOURCE = """
    import os
    LIMIT = 1

    class A:
        size = (1, 2.0, frozenset({"a", "b"}))

        def method(self, x=1):
            def inner():
                return [y for y in range(x)]
            return inner

    def method():
        return lambda: LIMIT

    def method():
        return 2
    """


def code_of(source: str) -> CodeType:
    """Return the code of a module."""
    return compile(dedent(source), "module.py", "exec", dont_inherit=True)


def changed(old: str, new: str) -> set[str]:
    """Return the units that an edit of the source changes."""
    assert old in SOURCE
    before, after = fingerprint(code_of(SOURCE)), fingerprint(code_of(SOURCE.replace(old, new)))
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_units_are_functions_and_the_rest() -> None:
    """Namesakes have numbers."""
    assert set(fingerprint(code_of(SOURCE))) == {MODULE, "A.method", "A.method.inner", "method", "method#1"}


@pytest.mark.parametrize(
    ("old", "new", "units"),
    [
        ("return 2", "return 3", {"method#1"}),
        ("return 2", "return 2.0", {"method#1"}),
        ("return 2", "return True", {"method#1"}),
        ("range(x)", "range(x, 9)", {"A.method.inner"}),
        ("lambda: LIMIT", "lambda: LIMIT + 1", {"method"}),
        ("return inner\n", "return inner()\n", {"A.method"}),
        ("LIMIT = 1", "LIMIT = 2", {MODULE}),
        ("2.0", "2", {MODULE}),
        ('"a"', '"c"', {MODULE}),
        ("x=1", "x=2", {MODULE}),
        ("class A:", "class A(list):", {MODULE}),
        ("import os", "import os, sys", {MODULE}),
        ("return 2", "yield 2", {MODULE, "method#1"}),
        ("        return 2", "        'Text.'\n        return 2", {MODULE, "method#1"}),
        ("LIMIT = 1\n", "LIMIT = 1  # text\n\n\n", set()),
        ("range(x)", "range(\n                    x\n                )", set()),
    ],
)
def test_an_edit_changes(old: str, new: str, units: set[str]) -> None:
    """What is seen without a call belongs to the import."""
    assert changed(old, new) == units


def test_lines_do_not_count() -> None:
    """From Python 3.13 on a class body holds its own line."""
    assert fingerprint(code_of(SOURCE)) == fingerprint(code_of(f"# one line more\n{dedent(SOURCE)}"))


def test_attributes_that_methods_assign_do_not_count() -> None:
    """From Python 3.13 on a class body holds their names, which are those of the methods' bodies."""
    old = fingerprint(code_of("class A:\n def f(self):\n  self.a = 1"))
    new = fingerprint(code_of("class A:\n def f(self):\n  self.b = 1"))

    assert {name for name in old if old[name] != new[name]} == {"A.f"}


def test_a_compiled_file_has_the_fingerprint_of_its_source() -> None:
    """Code that was loaded, and code that was executed, too."""
    code = code_of(SOURCE)
    loaded = marshal.loads(marshal.dumps(code))  # noqa: S302 - of our own making
    exec(loaded, {"__name__": "module"})  # noqa: S102 - likewise

    assert fingerprint(loaded) == fingerprint(code)


def test_each_code_has_an_owner() -> None:
    """Class bodies, lambdas and comprehensions belong to the function around them."""
    found = {(code.co_name, owner) for code, owner in owners(code_of(SOURCE))}

    assert found >= {
        ("<module>", MODULE),
        ("A", MODULE),
        ("method", "A.method"),
        ("inner", "A.method.inner"),
        ("<lambda>", "method"),
    }


def test_the_whole_depends_on_every_unit() -> None:
    """And on the names of units."""
    assert whole({"a": b"1", "b": b"2"}) != whole({"a": b"2", "b": b"1"})
    assert whole({"a": b"1", "b": b"2"}) == whole({"b": b"2", "a": b"1"})


def test_names_are_imported_at_any_depth() -> None:
    """Statements at any depth; what comes from a module may be a module."""
    source = """
        import a.b as c, d
        from .e import f, g
        from . import h
        from ..i import *

        def function():
            import j
            return [__import__("k") for _ in ()]
        """

    assert imported_names(code_of(source)) == {"a.b", "d", ".e", ".e.f", ".e.g", ".h", "..i", "j"}


def test_imports_of_a_module_with_many_constants() -> None:
    """Numbers over 255 take two instructions."""
    constants = "\n".join(f"x{n} = {n}.5" for n in range(400))

    assert imported_names(code_of(f"{constants}\nfrom .late import name")) == {".late", ".late.name"}


def test_annotations_belong_to_what_is_around_the_function() -> None:
    """Whoever asks first runs their code, and all others get the same: no test is known by having run it."""
    old = fingerprint(code_of("def f(x: int): pass\nclass A:\n    y: int\n    def g(self, x: int): pass\n"))
    for text in ("def f(x: str)", "    y: str", "    def g(self, x: str)"):
        new_text = "def f(x: int): pass\nclass A:\n    y: int\n    def g(self, x: int): pass\n"
        new = fingerprint(code_of(new_text.replace(text.replace("str", "int"), text)))
        assert {name for name in old if old[name] != new[name]} == {MODULE}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="the syntax came with 3.14")
@pytest.mark.parametrize("new", ["t'b {x}'", "t'a {y}'", "t'a {x!r}'", "t'a {x:>3}'", "f'a {x}'"])
def test_template_strings_count_with_all_their_parts(new: str) -> None:
    """Texts, expressions, conversions and formats; and they are no f-strings."""
    text = "def f(x, y): return t'a {x}'\n"

    assert fingerprint(code_of(text)) == fingerprint(code_of(f"# moved\n{text}"))
    assert fingerprint(code_of(text)) != fingerprint(code_of(text.replace("t'a {x}'", new)))
