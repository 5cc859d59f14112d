"""Two trees of a module are aligned: additions are proposed, everything else is an difference."""

from __future__ import annotations

import ast

import pytest

from pytest_zygote.core.patching.definitions import align


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("x = 1\n", "import a, b.c\nx = 1\n", ["a", "b"]),
        ("from m import a\n", "from m import a, b as c\n", ["c"]),
        ("class A:\n    def f(self): pass\n", "class A:\n    async def g(self): pass\n    def f(self): pass\n", ["g"]),
        ("def f(): pass\n", "def f(): pass\ndef f(): pass\n", ["f"]),
        ("class A:\n    'doc'\n", "class A:\n    def f(self): pass\n", ["f"]),
    ],
)
def test_what_only_the_new_tree_has_is_an_addition(old: str, new: str, names: list[str]) -> None:
    """Functions and imported names that only the new tree has."""
    alignment = align(old.encode(), new.encode())
    assert alignment.difference == ""
    assert [addition.name for addition in alignment.additions] == names
    assert ast.dump(alignment.old) == ast.dump(alignment.new)


GUARDS = [
    "if __name__ == '__main__':\n    x = 1\n",
    "if '__main__' == __name__:\n    x = 1\n",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import x\n",
    "import typing\nif typing.TYPE_CHECKING:\n    import x\n",
]


@pytest.mark.parametrize("text", GUARDS)
def test_what_an_import_does_not_execute(text: str) -> None:
    """May change at will."""
    alignment = align(text.encode(), text.replace(" x", " y").encode())
    assert (alignment.difference, alignment.additions) == ("", [])


@pytest.mark.parametrize(
    "text",
    [
        "if __name__ == '__main__':\n    x = 1\nelse:\n    z = 1\n",
        "TYPE_CHECKING = 1\nif TYPE_CHECKING:\n    x = 1\n",
        "from typing import TYPE_CHECKING\nTYPE_CHECKING = 1\nif TYPE_CHECKING:\n    x = 1\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x: int\n",
        "from typing import TYPE_CHECKING as T\nif T:\n    x = 1\n",
        "if not typing.TYPE_CHECKING:\n    x = 1\n",
    ],
)
def test_what_an_import_may_execute(text: str) -> None:
    """Must not change."""
    assert align(text.encode(), text.replace(" x", " y").encode()).difference


def test_bodies_of_functions_in_statements_are_left_to_the_code() -> None:
    """An ``if`` around a function is the same statement when only the body is another."""
    text = b"if x:\n    def f(): return 1\n    g = lambda: 1\n"
    assert align(text, text.replace(b"1", b"2")).difference == ""
    assert align(text, text.replace(b"f()", b"f(a)")).difference
