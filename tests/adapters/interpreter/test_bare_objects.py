"""Objects of others are looked at without running any code of theirs."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private import bare_objects

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Hostile(type):
    """A metaclass that lets nobody look at its classes."""

    def __getattribute__(cls, name: str) -> object:
        """Raise."""
        raise AssertionError(name)

    def __instancecheck__(cls, instance: object) -> bool:
        """Raise."""
        raise AssertionError(instance)


class Secret(metaclass=Hostile):
    """Its objects let nobody look at them either."""

    def __init__(self) -> None:
        """Have one attribute."""
        object.__getattribute__(self, "__dict__")["own"] = 1

    def __getattribute__(self, name: str) -> object:
        """Raise."""
        raise AssertionError(name)

    def __dir__(self) -> list[str]:
        """Raise."""
        raise AssertionError

    def __eq__(self, other: object) -> bool:
        """Raise."""
        raise AssertionError(other)

    def __hash__(self) -> int:
        """Raise."""
        raise AssertionError

    def __bool__(self) -> bool:
        """Raise."""
        raise AssertionError


class Posing:
    """Says that it is something else."""

    __class__ = property(lambda _: int)
    __dict__ = property(lambda _: {"lie": 1})


def secret() -> object:
    """Return an object of such a class."""
    return type.__call__(Secret)


def test_an_object_that_raises_is_looked_at_without_asking_it() -> None:
    """Its attributes, its class and the module of that are found in the slots of the interpreter."""
    value = secret()

    assert bare_objects.dict_of(value) == {"own": 1}
    assert {"own", "__eq__"} <= bare_objects.attribute_names(value)
    assert bare_objects.module_of(value) == __name__
    assert bare_objects.is_a(value, object)
    assert not bare_objects.is_a(value, type)


def test_what_an_object_says_of_itself_does_not_count() -> None:
    """Neither its class nor its attributes are what a property makes of them."""
    assert not bare_objects.is_a(Posing(), int)
    assert bare_objects.dict_of(Posing()) is None


def test_what_stands_for_a_module_has_no_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything may be put into `sys.modules`; only what the import system made counts."""
    module = ModuleType("odd")
    module.__spec__ = secret()  # type: ignore[assignment]  # anybody may
    module.__path__ = secret()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "odd", module)

    assert bare_objects.spec_of(secret()) is None
    assert bare_objects.spec_of(module) is None
    assert list(bare_objects.package_folders("odd")) == []
    assert bare_objects.loaded_attribute("odd", "__path__") is module.__path__


def test_folders_of_packages_are_found_also_those_without_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace package has a list of its own kind."""
    (tmp_path / "bare_namespace").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("bare_namespace")

    assert list(bare_objects.package_folders("bare_namespace")) == [f"{tmp_path}/bare_namespace"]
    assert list(bare_objects.package_folders("importlib")) == list(sys.modules["importlib"].__path__)
    assert list(bare_objects.package_folders("sys")) == []
