"""Groups and priorities, as pytest-mproc has them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from pytest_zygote.parallel.mproc_marks import (
    DEFAULT_PRIORITY,
    GroupTag,
    TagReader,
    TestError,
    TestExecutionConstraint,
    group,
    priority,
)
from tests.parallel.fakes import Item, make_config

if TYPE_CHECKING:
    import pytest


def read(function: object, cls: object = None, *fixtures: object) -> tuple[GroupTag | None, int]:
    """Return group and priority of a test."""
    item = Item("a.py::x", make_config(), function=function)
    definitions = {str(number): [SimpleNamespace(func=fixture)] for number, fixture in enumerate(fixtures)}
    item.cls = cls  # type: ignore[attr-defined]
    item._fixtureinfo = SimpleNamespace(name2fixturedefs=definitions)  # type: ignore[attr-defined]  # noqa: SLF001
    return TagReader().read(cast("pytest.Item", item))


def test_a_test_without_tags_has_the_middle_priority() -> None:
    """And no group."""
    assert read(lambda: None) == (None, DEFAULT_PRIORITY)


def test_a_test_has_its_own_tags_before_those_of_its_class() -> None:
    """And those before that of a fixture."""

    @group("function")
    def tagged() -> None: ...

    def plain() -> None: ...

    @group("fixture")
    def fixture() -> None: ...

    @priority(3)
    @group("class")
    class Tests: ...

    names = [tag.name for tag, _ in (read(tagged, Tests, fixture), read(plain, Tests, fixture)) if tag is not None]
    assert names == ["function", "class"]
    assert read(plain, None, fixture) == (GroupTag("fixture"), DEFAULT_PRIORITY)
    assert read(plain, Tests)[1] == 3


def test_a_group_may_have_a_priority_and_a_restriction() -> None:
    """What is only bound to a machine is not bound at all."""
    tag = GroupTag("g", 2, TestExecutionConstraint.SINGLE_NODE)

    @group(tag)
    def tagged() -> None: ...

    assert read(tagged) == (tag, DEFAULT_PRIORITY)


def test_tags_of_pytest_mproc_itself_are_understood() -> None:
    """It has classes of its own."""

    def tagged() -> None: ...

    restriction = SimpleNamespace(name="SINGLE_NODE")
    tagged._pytest_group = SimpleNamespace(name="g", priority=4, restrict_to=restriction)  # type: ignore[attr-defined]  # noqa: SLF001
    assert read(tagged)[0] == GroupTag("g", 4, TestExecutionConstraint.SINGLE_NODE)


def test_an_error_of_what_a_test_needs_asks_for_another_try() -> None:
    """Unless it says otherwise."""
    error = TestError("no port")
    assert (str(error), error.retry, error.fatal) == ("no port", True, False)
    assert not TestError(retry=False).retry
    assert TestError(fatal=True).fatal
