"""Live classes are found by their names, and what an addition must know of them is told."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType

import pytest

from pytest_zygote.adapters.patching.classes import bodies_of, facts_of, find_class, is_dataclass

NAME = "zy_classes"
TEXT = """
import dataclasses
import dataclasses as dc
from abc import ABC
from dataclasses import dataclass

class Plain:
    field = 1
    class Inner: pass

class Derived(Plain): pass
class Abstract(ABC): pass

class Registering:
    def __init_subclass__(cls): pass

class Registered(Registering): pass
class Failing(ValueError): pass

Renamed = type("Other", (), {"__module__": __name__})
Foreign = ModuleNotFoundError
number = 1
"""


@pytest.fixture(name="module")
def _module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)
    exec(compile(TEXT, f"{NAME}.py", "exec", dont_inherit=True), vars(module))  # noqa: S102 - our own text
    return module


def test_a_class_is_where_its_name_says(module: ModuleType) -> None:
    """Also within another."""
    assert find_class(module, "Plain") is vars(module)["Plain"]
    assert find_class(module, "Plain.Inner") is vars(module)["Plain"].Inner


@pytest.mark.parametrize("title", ["Missing", "Plain.Missing", "number", "number.real", "Renamed", "Foreign"])
def test_what_is_something_else_is_not_found(module: ModuleType, title: str) -> None:
    """Another class has the name, or a class has another one."""
    assert find_class(module, title) is None
    assert facts_of(module, title, lambda _: True) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dataclass", True),
        ("dataclasses.dataclass", True),
        ("dc.dataclass", True),
        ("dc.field", False),
        ("dc.missing.dataclass", False),
        ("Plain", False),
        ("missing", False),
    ],
)
def test_a_decorator_is_known_by_what_it_is(module: ModuleType, name: str, *, expected: bool) -> None:
    """Not by its name."""
    assert is_dataclass(module, name) == expected


@pytest.mark.parametrize(
    ("title", "is_plain", "is_ours", "has_subclasses"),
    [
        ("Plain", True, True, True),
        ("Derived", True, True, False),
        ("Abstract", False, False, False),  # its metaclass looks at what it has
        ("Registered", False, True, False),
        ("Failing", True, True, False),  # classes of the interpreter are the same after an edit
    ],
)
def test_what_an_addition_must_know(
    module: ModuleType, title: str, *, is_plain: bool, is_ours: bool, has_subclasses: bool
) -> None:
    """Who else takes part in making the class, and who inherits what it gets."""
    found = facts_of(module, title, lambda file: not file)  # this module has no file

    assert found is not None
    assert (found.is_plain, found.is_ours, found.has_subclasses) == (is_plain, is_ours, has_subclasses)
    assert ("field" in found.attributes) == (title in {"Plain", "Derived"})


def test_bodies_that_another_class_was_made_of_are_found() -> None:
    """Its functions look names up where its body was executed; each is given once."""
    row: dict[str, object] = {"__qualname__": "Row"}

    def made_in(__classdict__: dict[str, object]) -> FunctionType:
        def annotate() -> object:
            return __classdict__

        return annotate  # type: ignore[return-value]  # it is one

    functions = [made_in(row), made_in(row), made_in({"__qualname__": "Other"}), made_in({})]

    assert bodies_of("Row", functions) == [row]
    assert bodies_of("Missing", functions) == []
