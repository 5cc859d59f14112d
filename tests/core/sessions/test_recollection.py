"""Which texts of a test module may take each other's place in a collected session."""

from __future__ import annotations

from textwrap import dedent

import pytest

from pytest_zygote.core.sessions.recollection import difference, words

PLAIN = dedent('''
    """Doc."""
    import os
    import sys
    import pytest
    from typing import TYPE_CHECKING
    from app import thing as other

    if TYPE_CHECKING:
        import elsewhere

    pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("x")]
    CASES: list = [1, (2, "a"), {"k": -3}]
    TEXT = f"{CASES}" + "!" * 3 if sys.version_info >= (3, 2) else os.name

    @pytest.fixture(params=[1, 2], scope="module")
    def numbers(request):
        return request.param

    @pytest.mark.parametrize("case", CASES, ids=["a", "b", "c"])
    @pytest.mark.skipif(sys.platform == "win32", reason="no")
    def test_case(case, more=None):
        return [other(value) for value in open(case)]

    class TestMore:
        NUMBER = 3

        @staticmethod
        def help(): ...

        @pytest.mark.parametrize("value", [pytest.param(1, id="one")])
        async def test_value(self, value) -> None: ...
    ''')

SAME = [
    "",
    "def test_new(): import anything\n",
    "VALUE = CASES\n",
    "def test_annotated(value: int, *more: other, **named: str) -> None: ...\n",
    "class TestNew:\n    def test_new(self): pass\n",
]

MORE = [
    "import json",
    "from json import *",
    "VALUE = call()",
    "VALUE = other",
    "VALUE = other.value",
    "VALUE = open",
    "VALUE = sys.path",
    "VALUE = [case for case in CASES]",
    "VALUE = lambda: 1",
    "VALUE = ', '.join(CASES)",
    "VALUE += [1]",
    "CASES[0] = 1",
    "first, second = CASES",
    "pytest = other",
    "CASES.append(1)",
    "for case in CASES: pass",
    "assert CASES",
    "del CASES",
    "pytest.importorskip('json')",
    "@other\ndef test_new(): pass",
    "@pytest.hookimpl\ndef test_new(): pass",
    "@pytest.mark.parametrize('case', other)\ndef test_new(case): pass",
    "@pytest.mark.parametrize('case', CASES, ids=str)\ndef test_new(case): pass",
    "@pytest.mark.parametrize('case', CASES, ids=test_case)\ndef test_new(case): pass",
    "def test_new(value=call()): pass",
    "def test_new(value: call()): pass",
    "def test_new(value: other.Type): pass",
    "class TestNew(other): pass",
    "class TestNew(metaclass=other): pass",
    "class TestNew:\n    import json",
    "class TestNew:\n    def __getattr__(self, name): pass",
    "class TestNew:\n    @property\n    def value(self): pass",
    "class TestNew:\n    LOCAL = 1\nVALUE = LOCAL",
    "def pytest_generate_tests(metafunc): pass",
    "pytest_plugins = ['other']",
    "def __getattr__(name): pass",
    "def sys(): pass",
    "if CASES:\n    import json",
    "def test_(:",
    "\0",
]


@pytest.mark.parametrize("more", SAME)
def test_plain_texts_may_take_each_others_place(more: str) -> None:
    """What is defined may be anything."""
    assert difference(PLAIN.encode(), (PLAIN + more).encode()) == ""
    assert difference((PLAIN + more).encode(), PLAIN.encode()) == ""


@pytest.mark.parametrize("more", MORE)
def test_what_may_reach_further_stays(more: str) -> None:
    """Before or after the edit."""
    text = f"{PLAIN}\n{more}\n".encode()
    assert difference(PLAIN.encode(), text)
    assert difference(text, PLAIN.encode())


def test_imports_stay_in_their_order() -> None:
    """Who is imported first may be seen by who is second."""
    assert difference(b"import a\nimport b\n", b"import b\nimport a\n")
    assert difference(b"import a\nimport b\n", b"import a\n\nimport b  # the same\n") == ""


def test_annotations_that_nobody_evaluates() -> None:
    """They look up nothing."""
    lazy = b"from __future__ import annotations\nimport app\n"
    assert difference(lazy, lazy + b"def test_new(value: app.Type): pass\n") == ""


def test_a_type_that_is_always_wanted_is_no_import() -> None:
    """Only the constant of the typing module is known to be false."""
    text = b"from app import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json\n"
    assert difference(text, text)


def test_names_are_found_wherever_they_are_written() -> None:
    """Names are found wherever they are written."""
    assert words(b"import_module('tests.test_a')") >= {b"test_a", b"tests"}
