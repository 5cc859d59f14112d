"""The names that a statement binds are found, whatever binds them."""

from __future__ import annotations

import ast

import pytest

from pytest_zygote.core.patching.bindings import bound_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b, c = 1", {"a", "b", "c"}),
        ("for a in b: c = 1", {"a", "c"}),
        ("with a as b, c as (d, e): pass", {"b", "d", "e"}),
        ("import a.b, c as d", {"a", "d"}),
        ("def a(b): c = 1", {"a"}),
        ("class A:\n    b = 1", {"A"}),
        ("a: int", set()),
        ("a: int = 1", {"a"}),
        ("match a:\n    case [b, *c]: d = 1\n    case {'x': e, **f}: pass", {"b", "c", "d", "e", "f"}),
        ("if (a := 1): pass", {"a"}),
    ],
)
def test_a_statement_binds_names_of_its_own_scope(text: str, names: set[str]) -> None:
    """What a statement binds in its own scope."""
    assert set(bound_names(ast.parse(text).body[0])) == names
