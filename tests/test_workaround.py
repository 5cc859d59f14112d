"""The registry of workarounds: halves, order, postponement, and failures that stop nothing."""

from __future__ import annotations

import contextlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote import workaround
from pytest_zygote.workaround import Postponed, Registry, is_importable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def always(_library: str) -> bool:
    """Want all workarounds."""
    return True


@pytest.fixture
def registry() -> Registry:
    """Provide a registry of the test's own."""
    return Registry()


def test_halves_run_around_and_the_last_begun_ends_first(registry: Registry) -> None:
    """As with-statements do."""
    calls: list[str] = []

    @registry.adder(registry.around, "one")
    def first() -> Iterator[None]:
        calls.append("first begins")
        yield
        calls.append("first ends")

    @registry.adder(registry.around, "two")
    def second() -> Iterator[None]:
        calls.append("second begins")
        yield
        calls.append("second ends")

    assert registry.begin(always) == []
    assert registry.has_begun
    assert registry.begin(always) == []
    assert registry.end() == []
    assert calls == ["first begins", "second begins", "second ends", "first ends"]
    assert not registry.has_begun


def test_a_function_without_yield_has_a_first_half_only(registry: Registry) -> None:
    """It counts as begun all the same."""
    calls: list[str] = []
    registry.adder(registry.around, "one")(lambda: calls.append("ran"))

    registry.begin(always)
    registry.end()

    assert calls == ["ran"]


def test_a_workaround_whose_library_is_not_there_does_not_run(registry: Registry) -> None:
    """It may run later, when the library is loaded."""
    calls: list[str] = []
    registry.adder(registry.around, "one")(lambda: calls.append("ran"))

    registry.begin(lambda library: library != "one")
    assert calls == []
    registry.begin(always)
    assert calls == ["ran"]


def test_what_needs_an_import_is_left_to_the_runs(registry: Registry) -> None:
    """The zygote does not try again; a run, which inherits the registry, does."""
    calls: list[str] = []

    def needs_import() -> None:
        calls.append("tried")
        if len(calls) == 1:
            raise Postponed

    registry.adder(registry.around, "one")(needs_import)

    assert registry.begin(always) == []
    assert not registry.has_begun
    registry.begin(always)
    assert calls == ["tried"]
    registry.inherit()
    registry.begin(always)
    assert calls == ["tried", "tried"]


def test_a_run_leaves_to_its_zygote_what_that_has_begun(registry: Registry) -> None:
    """Neither half runs again in the run, whose status the zygote reports after the second halves."""
    calls: list[str] = []

    @registry.adder(registry.around, "one")
    def only() -> Iterator[None]:
        calls.append("begins")
        yield
        calls.append("ends")

    registry.begin(always)
    registry.inherit()
    registry.begin(always)
    registry.end()

    assert calls == ["begins"]
    assert registry.is_awaited


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
def test_one_that_raises_is_reported_by_name_and_the_others_run(registry: Registry, error: BaseException) -> None:
    """Not even SystemExit ends a zygote."""
    calls: list[str] = []

    def broken() -> None:
        raise error

    registry.adder(registry.around, "one")(broken)
    registry.adder(registry.around, "two")(lambda: calls.append("ran"))

    (failure,) = registry.begin(always)

    assert "broken for one failed:\n" in failure
    assert type(error).__name__ in failure
    assert calls == ["ran"]


def test_a_second_yield_is_reported(registry: Registry) -> None:
    """There are two halves."""

    @registry.adder(registry.around, "one")
    def thrice() -> Iterator[None]:
        yield
        yield

    registry.begin(always)
    (failure,) = registry.end()

    assert "it yields more than once" in failure


def test_what_belongs_into_a_run_runs_there_once(registry: Registry) -> None:
    """Registered again by a module that is executed again, it replaces the first."""
    calls: list[str] = []

    def reconnect() -> None:
        calls.append("ran")

    registry.adder(registry.forked, "one")(reconnect)
    registry.adder(registry.forked, "one")(reconnect)

    assert registry.run_forked(always) == []
    assert registry.run_forked(always) == []
    assert calls == ["ran"]


def test_each_half_runs_in_the_given_context(registry: Registry) -> None:
    """So that a zygote can bound what it executes."""
    entered: list[str] = []

    @contextlib.contextmanager
    def bounds() -> Iterator[None]:
        entered.append("entered")
        yield

    @registry.adder(registry.around, "one")
    def only() -> Iterator[None]:
        yield

    registry.begin(always, bounds)
    registry.end(bounds)

    assert entered == ["entered", "entered"]


def test_a_library_switches_its_workarounds_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a module of the name that the older plugin knows."""
    monkeypatch.setitem(sys.modules, "some_library", ModuleType("some_library"))
    assert workaround.is_loaded("some_library")
    assert workaround.is_importable("some_library")

    monkeypatch.setitem(sys.modules, f"some_library.{workaround.SWITCH_OFF}", ModuleType("off"))
    assert not workaround.is_loaded("some_library")
    assert not workaround.is_importable("some_library")


def test_a_library_that_is_not_imported_may_be_importable() -> None:
    """It is looked for, and not imported."""
    assert not workaround.is_loaded("this.is.not.there")
    assert not workaround.is_importable("this.is.not.there")
    assert workaround.is_importable("json.tool")


def named(calls: list[str], text: str) -> Callable[[], None]:
    """Return one of several functions that have one name."""
    return lambda: calls.append(text)


def test_functions_of_one_name_all_run(registry: Registry) -> None:
    """As those made in a loop, or by ``def _``."""
    calls: list[str] = []
    for number in ("1", "2", "3"):
        registry.adder(registry.around, "one")(named(calls, number))
        registry.adder(registry.forked, "one")(named(calls, f"-{number}"))
    assert registry.begin(always) == []
    assert registry.run_forked(always) == []
    assert calls == ["1", "2", "3", "-1", "-2", "-3"]


def test_module_that_is_executed_again_replaces_what_it_registered(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each function takes the place of the one that stood where it stands."""
    calls: list[str] = []
    for word in ("old", "new"):
        module = ModuleType("fixes")
        module.__spec__ = ModuleSpec("fixes", None)
        monkeypatch.setitem(sys.modules, "fixes", module)
        for number in (1, 2):
            function = named(calls, f"{word} {number}")
            function.__module__ = "fixes"
            registry.adder(registry.around, "one")(function)
    registry.begin(always)
    assert calls == ["new 1", "new 2"]


def test_workaround_for_a_library_without_a_name_is_reported(registry: Registry) -> None:
    """The others run."""
    calls: list[str] = []
    registry.adder(registry.around, "")(lambda: calls.append("around"))
    registry.adder(registry.forked, "")(lambda: calls.append("forked"))
    registry.adder(registry.around, "sys")(lambda: calls.append("ran"))
    (failure,) = registry.begin(is_importable)
    assert "it is registered for a library without a name" in failure
    assert len(registry.run_forked(is_importable)) == 1
    assert registry.run_forked(is_importable) == []
    assert calls == ["ran"]
